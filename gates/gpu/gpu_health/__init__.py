"""The gate `gpu-health`."""
