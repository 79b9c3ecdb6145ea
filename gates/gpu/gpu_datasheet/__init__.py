"""The gate `gpu-datasheet`."""
