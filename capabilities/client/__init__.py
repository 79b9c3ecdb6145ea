"""Configuration of MCP clients: families, drafts, rules, publications, what is released, reports, and putting it in place."""
