"""Judges of a network: which connections manifests, or a cluster, allow."""
