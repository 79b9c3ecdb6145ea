"""Collectors of what a node's GPUs, their driver and the kernel report, and of the speed of the node."""
