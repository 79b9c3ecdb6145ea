"""What can be asked about hosted MCP servers."""
