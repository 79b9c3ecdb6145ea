"""The gate `drift`."""
