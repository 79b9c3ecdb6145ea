"""Several organisations behind one address: each has its own folder with its store, database, trust, rules and key, and is
asked below ``/organisations/NAME``. A caller of another tenant gets nothing of it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from adapters.http.access import IDENTITY
from adapters.http.configuration import Configuration
from arcops.errors import Refused
from arcops.identity import Identity
from capabilities.place import Place
from foundation.authorization.role_policy import RESERVED
from foundation.settings import read_settings
from services.config.documents import BASE

PREFIX = "/organisations"
DISCOVERY = "/.well-known/mcp-configuration"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\Z")
_SHARED = ("ARCOPS_TIER", "ARCOPS_SITE", "ARCOPS_AUDIT")
"""What an organisation's settings share with those of this process: everything else is in its own folder."""


def organisations(named: Sequence[str]) -> dict[str, Path]:
    """The folder of each organisation in *named*, which are written NAME=FOLDER. Raises `Refused` if one is not."""
    found: dict[str, Path] = {}
    for one in named:
        name, equals, folder = one.partition("=")
        if not equals or not _NAME.match(name) or not folder:
            raise Refused(f"{one[:80]!r} names no organisation; write --organisation NAME=FOLDER, in a-z, 0-9 and '-'")
        if name in found:
            raise Refused(f"the organisation {name!r} is named twice")
        if not Path(folder).is_dir():
            raise Refused(f"{folder} is not a folder; it is the ARCOPS_HOME of {name!r}, with its trust, rules and key")
        found[name] = Path(folder).absolute()
    folders = sorted(found.values())
    for first, second in pairwise(folders):
        if second.is_relative_to(first):
            raise Refused(f"{second} lies in {first}, so one organisation would be inside another; give each its own folder")
    return found


def place_of(at: Place, folder: Path, environment: Mapping[str, str] = os.environ) -> Place:
    """The place of the organisation in *folder*, for callers of the door at *at*."""
    from foundation.secrets.signing_key import loaded_signer

    shared = {name: environment[name] for name in _SHARED if name in environment}
    settings = read_settings({**shared, "ARCOPS_HOME": str(folder)})
    return replace(
        at,
        settings=settings,
        signer=lambda: loaded_signer(settings.key, environment, settings.tier, None, public=None),
        own=False,
        roots=(),
    )


@dataclass(slots=True, kw_only=True)
class OfOrganisation(Configuration):
    """The service of one organisation: only callers of the tenant of its name, and the user of this machine, are answered."""

    organisation: str

    async def _read(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not await self._turned_away(scope, receive, send):
            await Configuration._read(self, scope, receive, send)

    async def _do(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not await self._turned_away(scope, receive, send):
            await Configuration._do(self, scope, receive, send)

    async def _turned_away(self, scope: Scope, receive: Receive, send: Send) -> bool:
        caller: Identity | None = scope.get(IDENTITY)
        if caller is not None and (caller.tenant == self.organisation or caller.issuer == RESERVED):
            return False
        answer = JSONResponse({"error": "this organisation is not that of the caller"}, status_code=403)
        await answer(scope, receive, send)
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Below:
    """The service ``made`` of an organisation, measured as ``app``, below its own path: it is asked as if it were alone."""

    made: Configuration
    app: ASGIApp
    path: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        below = {**scope, "path": str(scope["path"]).removeprefix(self.path), "root_path": ""}
        if below["path"] == DISCOVERY and scope["method"] in ("GET", "HEAD"):
            answer = await self.made.discovery(Request(below))
        elif str(below["path"]).startswith(f"{BASE}/"):
            await self.app(below, receive, send)
            return
        else:
            answer = JSONResponse({"error": "there is no such page"}, status_code=404)
        await answer(below, receive, send)
