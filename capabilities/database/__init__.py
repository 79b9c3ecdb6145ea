"""What can be asked about the database."""
