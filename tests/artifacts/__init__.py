"""Artifacts, seen as a holder of a key and a file sees them."""
