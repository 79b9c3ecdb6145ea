"""What is in the installed packages of a server, read and not run."""

from __future__ import annotations

from datetime import timedelta

from arcops.collector import Bounds, collector
from arcops.evidence import Seen, Sighting
from arcops.request import Request
from arcops.seen.server import Part, ServerContents
from tasks.server.case import TREE, read_case
from tasks.server.licences import node_licences, python_licences
from tasks.server.node_contents import folder_parts, node_parts
from tasks.server.python_contents import Parts, python_parts

_MOST = 2000


def _bounds(request: Request) -> Bounds:
    return Bounds(files=(request.target, *([request.declared] if request.declared is not None else [])))


@collector("server-contents", ServerContents, version="2", deadline=timedelta(minutes=5), isolated=True, bounds=_bounds)
def server_contents(request: Request, seen: Seen) -> Sighting[ServerContents]:
    """Look at every file of the installation."""
    package = read_case(request).lock.package
    tree = request.target / TREE
    found = Parts(tree=tree)
    if package.startswith("pypi:"):
        python_parts(tree, found)
        licences = list(python_licences(tree))
    elif package.startswith("npm:"):
        node_parts(tree, found)
        licences = list(node_licences(tree))
    else:
        folder_parts(tree, package, found)
        licences = []
    return Sighting(
        body=ServerContents(
            files=found.files,
            scripts=_bounded(found.scripts),
            startup=_bounded(found.startup),
            native=_bounded(found.native),
            altered=_bounded(found.altered),
            unowned=_bounded(found.unowned),
            unread=_bounded(found.unread),
            licences=tuple(sorted(set(licences), key=lambda one: (one.package, one.licence))),
        )
    )


def _bounded(parts: list[Part]) -> tuple[Part, ...]:
    """The first of *parts*, and one that stands for the rest, which no list of a policy can have."""
    ordered = sorted(parts, key=lambda one: (one.package, one.path, one.what))
    if len(ordered) <= _MOST:
        return tuple(ordered)
    return (*ordered[:_MOST], Part(package="", path="…", what=f"stands for {len(ordered) - _MOST} more"))
