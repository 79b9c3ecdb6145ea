"""``arcops.yaml``: how the server in a folder is hosted. `arcops host new` writes it, `arcops host deploy` reads it."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from pathlib import Path

from arcops.errors import Refused
from artifacts.reading import read_file
from artifacts.wire import from_values
from foundation.strict_yaml import load_all
from services.host.spec import Spec

HOSTING = "arcops.yaml"
_MOST = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosting:
    """How a folder is hosted: its ``name`` and ``title``, and what a row says of its start. ``reads`` and ``writes`` may be
    relative to the folder.
    """

    name: str = ""
    title: str = ""
    owner: str = ""
    command: str = ""
    arguments: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    bound: tuple[str, ...] = ()
    network: str = "none"
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    stateless: bool = False
    dedicated: bool = False
    one_host: bool = False
    warm: bool = False
    most: int = 32
    memory_mib: int = 4096
    idle_seconds: int = 600
    call_seconds: int = 600

    def spec(self, package: str, *, beside: Path) -> Spec:
        """The row of *package* that is hosted so; relative paths are those in the folder *beside*."""
        same = {one.name for one in fields(Spec)} & {one.name for one in fields(self)}
        spec = Spec(package=package, **{name: getattr(self, name) for name in same})
        reads, writes = (tuple(str(beside / one) for one in paths) for paths in (self.reads, self.writes))
        return replace(spec, reads=reads, writes=writes)


def read_hosting(file: Path) -> Hosting:
    """What *file* says. Raises `Refused` with the first thing that is wrong in it."""
    found = load_all(read_file(file, _MOST), what=str(file))
    if len(found) != 1:
        raise Refused(f"{file} holds {len(found)} documents; write one, such as 'arcops host new' does")
    return from_values(Hosting, found[0])


def written(hosting: Hosting) -> str:
    """*hosting* as a file: only what is not the usual value."""
    lines = ["# How 'arcops host deploy' hosts this server. docs/hosting.md says what each key means."]
    usual = Hosting()
    for one in fields(hosting):
        value = getattr(hosting, one.name)
        if value != getattr(usual, one.name):
            lines.append(f"{_camel(one.name)}: {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def _camel(name: str) -> str:
    first, *more = name.split("_")
    return first + "".join(one.capitalize() for one in more)
