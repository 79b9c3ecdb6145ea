"""The gate `mesh`."""
