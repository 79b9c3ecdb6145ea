"""One version of an entry: what its publisher says of it, read strictly and kept in canonical form."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, cast

from arcops.errors import Refused
from artifacts.canonical import canonical
from artifacts.json_values import JSON
from services.host.catalog.registry_schema import OFFICIAL, STATUSES, refuse_unlike
from services.host.spec import Source

OURS = "dev.arcops/catalog"
"""In ``_meta`` beside a document: what this catalog adds to it (tags, and digests of files)."""
TAGS = ("env", "system", "owner")
"""The tags that an operator may demand of every entry."""
_TAG = re.compile(r"[a-z][a-z0-9-]{0,39}")
_MOST_TAGS = 20
_EXACT = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+!_-]*")
_RANGE = re.compile(r"(?:^|\.)[xX](?:\.|$)")


class Kind(StrEnum):
    """What an entry is."""

    SERVER = "server"
    """An MCP server."""
    AGENT = "agent"
    """An agent that speaks A2A, by its card."""


class Status(StrEnum):
    """What its publisher says of a version now."""

    ACTIVE, DEPRECATED, DELETED = STATUSES


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLock:
    """The ``digest`` of a ``file`` of a package, as its index gave it on the day ``seen``."""

    package: str
    file: str
    digest: str
    seen: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A version. ``text`` is the document in canonical form, and ``digest`` is of it; ``published`` is in milliseconds since
    1970, 0 if no one says so. ``packages`` are what it can be hosted from, as a row names them, and ``words`` what else it is
    found by.
    """

    kind: Kind
    name: str
    version: str
    title: str
    description: str
    text: str
    packages: tuple[str, ...] = ()
    words: str = ""
    status: Status = Status.ACTIVE
    published: int = 0
    tags: Mapping[str, str] = field(default_factory=dict)
    locks: tuple[FileLock, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical document."""
        return f"sha256:{hashlib.sha256(self.text.encode()).hexdigest()}"


def read_document(value: object, what: str) -> Document:
    """An MCP server's document, alone or as the registry's API answers it, with its ``_meta``. Raises `Refused`."""
    response = value if isinstance(value, dict) and "server" in value else {"server": value}
    refuse_unlike("response", response, what)
    found = cast(dict[str, Any], response)
    server, meta = found["server"], found.get("_meta", {})
    refuse_range(server["version"], f"the version of {what}")
    for one in server.get("packages", ()):
        if "version" in one:
            refuse_range(one["version"], f"the version of {one['identifier'][:100]} in {what}")
    official, ours = meta.get(OFFICIAL, {}), meta.get(OURS, {})
    packages = packages_of(server)
    return Document(
        kind=Kind.SERVER,
        name=server["name"],
        version=server["version"],
        title=server.get("title", ""),
        description=server["description"],
        text=canonical_text(server, what),
        packages=packages,
        words=_words(server),
        status=Status(official.get("status", "active")),
        published=milliseconds(official.get("publishedAt", "")),
        tags=read_tags(ours.get("tags", {}) if isinstance(ours, dict) else {}, what),
        locks=_locks(ours.get("locks", []) if isinstance(ours, dict) else [], what),
    )


def canonical_text(value: object, what: str) -> str:
    """*value* in canonical form (RFC 8785). Raises `Refused` if it has none."""
    try:
        return canonical(cast(JSON, value)).decode()
    except (ValueError, TypeError, OverflowError) as error:
        raise Refused(f"{what} has a value without a canonical form: {error}") from error


def refuse_range(version: str, what: str) -> None:
    """Raise `Refused` for a version that names several: what runs would be another thing tomorrow."""
    if not _EXACT.fullmatch(version) or _RANGE.search(version) or version.lower() == "latest":
        raise Refused(f"{what} is {version[:60]!r}, which is not one exact version")


def packages_of(server: Mapping[str, Any]) -> tuple[str, ...]:
    """What a *server*'s document can be hosted from, in its order, in the spelling of a row: ``pypi:NAME==VERSION``,
    ``npm:NAME@VERSION``, ``remote:URL``, ``sse:URL``. What this host cannot run is not among them.
    """
    found = []
    for one in server.get("packages", ()):
        version = one.get("version", "")
        if one["registryType"] == Source.PYPI and version:
            found.append(f"pypi:{one['identifier']}=={version}")
        elif one["registryType"] == Source.NPM and version:
            found.append(f"npm:{one['identifier']}@{version}")
        elif one["registryType"] == Source.OCI:
            found.append(f"oci:{one['identifier']}" + (f":{version}" if version and "@" not in one["identifier"] else ""))
    for one in server.get("remotes", ()):
        found.append(f"{'sse' if one['type'] == 'sse' else 'remote'}:{one['url']}")
    return tuple(found)


def read_tags(value: object, what: str) -> Mapping[str, str]:
    """Tags: a few short names with short values. Raises `Refused`."""
    if not isinstance(value, dict) or len(value) > _MOST_TAGS:
        raise Refused(f"the tags of {what} are not an object with at most {_MOST_TAGS} members")
    for name, one in value.items():
        if not _TAG.fullmatch(name):
            raise Refused(f"the tag {str(name)[:50]!r} of {what} is not a name of a-z, 0-9 and '-'")
        if not isinstance(one, str) or not 0 < len(one) <= 100 or not one.isprintable():
            raise Refused(f"the tag {name} of {what} is not a text of 1 to 100 characters")
    return dict(sorted(value.items()))


def milliseconds(moment: str) -> int:
    """A *moment* of RFC 3339 in milliseconds since 1970; 0 for none."""
    if not moment:
        return 0
    try:
        found = datetime.fromisoformat(moment)
    except ValueError as error:
        raise Refused(f"{moment[:40]!r} is not a moment of RFC 3339") from error
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)


def _words(server: Mapping[str, Any]) -> str:
    """What else a server is found by: its packages, its repository and the names of what it is configured with."""
    found = [one["identifier"] for one in server.get("packages", ())]
    found += [one["registryType"] for one in server.get("packages", ())]
    found += [one["url"].partition("://")[2] for one in server.get("remotes", ())]
    found += [one["name"] for two in server.get("packages", ()) for one in two.get("environmentVariables", ())]
    found.append(server.get("repository", {}).get("url", "").partition("://")[2])
    return " ".join(dict.fromkeys(one for one in found if one))[:4000]


def _locks(value: object, what: str) -> tuple[FileLock, ...]:
    from artifacts.wire import from_values

    if not isinstance(value, list) or len(value) > 500:
        raise Refused(f"the locks of {what} are not a list of at most 500")
    return tuple(from_values(FileLock, one) for one in value)
