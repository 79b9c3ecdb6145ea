"""Policies that ship with ArcOps, as YAML."""
