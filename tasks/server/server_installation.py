"""The installation of a server: its lock, its files, and how it would be started, each by its digest."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from arcops.collector import collector
from arcops.errors import Refused
from arcops.evidence import Seen, Sighting
from arcops.request import Request
from arcops.seen.server import Installation
from artifacts.reading import read_file
from artifacts.wire import digest
from tasks.server.addresses import installed_address
from tasks.server.case import SEAL, TREE, read_case
from tasks.server.images import image_in
from tasks.server.installed_tree import seen as tree_of
from tasks.server.locks import ELSEWHERE

_MOST_LINKS = 1000


@collector("server-installation", Installation, version="3", deadline=timedelta(minutes=5))
def server_installation(request: Request, seen: Seen) -> Sighting[Installation]:
    """Read all that is installed. Raises `Refused` if it is not what was noted when it was installed."""
    case = read_case(request)
    try:
        said = json.loads(read_file(request.target / SEAL, 64 * 1024, follow=False))
    except ValueError as error:
        raise Refused(f"{SEAL} beside the installation cannot be read") from error
    found = tree_of(request.target / TREE)
    sealed = str(said.get("tree", "")) if isinstance(said, dict) else ""
    if sealed != found.digest or said.get("lock") != case.lock.digest:
        raise Refused("what is installed is not what was noted when it was installed; remove it, and install it again")
    package, text = case.lock.package, case.lock.text
    elsewhere = package.startswith(ELSEWHERE)
    return Sighting(
        body=Installation(
            package=case.lock.package,
            source=case.lock.package.partition(":")[0],
            runtime=case.lock.runtime,
            lock=case.lock.digest,
            tree=found.content,
            sealed=sealed,
            launch=digest(case.launching),
            launching=case.launching,
            allowed=case.allowed,
            hosted=case.hosted,
            catalogued=case.catalogued,
            files=found.files,
            leaving=tuple(_leaving(request.target / TREE)),
            host=installed_address(request.target / TREE, package, text).host if elsewhere else "",
        )
    )


def _leaving(tree: Path) -> Iterator[str]:
    """Links to outside of *tree*, except the interpreter of an environment. None leads out of an image."""
    if image_in(tree) is not None:
        return
    count, inside = 0, os.path.realpath(tree)
    for folder, folders, files in os.walk(tree):
        for name in (*folders, *files):
            path = Path(folder, name)
            if not path.is_symlink():
                continue
            place = path.relative_to(tree)
            if place.parts[:2] == ("venv", "bin") and place.name.startswith("python"):
                continue
            if os.path.commonpath([os.path.realpath(path), inside]) != inside:
                count += 1
                if count > _MOST_LINKS:
                    return
                yield str(place)
