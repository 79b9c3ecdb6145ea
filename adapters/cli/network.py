"""``arcops network``."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.cli import files, surroundings
from adapters.cli.answering import answer, answered, shown
from adapters.cli.commands import Given, command, group
from adapters.cli.exits import BY_VERDICT, CANNOT, GREEN, RED
from adapters.cli.judging import begin, judge, keep, save_patch, tell, where
from adapters.cli.options import Reaching
from adapters.cli.printing import Answering, Format
from arcops.asks import shaped
from arcops.errors import Refused
from arcops.tier import Tier
from artifacts.projections.printable import printable

if TYPE_CHECKING:
    from capabilities.judging import Judged
    from capabilities.network.check import CheckNetwork, Reached, ReachNetwork
    from capabilities.network.drift import Differing, DiffNetwork
    from capabilities.network.exposure import ExposedNetwork, ExposeNetwork
    from capabilities.network.generate import GeneratedNetwork, GenerateNetwork
    from capabilities.network.map import MapNetwork, MappedNetwork
    from capabilities.network.snapshot import SnapshotNetwork, Snapshotted

NETWORK = group("network", "Check what can talk to what, by Kubernetes manifests.")
_MOST_DOUBTS = 10


@command("network check", "capabilities.network.check:check_network", own=Reaching, example="manifests/ --policy network")
def check(given: Given[CheckNetwork, Judged, Reaching]) -> int:
    """Judge what manifests or a live cluster allow to talk to what; print the verdict and keep a signed artifact of it."""
    return judge(given)


@command(
    "network reach",
    "capabilities.network.check:reach_network",
    own=Answering,
    example="manifests/ --from shop/web --to 203.0.113.7:443",
)
def reach(given: Given[ReachNetwork, Reached, Answering]) -> int:
    """Say whether one end can reach another, and which rules decide. Exits 0 for yes, 3 for no, 1 if it is not certain."""
    found = shown(given, _print_reached, _print_canonical)
    if not found.certain:
        return CANNOT
    return GREEN if found.allowed else RED


@command("network diff", "capabilities.network.drift:diff_network", own=Reaching, example="manifests/")
def diff(given: Given[DiffNetwork, Differing, Reaching]) -> int:
    """Show what may talk in a cluster that was not declared, and what was declared and may not; keep a signed artifact.

    Exits 0 if nothing changed, 4 if less may talk, and 3 if more may talk or it is not certain.
    """
    own = given.own
    if own.only:
        raise Refused("--only narrows findings, and this command prints connections; leave it out")
    at = begin(own)
    found = answer(given.tool, given.ask(), at)
    keep(found.artifact, own.output, at)
    if own.form is not Format.TEXT:
        return tell(found.report, found.artifact, own, at)
    save_patch(found.report, own.patch)
    from reach.drift import Way

    for one in found.drift.reach:
        print(printable(f"{'+' if one.way is Way.GAINED else '-'} {one.source} to {one.target}: {one.ports}"))
    for other in (*found.drift.layers, *found.drift.objects):
        word = {Way.GAINED: "is not declared", Way.LOST: "is missing", None: "differs"}[other.way]
        print(printable(f"  {other.title} {word} ({other.at.path}:{other.at.line})"))
    _doubts((*found.doubts, *(f"what this changes: {one.title}" for one in found.drift.layers)))
    gained = sum(one.way is Way.GAINED for one in found.drift.reach)
    lost = len(found.drift.reach) - gained
    differ = len(found.drift.objects) + len(found.drift.layers)
    verdict = found.report.verdict
    print(f"{verdict.value}  {gained} connection(s) more than declared, {lost} fewer, {differ} object(s) differ")
    print(printable(f"artifact {where(found.artifact, own.output, at)}"))
    return BY_VERDICT[verdict]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """The file for the picture."""

    output: Path = field(metadata=shaped(short="-o"))
    """The SVG file to write."""


@command("network map", "capabilities.network.map:map_network", own=Drawing, example="manifests/ --output map.svg")
def draw(given: Given[MapNetwork, MappedNetwork, Drawing]) -> int:
    """Draw namespaces, workloads and what may talk to what. Exits 1 if the picture is not certain; the picture says so, too."""
    output = given.own.output
    found = answered(given, surroundings.place(), output, lambda made: made.svg)
    _doubts(found.doubts)
    print(printable(f"{output}: {found.workloads} workload(s), {found.lines} line(s)"))
    return CANNOT if found.doubts else GREEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Generating:
    """The folder for the manifests."""

    output: Path = field(metadata=shaped(short="-o"))
    """The folder for the manifests; it is made if it does not exist."""


@command(
    "network generate",
    "capabilities.network.generate:generate_network",
    own=Generating,
    reads={"definitions": files.definitions_text},
    example="web.yaml --output closed/",
)
def generate(given: Given[GenerateNetwork, GeneratedNetwork, Generating]) -> None:
    """Write deny-by-default manifests for a workload, proven GREEN before they are written.

    Either all files are written, or, if one cannot be written, the old content of the others stays.
    """
    from artifacts.writing import replace_whole, replaceable

    ask, output = given.ask(), given.own.output
    made = answer(given.tool, ask, surroundings.place())
    output.mkdir(parents=True, exist_ok=True)
    others = sorted({one.name for one in output.iterdir()} - {one.name for one in made.files})
    if others:
        raise Refused(f"{output} holds {others[0]}, which is not of this description and would be applied with it; remove it")
    for one in made.files:
        replaceable(output / one.name)
    for one in made.files:
        replace_whole(output / one.name, one.text.encode())
        print(printable(str(output / one.name)))
    custom = [one.name for one in made.files if one.custom]
    if custom:
        held = "were checked against the definitions given" if ask.definitions else "were not checked against definitions"
        print(
            f"The custom objects in {', '.join(custom)} {held}; 'check' asks for them again: put the site's "
            "CustomResourceDefinitions ('arcops network snapshot', or 'kubectl get crd -o yaml') beside these files."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SavingNetwork:
    """The folder for the manifests, and the tier."""

    output: Path = field(metadata=shaped(short="-o"))
    """The folder for the manifests: new, or one with a snapshot that was cut off."""
    tier: Tier | None = None
    """How far this run may connect; air-gapped if nothing else is set [environment: ARCOPS_TIER]."""


@command(
    "network snapshot",
    "capabilities.network.snapshot:snapshot_network",
    own=SavingNetwork,
    fills=("have", "seconds"),
    example="--output saved/",
)
def snapshot(given: Given[SnapshotNetwork, Snapshotted, SavingNetwork]) -> int:
    """Save a cluster's network objects, to check and compare them. The same command continues a snapshot that was cut off.

    Exits 1 if the cluster did not show all of it.
    """
    from capabilities.network.continuing import SECONDS, begin, take

    output = given.own.output
    at = surroundings.place(given.own.tier, stop=surroundings.stop_on_signals())
    index = begin(output, given.ask().context, at.now())
    if index.looked:
        print(printable(f"continued: {len(index.looked)} kind(s) of objects are there already"))
    index = take(output, index, lambda have: answer(given.tool, given.ask(have=have, seconds=SECONDS), at), at.now)
    missing = [one.missing for one in index.looked if one.missing]
    for sentence in missing:
        print(printable(f"not seen: {sentence}"))
    saved = sum(bool(one.sha256) and not one.missing for one in index.looked)
    print(f"{saved} kind(s) of objects saved, {len(missing)} not seen")
    return CANNOT if missing else GREEN


@command("network exposure", "capabilities.network.exposure:expose_network", own=Answering, example="manifests/")
def exposure(given: Given[ExposeNetwork, ExposedNetwork, Answering]) -> int:
    """Show which pods are reachable from outside, by which ways, names, ports and rules. Exits 1 if it is not certain."""
    found = shown(given, _print_exposed, _print_canonical)
    return CANNOT if found.doubts else GREEN


def _print_canonical(found: object) -> None:
    from artifacts.wire import canonical, to_json

    sys.stdout.buffer.write(canonical(to_json(found)) + b"\n")


def _print_reached(found: Reached) -> None:
    for one in found.connections:
        word = "yes" if one.allowed else "no"
        port = f"{one.protocol.value} {one.port}" if one.port else f"{one.protocol.value}, if it has no port with that name"
        print(printable(f"{word}: {one.source} to {one.target}, {port}"))
        for reason in one.reasons:
            at = f"{reason.at.path}:{reason.at.line}: " if reason.at is not None else ""
            print(printable(f"  {reason.direction.value.lower()}: {at}{reason.text}"))
    _doubts(found.doubts)


def _doubts(doubts: tuple[str, ...]) -> None:
    for doubt in doubts[:_MOST_DOUBTS]:
        print(printable(f"not certain: {doubt}"))
    if len(doubts) > _MOST_DOUBTS:
        print(f"not certain: {len(doubts) - _MOST_DOUBTS} more")


def _print_exposed(found: ExposedNetwork) -> None:
    for one in found.openings:
        word = "open" if one.open else "closed"
        to = f"{one.pods}, {f'{one.protocol.value} {one.port}' if one.port else 'any port'}"
        print(printable(f"{word}: {one.how} ({one.at.path}:{one.at.line}) to {to}"))
        if one.hosts:
            print(printable(f"  asked for as {', '.join('any name' if host == '*' else host for host in one.hosts)}"))
        for listener in one.listeners:
            where = f"{listener.at.path}:{listener.at.line}"
            print(printable(f"  by {listener.title}, {listener.protocol} {listener.port} ({where})"))
        if one.sources and one.open:
            print(printable(f"  from {', '.join(one.sources)}"))
        for rule in one.rules:
            at = f"{rule.at.path}:{rule.at.line}: " if rule.at is not None else ""
            print(printable(f"  {at}{rule.text}"))
    for other in found.open_to:
        print(printable(f"by its own address: {other.pods} ({other.at.path}:{other.at.line}) from {other.who}: {other.ports}"))
    _doubts(found.doubts)
    ways = sum(one.open for one in found.openings)
    print(f"{ways} way(s) in are open, {len(found.openings) - ways} closed")
