"""The gate `sbom`."""
