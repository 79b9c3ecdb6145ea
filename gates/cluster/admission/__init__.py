"""The gate `admission`."""
