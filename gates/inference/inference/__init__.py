"""The gate `inference`."""
