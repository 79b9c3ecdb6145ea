"""Configuration of MCP clients: drafts, approvals and releases, what is served to clients, and what they report."""
