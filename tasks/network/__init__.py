"""Collectors of a network: manifests as they are, and as they were declared."""
