"""Known vulnerabilities, offline: OSV advisories imported into one file, and packages matched against it."""
