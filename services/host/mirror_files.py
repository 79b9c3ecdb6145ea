"""The files that a lock names, fetched from where the index says that they are, each compared with its digest."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator

from arcops.errors import Refused
from foundation.egress.permission import Purpose
from foundation.egress.question import Way
from services.host.installers import pypi
from services.host.installers.workshop import Workshop
from services.host.lock import Lock
from services.host.mirrored import digests, named
from services.host.spec import read_package

_MOST = 512 << 20


def fetched(lock: Lock, at: Workshop) -> Iterator[tuple[str, bytes]]:
    """The name and the bytes of each file that an installation of *lock* on a machine like this one needs.

    Raises `Refused` if the tier does not allow it, or if a file is not the one that the lock names.
    """
    wanted = digests(lock)
    way = Way(
        tier=at.tier,
        purpose=Purpose(
            what=f"a file of {lock.package}",
            form="it is an address of the index",
            instead="set ARCOPS_TIER=restricted on a machine that reaches the index of its site",
        ),
        seconds=300.0,
        most=_MOST,
    )
    for name, url in _addresses(lock, at):
        answer = way.ask("GET", url, {"Accept": "*/*"})
        if answer.status != 200:
            raise Refused(f"{name} is not there (HTTP {answer.status}); ask another index")
        if not wanted & named(answer.body):
            raise Refused(f"{name} is not the file that the lock of {lock.package} names")
        yield name, answer.body


def _addresses(lock: Lock, at: Workshop) -> Iterator[tuple[str, str]]:
    if lock.package.startswith("npm:"):
        for entry in json.loads(lock.text).get("packages", {}).values():
            if url := entry.get("resolved", ""):
                yield _last(url), url
        return
    from packaging.tags import sys_tags
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    here, wanted = set(sys_tags()), digests(lock)
    for package in tomllib.loads(pypi.addresses(read_package(lock.package), lock, at)).get("packages", []):
        for wheel in package.get("wheels", []):
            name = wheel.get("name") or _last(wheel["url"])
            try:
                fits = bool(parse_wheel_filename(name)[3] & here)
            except InvalidWheelFilename:
                continue
            if fits and f"sha256:{wheel.get('hashes', {}).get('sha256', '')}" in wanted:
                yield name, wheel["url"]


def _last(url: str) -> str:
    return url.partition("?")[0].partition("#")[0].rpartition("/")[2]
