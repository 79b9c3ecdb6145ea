"""The catalog: MCP servers that could be hosted, who approved them, and what is known of them."""
