"""How a field says that it is not written where it is empty: a format can gain it, and what was signed before still reads."""

from __future__ import annotations

from collections.abc import Mapping

LEFT_OUT: Mapping[str, object] = {"arcops.left_out_when_empty": True}
"""The metadata of a field, a string or a tuple, left out if it is empty, or a boolean, left out if it is false."""
