"""The gate `licence`."""
