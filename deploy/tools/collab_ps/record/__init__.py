"""Resolves arguments to run folders and csv histories, and reads them."""
