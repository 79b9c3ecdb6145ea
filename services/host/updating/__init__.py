"""A new version of a hosted server: made, tried, and switched to."""
