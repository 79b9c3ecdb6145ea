"""The gate `benchmark`."""
