"""The gate `signatures`."""
