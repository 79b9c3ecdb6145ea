"""What can be asked about a cluster."""
