"""Judges of a network: what manifests, or a cluster, let talk to what."""
