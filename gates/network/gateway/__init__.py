"""The gate `gateway`."""
