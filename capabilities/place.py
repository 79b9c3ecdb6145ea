"""The place that a capability is called at, for the doors: they import nothing below this floor."""

from __future__ import annotations

from flows.place import OUTSIDE_OUTPUT, Place, bounded, with_paths

__all__ = ["OUTSIDE_OUTPUT", "Place", "bounded", "with_paths"]
