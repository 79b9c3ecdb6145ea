"""Collectors of what is known about a hosted MCP server before it runs."""
