"""The gate `network`."""
