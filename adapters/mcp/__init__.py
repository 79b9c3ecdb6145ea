"""The tools over the Model Context Protocol, on the official SDK: over standard streams, and over streamable HTTP.

One server serves the revisions 2025-11-25 and 2026-07-28. It holds no logic: what it offers are the capabilities of
`capabilities`, and what it says of them is what they say of themselves.
"""
