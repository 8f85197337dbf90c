"""Trains the missing runs of an experiment's file, and compares all of them. experiment.md is the manual."""
