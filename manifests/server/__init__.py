"""The objects of one MCP server: what its specification and its profile become on a cluster."""
