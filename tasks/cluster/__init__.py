"""Collectors of a cluster's readiness, and of the workloads that ask to run in it."""
