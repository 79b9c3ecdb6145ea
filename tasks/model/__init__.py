"""Collectors of what a model is: its files, and what others signed and said of them."""
