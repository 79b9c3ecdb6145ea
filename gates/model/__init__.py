"""Judges of a model: its files, signatures, provenance, licence, materials and what is known against it."""
