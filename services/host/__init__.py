"""Hosted MCP servers: rows that name them, how they are installed and started, and the envelopes that go to them and back."""
