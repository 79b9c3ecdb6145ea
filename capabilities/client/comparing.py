"""Two releases of clients' configuration beside each other: what is said of them, and their payloads line by line."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from arcops.asks import shaped
from arcops.errors import Refused
from capabilities.client.looking import refuse_without_releases
from capabilities.client.place import rows_here
from capabilities.contract import Scope, tool
from flows.place import Place

if TYPE_CHECKING:
    from services.config.rows import Released, Rows

_RECORD = shaped(positional=True, title="RECORD", least=71, most=71)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareClientConfigs:
    """Which two releases to compare."""

    old: str = field(metadata=_RECORD)
    """The digest of a release record (sha256:…), as 'arcops conf audit' shows it."""
    new: str = field(metadata=_RECORD)
    """That of another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfigsCompared:
    """What differs: the names of the fields, and the payloads as the lines of a unified diff."""

    old: str
    new: str
    fields: tuple[str, ...]
    lines: tuple[str, ...]


@tool(title="Compare two releases of clients' configuration", scope=Scope.READ, reads_only=True)
def compare_client_configs(ask: CompareClientConfigs, at: Place) -> ClientConfigsCompared:
    """Say what differs between two releases, line by line of what a client reads."""
    refuse_without_releases(at)
    with rows_here(at) as rows:
        first, second = (json.loads(_release(rows, one).document) for one in (ask.old, ask.new))
    names = ("clientId", "profile", "schemaRef", "version", "policySetId", "artifactId")
    titles = [f"{one['clientId']}/{one['profile']} {one['version']}" for one in (first, second)]
    before, after = (str(one["payload"]).splitlines() for one in (first, second))
    return ClientConfigsCompared(
        old=titles[0],
        new=titles[1],
        fields=tuple(f"{name}: {first[name]} → {second[name]}" for name in names if first[name] != second[name]),
        lines=tuple(difflib.unified_diff(before, after, titles[0], titles[1], lineterm="")),
    )


def _release(rows: Rows, record: str) -> Released:
    found = rows.release_of(record)
    if found is None:
        raise Refused(f"there is no release {record[:80]!r}; 'arcops conf audit' lists them")
    return found
