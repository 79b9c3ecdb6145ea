"""Snapshots of the hosts' configuration: taken whole, restored whole or not at all."""
