"""Two releases of clients' configuration beside each other: what is said of them, and their payloads line by line."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass, field

from arcops.asks import shaped
from capabilities.client.looking import reading_here
from capabilities.contract import Scope, tool
from flows.place import Place

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
    with reading_here(at) as reading:
        old, new = reading.record(ask.old), reading.record(ask.new)
    first, second = json.loads(old.body), json.loads(new.body)
    names = ("clientId", "profile", "schemaRef", "version", "policySetId", "artifactId")
    titles = [f"{one['clientId']}/{one['profile']} {one['version']}" for one in (first, second)]
    before, after = (str(one["payload"]).splitlines() for one in (first, second))
    return ClientConfigsCompared(
        old=titles[0],
        new=titles[1],
        fields=tuple(f"{name}: {first[name]} → {second[name]}" for name in names if first[name] != second[name]),
        lines=tuple(difflib.unified_diff(before, after, titles[0], titles[1], lineterm="")),
    )
