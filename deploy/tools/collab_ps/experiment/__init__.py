"""Trains the runs of a declarative file that are missing, and compares them. experiment.md is the manual."""
