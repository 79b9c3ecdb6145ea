"""``arcops network``."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from adapters.cli import surroundings
from adapters.cli.answering import answer, policy_for
from adapters.cli.checking import keep, tell, where
from adapters.cli.exits import BY_VERDICT, CANNOT, GREEN, RED
from adapters.cli.files import text
from adapters.cli.plain import printable
from arcops.errors import Refused
from artifacts.writing import replace_whole, replaceable
from capabilities.network.check import (
    CheckNetwork,
    Reached,
    ReachNetwork,
    check_network,
    reach_network,
)
from capabilities.network.continuing import SECONDS, begin, take
from capabilities.network.drift import DiffNetwork, diff_network
from capabilities.network.generate import GenerateNetwork, generate_network
from capabilities.network.map import MapNetwork, map_network
from capabilities.network.snapshot import SnapshotNetwork, Snapshotted, snapshot_network
from reach.drift import Way

_MOST_DOUBTS = 10
_MOST_DESCRIPTION = 1024 * 1024
_MOST_DEFINITIONS = 64 * 1024 * 1024


def check(ask: CheckNetwork, key: str, output: Path | None, form: str, tier: str) -> int:
    if output is not None:
        replaceable(output)
    at = surroundings.place(tier, key, surroundings.stop_on_signals())
    checked = answer(check_network, replace(ask, policy=policy_for(ask.policy)), at)
    keep(checked.artifact, output, at)
    return tell(checked.report, checked.artifact, form, output, at)


def reach(target: Path, source: str, to: str, form: str) -> int:
    """0: it is reachable, 3: it is not, 1: one of the two, but not for certain."""
    found = answer(reach_network, ReachNetwork(target=target, source=source, to=to), surroundings.place())
    if form == "json":
        from artifacts.wire import canonical, to_json

        sys.stdout.buffer.write(canonical(to_json(found)) + b"\n")
    else:
        _print(found)
    if not found.certain:
        return CANNOT
    return GREEN if found.allowed else RED


def diff(ask: DiffNetwork, key: str, output: Path | None, form: str, tier: str) -> int:
    """By verdict: GREEN where nothing else may talk, AMBER where less may, RED where more may or where it is not certain."""
    if output is not None:
        replaceable(output)
    at = surroundings.place(tier, key, surroundings.stop_on_signals())
    found = answer(diff_network, replace(ask, policy=policy_for(ask.policy)), at)
    keep(found.artifact, output, at)
    if form != "text":
        return tell(found.report, found.artifact, form, output, at)
    for one in found.drift.reach:
        print(printable(f"{'+' if one.way is Way.GAINED else '-'} {one.source} to {one.target}: {one.ports}"))
    for other in (*found.drift.layers, *found.drift.objects):
        word = {Way.GAINED: "is not declared", Way.LOST: "is not there", None: "says something else"}[other.way]
        print(printable(f"  {other.title} {word} ({other.at.path}:{other.at.line})"))
    _doubts((*found.doubts, *(f"what this changes: {one.title}" for one in found.drift.layers)))
    gained = sum(one.way is Way.GAINED for one in found.drift.reach)
    lost = len(found.drift.reach) - gained
    differ = len(found.drift.objects) + len(found.drift.layers)
    verdict = found.report.verdict
    print(f"{verdict.value}  {gained} connection(s) more than declared, {lost} fewer, {differ} object(s) differ")
    print(printable(f"artifact {where(found.artifact, output, at)}"))
    return BY_VERDICT[verdict]


def draw(ask: MapNetwork, output: Path) -> int:
    """0, or 1 where the picture is not certain; it is written all the same, and says so itself."""
    replaceable(output)
    found = answer(map_network, ask, surroundings.place())
    replace_whole(output, found.svg.encode())
    _doubts(found.doubts)
    print(printable(f"{output}: {found.workloads} workload(s), {found.lines} line(s)"))
    return CANNOT if found.doubts else GREEN


def generate(description: Path, output: Path, definitions: Path | None) -> None:
    """All of the files, or, where one cannot be written, what was there before of the others."""
    asked = GenerateNetwork(description=text(description, _MOST_DESCRIPTION), definitions=_texts(definitions))
    made = answer(generate_network, asked, surroundings.place())
    output.mkdir(parents=True, exist_ok=True)
    strangers = sorted({one.name for one in output.iterdir()} - {one.name for one in made.files})
    if strangers:
        raise Refused(f"{output} holds {strangers[0]}, which this description does not make and would be applied with it")
    for one in made.files:
        replaceable(output / one.name)
    for one in made.files:
        replace_whole(output / one.name, one.text.encode())
        print(printable(str(output / one.name)))
    custom = [one.name for one in made.files if one.custom]
    if custom:
        held = "were held against the definitions given" if definitions is not None else "were held against no definitions"
        print(
            f"The custom objects in {', '.join(custom)} {held}; 'check' asks for them again: put the site's "
            "CustomResourceDefinitions ('arcops network snapshot', or 'kubectl get crd -o yaml') beside these files."
        )


def _texts(folder: Path | None) -> str:
    """The YAML files of *folder*, one after the other. Raises `Refused` where there is none."""
    if folder is None:
        return ""
    found = sorted(one for one in folder.rglob("*") if one.suffix in (".yaml", ".yml", ".json") and one.is_file())
    if not found:
        raise Refused(f"{folder} holds no YAML or JSON file, so no definitions")
    return "\n---\n".join(text(one, _MOST_DEFINITIONS) for one in found)


def snapshot(output: Path, context: str, kubeconfig: Path | None, tier: str) -> int:
    """0, or 1 where the cluster did not show all. What was complete when it was cut off is continued with."""
    at = surroundings.place(tier, stop=surroundings.stop_on_signals())
    index = begin(output, context, at.now())
    if index.looked:
        print(printable(f"continued: {len(index.looked)} kind(s) of objects are there already"))

    def ask(have: tuple[str, ...]) -> Snapshotted:
        return answer(snapshot_network, SnapshotNetwork(context=context, kubeconfig=kubeconfig, have=have, seconds=SECONDS), at)

    index = take(output, index, ask, at.now)
    missing = [one.missing for one in index.looked if one.missing]
    for sentence in missing:
        print(printable(f"not seen: {sentence}"))
    saved = sum(bool(one.sha256) and not one.missing for one in index.looked)
    print(f"{saved} kind(s) of objects saved, {len(missing)} not seen")
    return CANNOT if missing else GREEN


def _print(found: Reached) -> None:
    for one in found.connections:
        word = "yes" if one.allowed else "no"
        port = f"{one.protocol.value} {one.port}" if one.port else f"{one.protocol.value}, where it has no port of that name"
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
