"""Projections: the report in the formats of others. Each is derived, none is a second truth; the sealed statement is."""
