"""A gate is light to import: what judges a model, or at a door, waits for no array library, no wire format and no engine."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import gates

HOUSE = Path(__file__).resolve().parents[2]
HEAVY = frozenset(("numpy", "pydantic", "reach", "amend", "artifacts", "foundation"))
REACHING = "gates.network"
"""The one subject whose gates compute what can connect to what. Even they import no array library before they judge."""

pytestmark = pytest.mark.requirement("BASE-6/commands-start-quickly")


def heavy(*modules: str) -> set[str]:
    """What of `HEAVY` a fresh interpreter holds after it imported *modules*."""
    code = f"import sys; sys.path.insert(0, {str(HOUSE)!r}); import {', '.join(modules)}; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    return HEAVY & {name.partition(".")[0] for name in found.stdout.split()}


def test_no_gate_imports_an_array_library() -> None:
    assert not heavy(*(info.name for info in pkgutil.walk_packages(gates.__path__, "gates."))) & {"numpy", "pydantic"}


def test_no_gate_except_those_of_networks_imports_what_is_heavy() -> None:
    known = [info.name for info in pkgutil.walk_packages(gates.__path__, "gates.")]
    light = [name for name in known if not name.startswith(REACHING)]
    assert "gates.model.weights.gate" in light
    assert "gates.cluster.admission.gate" in light
    assert not heavy(*light)


def test_a_heavy_import_shows() -> None:
    assert {"numpy", "reach"} <= heavy("gates.network.drift.gate", "numpy")
