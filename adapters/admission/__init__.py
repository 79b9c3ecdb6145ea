"""The door of a cluster: an API server asks over HTTPS whether workloads may run."""
