"""The byte path from MCP clients to hosted servers."""
