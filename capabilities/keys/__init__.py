"""What can be asked about keys."""
