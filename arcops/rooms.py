"""Our packages, named once, and where each of them would be found.

Users have packages named ``flows`` and ``tasks`` too. One of theirs that is found before ours would run in our place, so
every door asks here first. It is asked before anything else is imported, so nothing is imported here either but what every
interpreter holds already.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

ROOMS = (
    "arcops", "artifacts", "foundation", "reach", "amend", "manifests", "tasks", "gates", "flows", "capabilities",
    "adapters", "policies",
)  # fmt: skip
"""Every package that is installed with ArcOps. `pyproject.toml` and the tests are held to it."""

HOUSE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120  # pathlib is not imported yet
"""The folder that our packages lie in: a checkout, or ``site-packages``."""


def found_elsewhere() -> str:
    """A sentence naming the first of our packages that is found elsewhere than beside this one, or nothing."""
    for room in ROOMS:
        for found in _found(room):
            if not _same(found, os.path.join(HOUSE, room)):  # noqa: PTH118
                return (
                    f"the package {room!r} would be taken from {found}, but ArcOps is at {HOUSE}, so another program's code "
                    "would run in its place; run 'arcops' instead of 'python -m' there, and take that folder off PYTHONPATH"
                )
    return ""


def refuse_elsewhere() -> None:
    """End this process with 1 and that sentence, if there is one."""
    if sentence := found_elsewhere():
        raise SystemExit(f"arcops: {sentence}")


def leave_working_folder() -> None:
    """Import nothing from the working folder any more: ``python -m`` puts it before the standard library."""
    here = _working_folder()
    sys.path[:] = [entry for entry in sys.path if (entry and not _same(entry, here)) or _same(entry or here, HOUSE)]


def _working_folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109
    except OSError:  # it was removed meanwhile
        return ""


def _found(room: str) -> list[str]:
    """The folder or file that *room* was imported from, if it was, and that it would be; nothing is imported to learn it."""
    imported = getattr(sys.modules.get(room), "__spec__", None)
    would = next((one for finder in sys.meta_path if (one := finder.find_spec(room, None)) is not None), None)
    return [_place(spec) for spec in (imported, would) if spec is not None]


def _place(spec: ModuleSpec) -> str:
    inside = spec.submodule_search_locations
    return str(next(iter(inside), "")) if inside is not None else str(spec.origin)


def _same(one: str, other: str) -> bool:
    return one == other or os.path.realpath(one) == os.path.realpath(other)
