"""What people say about pages, runbooks and templates, and what became of it."""
