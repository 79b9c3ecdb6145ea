"""The operator of MCP servers on Kubernetes: what a resource means, and what is to be made of it. Pure."""
