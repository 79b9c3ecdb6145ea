"""What can talk to what: a pure engine over the network that manifests describe.

Sets of pods are bit sets over classes of pods that no rule distinguishes. Sets of addresses and ports are made of the ranges
into which the rules cut them. Every answer names the rules that decide.
"""
