"""The tools over the Model Context Protocol, on the official SDK: over standard streams, and over streamable HTTP.

One server serves the revisions 2025-11-25 and 2026-07-28. It holds no logic: it offers the capabilities of `capabilities`, with
their own descriptions.
"""
