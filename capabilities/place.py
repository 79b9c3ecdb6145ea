"""The place that a capability is asked at, as doors know it: they import nothing below this floor."""

from __future__ import annotations

from flows.place import OUTSIDE_OUTPUT, Place, bounded, with_paths

__all__ = ["OUTSIDE_OUTPUT", "Place", "bounded", "with_paths"]
