"""Judges of a model: its files, signatures, provenance, licence, components and known vulnerabilities."""
