"""What helps a person to write a policy: the shipped names, every default as YAML, and what is lacking or misspelt."""

from __future__ import annotations

from flows.policies.correcting import written_out
from flows.policies.reading import Miswritten, shipped_policies

__all__ = ["Miswritten", "shipped_policies", "written_out"]
