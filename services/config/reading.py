"""The read path: what each client gets, from memory. It is fed by the rows of the database, or by the folder of a replica.

A reader holds no key and signs nothing. What it serves was signed when it was released, and never changes.
"""

from __future__ import annotations

import hashlib
import json
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from amend.client.families import KNOWN, Families
from amend.client.materialising import schema_uri
from arcops.errors import Refused
from arcops.late_pattern import late
from arcops.quoting import quoted
from services.config.rows import Released, cohort

MOST_EVENTS = 1000
"""Events in one answer of a poll."""
PAGE = 500
_TOKEN = late(r"r(0|[1-9][0-9]{0,17})\.([0-9a-f]{16})\Z")


class Source(Protocol):
    """What gives releases, in the order of the log."""

    def after(self, position: int, most: int) -> Sequence[Released]: ...


class Given:
    """A source of these *rows* alone, which are in the order of the log."""

    def __init__(self, rows: Sequence[Released]) -> None:
        self._rows = rows

    def after(self, position: int, most: int) -> Sequence[Released]:
        """The *most* first of them after *position*."""
        return [one for one in self._rows if one.position > position][:most]


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A release as it is served: its document's ``body`` in bytes with the ``etag``, and what is asked of it often.

    The document stands in ``body`` alone; ``row`` is without it.
    """

    row: Released
    body: bytes
    etag: str
    salt: str
    changelog: str
    event: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """``status``: ``up-to-date``; ``outdated``, if what the client has was released for it once; ``unknown``, if it never
    was.
    """

    status: str
    latest_artifact_id: str
    version: str
    changelog: str


class Reading:
    """What is released. `refresh` asks the source for more; everything else only reads memory, from any thread."""

    def __init__(self, source: Source, families: Callable[[], Families] = lambda: KNOWN) -> None:
        self._source = source
        self._families = families
        self._lock = threading.Lock()
        self._events: list[dict[str, Any]] = []
        self._positions: list[int] = []
        self._heads: dict[tuple[str, str, str], tuple[Served, ...]] = {}
        self._artifacts: dict[tuple[str, str], set[str]] = {}
        self._last = -1

    def refresh(self) -> int:
        """Read what was released meanwhile; how many that is. Raises `Unavailable` if the source does not answer."""
        with self._lock:
            count = 0
            while page := self._source.after(self._last, PAGE):
                for row in page:
                    self._add(row)
                    count += 1
            return count

    @property
    def last(self) -> int:
        """The log's position of the newest release that is known here; -1 if none is."""
        return self._last

    def _add(self, row: Released) -> None:
        said = json.loads(row.document)
        body = row.document.encode()
        event = {
            "token": "",
            "clientId": row.client,
            "profile": row.profile,
            "schemaRef": row.schema,
            "artifactId": row.artifact,
            "version": row.version,
            "issuedAt": said["issuedAt"],
            "kind": said["release"]["kind"],
            "percent": row.percent,
            "changelog": said["changelog"],
            "publisherId": said["provenance"]["publisherId"],
            "policySetId": said["policySetId"],
            "record": row.record,
        }
        one = Served(
            row=replace(row, document=""),
            body=body,
            etag=f'"{hashlib.sha256(body).hexdigest()}"',
            salt=said["release"]["salt"],
            changelog=said["changelog"],
            event=event,
        )
        event["token"] = self._token(row.position, (*self._chain(), row.record))
        key = (row.client, row.profile, row.schema)
        whole = row.percent >= 100
        before = tuple(had for had in self._heads.get(key, ()) if had.row.artifact != row.artifact or had.row.percent >= 100)
        self._heads[key] = (one,) if whole else (one, *before)
        self._artifacts.setdefault((row.client, row.profile), set()).add(row.artifact)
        self._positions.append(row.position)
        self._events.append(event)  # of a release that was replaced only this stays in memory, and not its document
        self._last = row.position

    def _chain(self) -> tuple[str, ...]:
        return (self._events[-1]["token"],) if self._events else ()

    def _token(self, position: int, parts: Sequence[str]) -> str:
        """A token names a place in this log, and everything before it, so that one of another log is not taken for it."""
        return f"r{position}.{hashlib.sha256(' '.join(parts).encode()).hexdigest()[:16]}"

    def clients(self) -> list[dict[str, Any]]:
        """The families with their schemas, and the profiles in which something is released for them."""
        found: list[dict[str, Any]] = []
        for family in self._families().all():
            found.append(
                {
                    "clientId": family.id,
                    "title": family.title,
                    "format": family.form.value,
                    "schemas": [
                        {
                            "schemaRef": schema_uri(family.id, one.version),
                            "version": one.version,
                            "versionRange": one.clients,
                            "requiredKeys": list(one.key),
                            "deprecatedAfter": one.until or None,
                        }
                        for one in family.schemas
                    ],
                    "capabilities": [*(one.value for one in family.transports), *(one.value for one in family.modes)],
                    "profiles": list(self.profiles(family.id)),
                    "files": [
                        {
                            "surface": one.surface,
                            "mode": one.mode.value,
                            "linux": one.linux,
                            "macos": one.macos,
                            "windows": one.windows,
                        }
                        for one in family.files
                    ],
                    "variables": family.variables,
                    "missingVariable": family.missing.value,
                    "notes": list(family.notes),
                    "sources": list(family.sources),
                    "dated": family.dated,
                }
            )
        return found

    def profiles(self, client: str) -> tuple[str, ...]:
        """The profiles in which something is released for *client*. Raises `Refused` if there is no such family."""
        self._families().of(client)
        return tuple(sorted({profile for one, profile, _ in list(self._heads) if one == client}))

    def get(self, client: str, profile: str, *, schema: str = "", who: str = "") -> Served:
        """What *client* in *profile* gets, in the form of the *schema* version (the default if none is named).

        *who* names one machine, for canaries; it is not kept. Raises `Refused` if nothing is released for them.
        """
        version = self._families().of(client).schema(schema).version
        for one in self._heads.get((client, profile, schema_uri(client, version)), ()):
            if one.row.percent >= 100 or (who and cohort(who, one.salt) < one.row.percent):
                return one
        there = ", ".join(self.profiles(client)) or "none"
        raise Refused(f"nothing is released for {client} in the profile {quoted(profile)}; the profiles are: {there}")

    def heads(self) -> tuple[Served, ...]:
        """Everything that some client gets now."""
        return tuple(one for some in list(self._heads.values()) for one in some)

    def diff(self, client: str, profile: str, current: str, *, schema: str = "", who: str = "") -> Difference:
        """How *current*, an artifact id, stands to what the client gets now. Raises `Refused` as `get`."""
        latest = self.get(client, profile, schema=schema, who=who)
        if current == latest.row.artifact:
            status = "up-to-date"
        else:
            status = "outdated" if current in self._artifacts.get((client, profile), ()) else "unknown"
        return Difference(
            status=status, latest_artifact_id=latest.row.artifact, version=latest.row.version, changelog=latest.changelog
        )

    def token(self) -> str:
        """The token of now: what is released after it comes after it."""
        return str(self._events[-1]["token"]) if self._events else self._token(0, ())

    def poll(
        self, since: str, *, client: str = "", profile: str = "", most: int = MOST_EVENTS
    ) -> tuple[list[dict[str, Any]], str]:
        """The events after the token *since* (all of them if it is empty), and the token to go on with.

        Raises `Refused` for a token that is not of this log: then something may have been missed, so begin without one.
        """
        first = self._place(since)
        found: list[dict[str, Any]] = []
        token = since or self._token(0, ())
        for one in self._after(first):
            token = str(one["token"])
            if client in ("", one["clientId"]) and profile in ("", one["profile"]):
                found.append(one)
                if len(found) >= most:
                    break
        return found, token

    def _place(self, since: str) -> int:
        """The number of the first event after the token *since*."""
        if not since or since == self._token(0, ()):
            return 0
        if not _TOKEN.match(since):
            raise Refused("this is no token of changes; begin without one")
        position = int(since[1:].partition(".")[0])
        place = bisect_left(self._positions, position)
        if place >= len(self._events) or self._events[place]["token"] != since:
            raise Refused("this token is not of this log, or from a part of it that is not here yet; begin without one")
        return place + 1

    def _after(self, first: int) -> Iterator[dict[str, Any]]:
        for number in range(first, len(self._events)):
            yield self._events[number]
