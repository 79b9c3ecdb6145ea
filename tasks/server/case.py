"""The case of a server: what its row says, written into a folder for the collectors by the one who asks for a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from arcops.errors import Refused
from arcops.request import Request
from arcops.seen.server import Catalogued, Launching
from arcops.seen.server_tools import Pin
from artifacts.reading import read_file
from artifacts.wire import canonical_bytes, digest, from_json

NAME = "case.json"
SEAL = "sealed.json"
TREE = "tree"
"""Of an installation: the folder with its files, and beside it the note of what was installed."""
_MOST = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """A lock: see `services.host.lock.Lock`, whose bytes and digest these are."""

    package: str
    runtime: str
    text: str

    @property
    def digest(self) -> str:
        """As `services.host.lock.Lock.digest`."""
        return digest(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """``command`` and ``environment`` (``NAME=value``, no secret) start the server; ``cleared`` says that everything that can
    be judged without starting it was judged well, so that it may be started behind walls, without a network. ``before`` is what
    it offered when it was judged well before. ``catalogued`` is what the site's catalog says of the package's files.
    ``published`` are the kinds of attestations that the version before had, if that is not lost.
    """

    lock: Locked
    launching: Launching
    allowed: str = ""
    hosted: tuple[str, ...] = ()
    catalogued: tuple[Catalogued, ...] = ()
    command: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    cleared: bool = False
    before: tuple[Pin, ...] = ()
    published: tuple[str, ...] = ()
    published_lost: bool = False


def write_case(case: Case, folder: Path) -> None:
    """Write *case* into *folder*."""
    (folder / NAME).write_bytes(canonical_bytes(case))


def read_case(request: Request) -> Case:
    """The case of a *request*. Raises `Refused` if there is no case, or if it cannot be read."""
    if request.declared is None:
        raise Refused("no case was given; 'arcops host gate NAME' makes one")
    return from_json(Case, read_file(request.declared / NAME, _MOST))
