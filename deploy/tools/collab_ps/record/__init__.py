"""Reads what is compared: run folders, csv histories, and what an argument stands for."""
