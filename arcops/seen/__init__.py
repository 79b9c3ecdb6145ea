"""The bodies of evidence: one module a kind, each a frozen dataclass that collectors fill and gates read."""
