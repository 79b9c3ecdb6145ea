"""The door for a cluster: its API server asks over HTTPS whether workloads may run."""
