"""What can be asked about a model."""
