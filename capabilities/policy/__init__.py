"""What can be asked about policies and gates."""
