"""The gate `release`."""
