"""The packages of a server: those of its lock, compared with those that are installed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from arcops.collector import collector
from arcops.evidence import Seen, Sighting
from arcops.request import Request
from arcops.seen.server import Packages, Pinned
from tasks.server.case import TREE, read_case
from tasks.server.image_packages import packages_within
from tasks.server.installed_packages import Found, distributions, node_packages
from tasks.server.locks import IMAGES, UNLISTED, read_lock


@collector("server-packages", Packages, version="2", deadline=timedelta(minutes=2))
def server_packages(request: Request, seen: Seen) -> Sighting[Packages]:
    """Read the lock, and the metadata of what is installed; of an image, the lists that are in it."""
    case = read_case(request)
    tree = request.target / TREE
    if case.lock.package.startswith(IMAGES):
        return Sighting(body=packages_within(tree))
    if case.lock.package.startswith(UNLISTED):
        return Sighting(body=Packages(packages=(), listed=False))
    lock = read_lock(case.lock.package, case.lock.text)
    npm = case.lock.package.startswith("npm:")
    there = list(node_packages(tree) if npm else distributions(tree))
    by_key = {_key(one, npm=npm): one for one in there}
    packages, known = [], set()
    for one in lock.packages:
        key = (one.place if npm else "", one.name, one.version)
        known.add(key)
        packages.append(replace(one, installed=key in by_key))
    beside = [f"{found.name or found.place} {found.version}".strip() for key, found in by_key.items() if key not in known]
    beside += [f"{one.name} {one.version}" for one in _twice(there, npm=npm)]
    return Sighting(body=Packages(packages=_sorted(packages), beside=tuple(sorted(set(beside))), problems=lock.problems))


def _key(found: Found, *, npm: bool) -> tuple[str, str, str]:
    return (found.place if npm else "", found.name, found.version)


def _twice(there: list[Found], *, npm: bool) -> list[Found]:
    """Distributions whose name another one has: Python imports one of them, and the lock has one."""
    names = [one.name for one in there]
    return [] if npm else [one for one in there if names.count(one.name) > 1]


def _sorted(packages: list[Pinned]) -> tuple[Pinned, ...]:
    return tuple(sorted(packages, key=lambda one: (one.purl, one.place)))
