"""The gate `weights`."""
