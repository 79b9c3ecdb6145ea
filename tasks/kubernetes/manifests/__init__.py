"""Kubernetes manifests as an API server would take them, with the file and line of every field."""
