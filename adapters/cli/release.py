"""``arcops release``: one verdict for a model on a site."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.cli import surroundings
from adapters.cli.answering import answer, shown
from adapters.cli.commands import Given, command, group
from adapters.cli.exits import BY_VERDICT
from adapters.cli.judging import begin, keep_and_tell
from adapters.cli.options import Reaching
from adapters.cli.printing import Answering
from arcops.asks import shaped
from arcops.errors import Refused
from artifacts.projections.lines import printable

if TYPE_CHECKING:
    from capabilities.release.check import CheckedRelease, CheckRelease, PartShown, PreviewedRelease, PreviewRelease
    from capabilities.release.describe import DescribeRelease, ReleaseDescribed
    from capabilities.release.show import PartStanding, ReleaseShown, ShowRelease
    from capabilities.release.watch import WatchRelease

RELEASE = group("release", "One verdict for a model on a site: its parts together.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """The file to write."""

    file: Path = field(metadata=shaped(positional=True, title="FILE"))
    """The file to write; it must not exist."""


@command(
    "release new",
    "capabilities.release.describe:describe_release",
    own=Writing,
    example="release.yaml --model ./model --site edge-07",
)
def new(given: Given[DescribeRelease, ReleaseDescribed, Writing]) -> None:
    """Write the description of a release, with every choice filled in and said. Paths in it are relative to its folder."""
    text = answer(given.tool, given.ask(), surroundings.place()).yaml
    path = given.own.file
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise Refused(f"{path} is there already; name another file, or remove it") from None
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}") from error
    print(printable(f"wrote {path}: look at its parts, then 'arcops release check {path}'"))


@command("release check", "capabilities.release.check:check_release", own=Reaching, example="release.yaml")
def check(given: Given[CheckRelease, CheckedRelease, Reaching]) -> int:
    """Run the parts of a release that are missing or about to end, judge all of them, and keep the signed verdict."""
    at = begin(given.own)
    found = answer(given.tool, given.ask(), at)
    for one in found.parts:
        print(_line(one, ran=True), file=sys.stderr)
    return keep_and_tell(found, given.own, at)


@command("release preview", "capabilities.release.check:preview_release", own=Answering, example="release.yaml")
def preview(given: Given[PreviewRelease, PreviewedRelease, Answering]) -> None:
    """Say which parts of a release a check would run now, and which artifacts it would take again."""

    def show(found: PreviewedRelease) -> None:
        print(printable(f"{found.name} at {found.site}"))
        for one in found.parts:
            print(_line(one, ran=False))

    shown(given, show)


@command("release show", "capabilities.release.show:show_release", own=Answering, example="search-at-edge-07")
def show(given: Given[ShowRelease, ReleaseShown, Answering]) -> int:
    """Show a release as it stands now, with all its parts: exit code 0 GREEN, 4 AMBER, 3 RED. Nothing is run."""
    return BY_VERDICT[shown(given, _print_tree).now]


@command(
    "release watch",
    "capabilities.release.watch:watch_release",
    own=Answering,
    example="search-at-edge-07 --minutes 30",
)
def watch(given: Given[WatchRelease, ReleaseShown, Answering]) -> int:
    """Wait until a release is GREEN or the time is over, and say what changes; exit as 'arcops release show'."""
    return BY_VERDICT[shown(given, _print_tree).now]


def _print_tree(found: ReleaseShown) -> None:
    for line in _tree(found):
        print(line)


def _tree(found: ReleaseShown) -> Iterator[str]:
    """The release, and each part below it."""
    yield printable(f"{found.now.value} {found.name} at {found.site}: {found.said}")
    model = f"model {found.model}, " if found.model else ""
    yield printable(f"  {model}judged {found.judged_at:%Y-%m-%d %H:%M} UTC by {found.policy} ({found.artifact})")
    for problem in found.problems:
        yield printable(f"  {problem}")
    for number, part in enumerate(found.parts, 1):
        last = number == len(found.parts)
        yield printable(f"{'`-' if last else '|-'} {_standing(part)}")
        for said in (*(part.problems or (part.worst,) * bool(part.worst)), *(f"Since then, {one}" for one in part.since)):
            yield printable(f"{' ' if last else '|'}    {said}")
        for fix in part.fixes:
            yield printable(f"{' ' if last else '|'}    Next: {fix}")
    if found.others:
        yield printable(f"also judged here: {', '.join(found.others)}")


def _standing(part: PartStanding) -> str:
    if part.verdict is None or part.valid_until is None:
        return f"{part.part} ({part.flow}): nothing answers it"
    ends = f"valid until {part.valid_until:%Y-%m-%d %H:%M} UTC{', which is when the release ends' if part.decides else ''}"
    return f"{part.part} ({part.flow} of {part.name}): {part.verdict.value} by {part.policy}, {ends}"


def _line(one: PartShown, *, ran: bool) -> str:
    """One part in one line."""
    doing = ("checked now" if ran else "would run") if one.runs else "taken again" if one.artifact else "cannot be checked"
    verdict = f" {one.verdict}" if one.verdict else ""
    took = f"; it took {one.took_s} s last time" if one.took_s is not None else ""
    return printable(f"  {one.part} ({one.flow}):{verdict} {doing}: {one.said}{took}")
