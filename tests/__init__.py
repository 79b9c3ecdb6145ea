"""What a user would miss, shown from the outside if possible."""
