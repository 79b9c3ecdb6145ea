"""Judges of an inference endpoint."""
