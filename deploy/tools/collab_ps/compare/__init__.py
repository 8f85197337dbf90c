"""Compares runs: which loss is lower, and is the difference significant? compare.md is the manual."""
