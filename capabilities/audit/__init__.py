"""What can be asked about the audit log."""
