"""``arcops host snapshot``, ``restore`` and ``drift``: the hosts' configuration, kept and put back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.cli import surroundings
from adapters.cli.answering import answered, shown
from adapters.cli.commands import Given, command
from adapters.cli.exits import GREEN, RED
from adapters.cli.plain import print_json
from adapters.cli.printing import Answering, TextOrJson
from arcops.asks import shaped
from artifacts.projections.lines import printable

if TYPE_CHECKING:
    from capabilities.server.restoring import HostRestore, HostRestored
    from capabilities.server.snapshotting import DriftFound, HostDrift, HostSnapshotTake, SnapshotTaken


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking(Answering):
    """The options of ``host snapshot``."""

    output: Path | None = field(default=None, metadata=shaped(short="-o"))
    """Write the signed snapshot here, too."""
    key: str = ""
    """Signing key: a file, env:NAME, or a PKCS#11 or cloud KMS URI [environment: ARCOPS_KEY]."""


@command("host snapshot", "capabilities.server.snapshotting:host_snapshot", own=Taking, example="-o hosts.json")
def snapshot(given: Given[HostSnapshotTake, SnapshotTaken, Taking]) -> None:
    """Take a signed snapshot of the hosts' configuration; it has no secret, only references."""
    own = given.own
    found = answered(given, surroundings.place(key=own.key), own.output, lambda made: made.bundle)
    if own.form is TextOrJson.JSON:
        print_json(found)
        return
    print(f"configuration {found.content}: {len(found.servers)} servers, {len(found.files)} files")
    print(f"snapshot {found.artifact}{f', in {own.output}' if own.output is not None else ''}")


@command("host restore", "capabilities.server.restoring:host_restore", own=Answering, example="hosts.json")
def restore(given: Given[HostRestore, HostRestored, Answering]) -> None:
    """Make the hosts' configuration that of a snapshot, whole or not at all."""

    def show(found: HostRestored) -> None:
        for one in found.lines:
            print(printable(one))
        print(f"restored in {found.milliseconds} ms: the configuration is {found.content}")
        for one in found.unjudged:
            print(printable(f"Next: arcops host gate {one}"))

    shown(given, show)


@command("host drift", "capabilities.server.snapshotting:host_drift", own=Answering, example="hosts.json")
def drift(given: Given[HostDrift, DriftFound, Answering]) -> int:
    """Say what is other now than in a snapshot: 0 if its configuration is that of now, 3 if not."""

    def show(found: DriftFound) -> None:
        print(printable(f"snapshot of {found.site or 'this site'} by {found.by}, {found.taken:%Y-%m-%d %H:%M:%S}Z"))
        for one in (*found.lines, *found.moved):
            print(printable(one))
        if found.same:
            print("the configuration is that of the snapshot")

    found = shown(given, show)
    return GREEN if found.same else RED
