"""Who is told about new artifacts."""
