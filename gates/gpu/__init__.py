"""Judges of a node: its GPUs, their driver, and what they can do."""
