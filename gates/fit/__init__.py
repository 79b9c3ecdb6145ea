"""Judges of models that share GPUs."""
