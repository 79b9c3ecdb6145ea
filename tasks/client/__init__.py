"""Collectors of what MCP clients are to be configured with."""
