"""What can be asked about who may call what here."""
