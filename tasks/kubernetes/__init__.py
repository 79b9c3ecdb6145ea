"""What collectors of networks and clusters share: the client for one API server, and manifests."""
