"""What entries mean: text as pieces, a small model, and its vectors in the database."""
