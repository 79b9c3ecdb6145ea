"""The gate `cluster`."""
