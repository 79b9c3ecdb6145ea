"""What a user would miss, shown from the outside where possible."""
