"""Collectors of what a node's GPUs, their driver and the kernel say of them, and of what the node can do."""
