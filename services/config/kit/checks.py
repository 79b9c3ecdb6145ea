"""All checks of the kit, by the criterion that they belong to."""

from __future__ import annotations

from services.config.kit import (  # noqa: F401  # each declares its checks
    artifact_checks,
    change_checks,
    documentation_checks,
    publishing_checks,
    tampering_checks,
)
from services.config.kit.declaring import DECLARED, Check

CHECKS: tuple[Check, ...] = tuple(sorted(DECLARED, key=lambda one: one.id))
"""They are declared by the modules above, in the order of their ids."""
