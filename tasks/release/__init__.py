"""Collectors of a release: what the log says about each of its parts."""
