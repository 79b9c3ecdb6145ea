"""Signatures, certificates and logs, held against the operator's trust."""
