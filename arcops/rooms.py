"""Our packages, named once, and the place that each of them would be imported from.

Users have packages named ``flows`` and ``tasks`` too. If one of theirs were found before ours, it would run instead of ours, so
every door checks this first. The check runs before anything else is imported, so this module imports only what every
interpreter has already imported.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

ROOMS = (
    "arcops", "artifacts", "foundation", "reach", "amend", "manifests", "tasks", "gates", "flows", "services",
    "capabilities", "adapters", "policies",
)  # fmt: skip
"""Every package that is installed with ArcOps. The tests compare it with `pyproject.toml`."""

HOUSE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120  # pathlib is not imported yet
"""The folder that contains our packages: a checkout, or ``site-packages``."""


def found_elsewhere() -> str:
    """A sentence that names the first of our packages that is found in another folder than this one, or an empty string."""
    for room in ROOMS:
        for found in _found(room):
            if not _same(found, os.path.join(HOUSE, room)):  # noqa: PTH118
                return (
                    f"the package {room!r} would be imported from {found}, but ArcOps is at {HOUSE}, so another program's code "
                    "would run instead; run 'arcops' instead of 'python -m' there, and remove that folder from PYTHONPATH"
                )
    return ""


def refuse_elsewhere() -> None:
    """End this process with exit code 1 and that sentence, if there is one."""
    if sentence := found_elsewhere():
        raise SystemExit(f"arcops: {sentence}")


def leave_working_folder() -> None:
    """Import nothing more from the working folder: ``python -m`` puts it before the standard library."""
    here = _working_folder()
    sys.path[:] = [entry for entry in sys.path if (entry and not _same(entry, here)) or _same(entry or here, HOUSE)]


def _working_folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109
    except OSError:  # it was removed meanwhile
        return ""


def _found(room: str) -> list[str]:
    """The folder or file that *room* was imported from, if it was, and the one that it would be imported from now. This imports
    nothing.
    """
    imported = getattr(sys.modules.get(room), "__spec__", None)
    would = next((one for finder in sys.meta_path if (one := finder.find_spec(room, None)) is not None), None)
    return [_place(spec) for spec in (imported, would) if spec is not None]


def _place(spec: ModuleSpec) -> str:
    inside = spec.submodule_search_locations
    return str(next(iter(inside), "")) if inside is not None else str(spec.origin)


def _same(one: str, other: str) -> bool:
    return one == other or os.path.realpath(one) == os.path.realpath(other)
