"""Servers of other machines as pipes: streamable HTTP in both eras of MCP, and the older HTTP+SSE."""
