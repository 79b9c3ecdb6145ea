"""What the relay's image does not hold: packages that relay.txt does not bring, and rooms that the Dockerfile removes."""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_DOCKER = Path(__file__).parents[4] / "deployments" / "docker"


@cache
def without() -> str:
    """Statements after which nothing can be imported that the image does not hold."""
    return f"import sys; sys.modules.update(dict.fromkeys({sorted(missing())!r})); "


def missing() -> set[str]:
    """Names of modules that are here and not in the image."""
    held = _held()
    here = {name for name, owners in packages_distributions().items() if not held & {canonicalize_name(one) for one in owners}}
    return (here | removed()) - {"adapters", "arcops", "_distutils_hack", "_virtualenv"} - _ours(here)


def removed() -> set[str]:
    """Rooms, and rooms of rooms, that the Dockerfile removes from the relay."""
    text = (_DOCKER / "Dockerfile").read_text()
    return {one.replace("/", ".") for one in re.findall(r"/site-packages/([a-z/]+)", text.partition("AS relay-files")[2])}


def _ours(here: set[str]) -> set[str]:
    from arcops.rooms import ROOMS

    return {one for one in ROOMS if one not in removed()} & here


def _held() -> set[str]:
    """The distributions of relay.txt, with all that they require."""
    found: set[str] = set()
    waiting = (_DOCKER / "relay.txt").read_text().split()
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found:
            continue
        found.add(name)
        try:
            asked = [Requirement(one) for one in requires(name) or ()]
        except PackageNotFoundError:
            continue
        waiting += [one.name for one in asked if one.marker is None or one.marker.evaluate({"extra": ""})]
    return found
