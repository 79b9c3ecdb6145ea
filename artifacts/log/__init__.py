"""The log: a file that only grows, a Merkle tree over its lines (RFC 6962), signed checkpoints, and a memory outside of it.

It handles bytes, not records, so it can hold any record; the store's record is `artifacts.entries`.
"""
