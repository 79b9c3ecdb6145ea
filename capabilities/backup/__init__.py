"""What can be asked about backups."""
