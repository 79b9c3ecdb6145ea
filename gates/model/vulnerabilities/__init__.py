"""The gate `vulnerabilities`."""
