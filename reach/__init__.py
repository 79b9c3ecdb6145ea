"""What can talk to what: a pure engine over the network that manifests describe.

Sets of pods are bit sets over classes of pods that no rule tells apart, sets of addresses and ports are made of the pieces into
which the rules cut them, and every answer names the rules that decide.
"""
