"""The official conformance suite of MCP, and a fixture for it that is served by the same code as our own tools."""
