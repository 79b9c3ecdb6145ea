"""NumPy, imported when it is first used: a policy about networks can be read without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
else:
    from arcops.late_module import LateModule

    np = LateModule("numpy", extra="network")

__all__ = ["np"]
