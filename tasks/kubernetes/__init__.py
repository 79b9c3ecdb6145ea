"""Shared code of the collectors for networks and clusters: the client for one API server, and manifests."""
