"""The log: a file that only grows, a Merkle tree over its lines (RFC 6962), signed checkpoints, and a memory outside of it.

It knows bytes and no records, so that any record can ride on it; the store's is `artifacts.entries`.
"""
