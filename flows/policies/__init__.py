"""Policies: read strictly, and registered."""
