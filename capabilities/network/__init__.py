"""What can be asked about a network."""
