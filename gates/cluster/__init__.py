"""Judges of a cluster, and of the workloads that ask to run in it."""
