"""What can be asked about artifacts and their store."""
