"""Judges of a hosted MCP server."""
