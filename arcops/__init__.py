"""The words of ArcOps: what every room above speaks, and nothing but the standard library."""
