"""What can be asked about an endpoint."""
