"""What can be asked about a node."""
