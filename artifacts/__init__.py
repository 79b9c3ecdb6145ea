"""Seal and keep: statements, envelopes, keys, store, ledger, and the published schemas."""
