"""Projections: the report in other formats. Each is derived; only the sealed statement counts."""
