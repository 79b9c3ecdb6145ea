"""How a field says that it is not written if it is empty: a format can gain the field, and older artifacts are still read."""

from __future__ import annotations

from collections.abc import Mapping

LEFT_OUT: Mapping[str, object] = {"arcops.left_out_when_empty": True}
"""The metadata of a field, a string or a tuple, left out if it is empty, or a boolean, left out if it is false."""
