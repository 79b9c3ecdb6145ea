"""Collectors for a model: its files, and the statements and signatures of others about them."""
