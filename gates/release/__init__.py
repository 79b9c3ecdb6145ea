"""Judges of a release: a model on a site, with all that must be ready."""
