"""Signatures, certificates and logs, checked against the operator's trust."""
