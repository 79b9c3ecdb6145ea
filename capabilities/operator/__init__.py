"""What can be asked about MCP servers on Kubernetes without a cluster."""
