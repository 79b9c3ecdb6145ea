"""What can be asked about a release."""
