"""``arcops store``. ``review``, ``examine`` and ``figures`` check every signature when they are called."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from adapters.cli import files, surroundings
from adapters.cli.answering import answer, shown
from adapters.cli.commands import Given, command, group
from adapters.cli.exits import BY_VERDICT, GREEN, RED
from adapters.cli.plain import print_plain
from adapters.cli.printing import Answering
from arcops.asks import Question
from artifacts.projections.lines import printable

if TYPE_CHECKING:
    from artifacts.index import Filter
    from artifacts.unexpected import Unexpected
    from capabilities.artifact.examine import Examine, Examined
    from capabilities.artifact.feed import AskNew, NewArtifacts
    from capabilities.artifact.figures import AskFigures, Figures
    from capabilities.artifact.first_inference import AskFirstInference, FirstInference
    from capabilities.artifact.review import Review
    from capabilities.artifact.store import (
        ArtifactsListed,
        BroughtIn,
        CarriedStore,
        CheckStore,
        ExportStore,
        ImportStore,
        StoreChecked,
    )
    from capabilities.artifact.verify import Fetch, Fetched

STORE = group("store", "What was kept: list it, check that nothing is missing, carry it to another site.")
_PAGE, _MOST_REVIEWED = 50, 200


def _page(question: Question) -> Question:
    """A terminal's page is shorter than a machine's."""
    return replace(question, default=_PAGE) if question.name == "limit" else question


def _reviewed(question: Question) -> Question:
    """Each row is verified, so there are fewer; and a person may type a part of a name."""
    if question.name == "subject_part":
        return replace(question, shape=replace(question.shape, option="--subject"))
    if question.name == "limit":
        return replace(question, default=_PAGE, shape=replace(question.shape, most=_MOST_REVIEWED))
    return question


@command(
    "store list",
    "capabilities.artifact.store:list_artifacts",
    own=Answering,
    only=("subject", "limit"),
    adapt=_page,
    example="--limit 10",
)
def list_(given: Given[Filter, ArtifactsListed, Answering]) -> None:
    """List the artifacts that were kept, the newest first."""
    shown(given, _print_listed)


def _print_unexpected(found: tuple[Unexpected, ...]) -> None:
    """One line for each file or folder in the store that is not the store's."""
    for one in found:
        print(printable(f"UNEXPECTED {one.path}: {one.said}"))


def _print_listed(found: ArtifactsListed) -> None:
    for one in found.artifacts:
        verdict = one.verdict.value if one.verdict else "-"
        odd = f" ({one.untimely})" if one.untimely else ""
        odd += f" (brought from {one.brought})" if one.brought else ""
        line = f"{one.at:%Y-%m-%d %H:%M} {verdict} {one.subject} {one.policy} {one.artifact}{odd}"
        print(printable(line))
    _print_unexpected(found.unexpected)
    more = "; --limit shows more" if len(found.artifacts) < found.total else ""
    print(f"{len(found.artifacts):,} of {found.total:,}{more}")


@command(
    "store review",
    "capabilities.artifact.review:review_artifacts",
    own=Answering,
    only=("subject_part", "site", "gate", "limit"),
    adapt=_reviewed,
    example="--subject model --limit 10",
)
def review(given: Given[Filter, Review, Answering]) -> None:
    """List the artifacts that were kept, with each signature checked now."""
    shown(given, _print_review)


def _print_review(found: Review) -> None:
    from artifacts.vouch import Standing

    for one in found.artifacts:
        listed, verified = one.listed, one.signature.standing is Standing.VERIFIED
        verdict = (listed.verdict.value if listed.verdict else "-") if verified else "NOT VERIFIED"
        state = " (no longer valid)" if one.expired else ""
        print(printable(f"{listed.at:%Y-%m-%d %H:%M} {verdict} {listed.subject} {listed.site or '-'} {listed.artifact}{state}"))
    print(f"{len(found.artifacts):,} of {found.total:,}")


@command(
    "store examine",
    "capabilities.artifact.examine:examine_artifact",
    own=Answering,
    example="sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
)
def examine(given: Given[Examine, Examined, Answering]) -> int:
    """Check a kept artifact's bytes, signature and place in the ledger. Exits by its verdict; 3 if any of them is bad."""
    examined = shown(given, _print_examined)
    if examined.report is None or not _holds(examined):
        return RED
    return BY_VERDICT[examined.report.verdict]


def _print_examined(examined: Examined) -> None:
    if examined.report is not None:
        print_plain(examined.report)
    for line in _standing(examined):
        print(printable(line))


def _holds(examined: Examined) -> bool:
    from artifacts.vouch import Standing
    from capabilities.artifact.standing import Ledgered

    verified = examined.signature.standing is Standing.VERIFIED
    return verified and not examined.expired and examined.ledger.state not in (Ledgered.BROKEN, Ledgered.ABSENT)


def _standing(examined: Examined) -> Iterable[str]:
    from artifacts.vouch import Standing

    if examined.problem:
        yield examined.problem
    verified = examined.signature.standing is Standing.VERIFIED
    yield f"signature: {'verified' if verified else 'NOT VERIFIED'}. {examined.signature.said}"
    yield from (f"  {line}" for line in (*examined.signature.revoked, *examined.signature.caveats))
    if examined.expired and examined.report is not None:
        yield f"NO LONGER VALID: it expired at {examined.report.valid_until:%Y-%m-%d %H:%M} UTC; check again"
    yield f"ledger: {examined.ledger.state.value}. {examined.ledger.said}"


@command(
    "store fetch",
    "capabilities.artifact.verify:fetch_artifact",
    example="sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
)
def fetch(given: Given[Fetch, Fetched, None]) -> None:
    """Print the exact bytes that are kept under a digest: a sealed artifact, or an evidence body behind one."""
    sys.stdout.buffer.write(answer(given.tool, given.ask(), surroundings.place()).text.encode())
    sys.stdout.buffer.flush()


@command("store figures", "capabilities.artifact.figures:success_figures", own=Answering)
def figures(given: Given[AskFigures, Figures, Answering]) -> None:
    """Measure the success figures from the artifacts whose signatures hold, each with its definition."""
    shown(given, _print_figures)


def _print_figures(measured: Figures) -> None:
    from capabilities.artifact.figures import worded

    print(f"from {measured.begin:%Y-%m-%d} to {measured.end:%Y-%m-%d %H:%M} UTC")
    for figure in measured.figures:
        print(f"\n{figure.title}: {worded(figure)}\n  {printable(figure.said)}\n  {figure.definition}")
    if measured.unvouched:
        print(f"\n{measured.unvouched} artifact(s) were left out: no signer that counts here vouches for them.")
    if measured.problem:
        print(printable(f"\nNothing can be verified here: {measured.problem}"), file=sys.stderr)


@command("store check", "capabilities.artifact.store:check_store", own=Answering, reads={"keys": files.key_text})
def check(given: Given[CheckStore, StoreChecked, Answering]) -> int:
    """Read the whole store again, and say what it was checked against: exit 0 if it found nothing to look at, else 3."""
    found = shown(given, _print_checked)
    _strange(found.untrusted)
    return RED if found.problems or found.unexpected else GREEN


def _print_checked(found: StoreChecked) -> None:
    for problem in found.problems:
        print(printable(problem))
    if found.problems:
        print(f"{len(found.problems)} problem(s)")
    _print_unexpected(found.unexpected)
    if found.unexpected:
        print(f"{len(found.unexpected)} unexpected file(s) in the store")
    print(printable(found.said))


@command("store new", "capabilities.artifact.feed:new_artifacts", own=Answering, example="--after 120")
def new(given: Given[AskNew, NewArtifacts, Answering]) -> None:
    """List what was kept from a position of the log on, in its order, and the position to ask from the next time."""

    def show(found: NewArtifacts) -> None:
        for one in found.artifacts:
            verdict = one.verdict.value if one.verdict else "-"
            what = f"{one.kind} {one.subject} by {one.policy}" if not one.problem else f"NOT VERIFIED: {one.problem}"
            print(printable(f"{one.position} {verdict} {what} {one.artifact}"))
        print(printable(f"next {found.next} of {found.size} in the log {found.log or '(none)'}"))

    shown(given, show)


@command("store first-inference", "capabilities.artifact.first_inference:time_to_first_inference", own=Answering)
def first_inference(given: Given[AskFirstInference, FirstInference, Answering]) -> None:
    """Measure how long each model took from its first check to its first judged answer, and on what the time was spent."""
    shown(given, _print_first_inference)


def _print_first_inference(found: FirstInference) -> None:
    for one in found.models:
        steps = ", ".join(f"{' and '.join(each.value for each in step.spent)} {step.seconds} s" for step in one.steps)
        print(printable(f"{one.seconds} s {one.name} at {one.site or '(no site)'}: {steps}"))
    for site in found.sites:
        print(printable(f"site {site.site or '(no name)'}: median {site.median} s of {site.models}. {site.said}"))
    print(printable(found.problem or found.said))


@command("store export", "capabilities.artifact.store:export_store", reads={"keys": files.key_text}, example="store.tar")
def export(given: Given[ExportStore, CarriedStore, None]) -> None:
    """Write one tar with all artifacts, evidence and proofs, which can be carried across an air gap."""
    ask = given.ask()
    carried = answer(given.tool, ask, surroundings.place())
    print(f"wrote {carried.artifacts} artifact(s) with evidence and proofs to {ask.mirror}")


@command(
    "store import",
    "capabilities.artifact.store:import_store",
    reads={"keys": files.key_text},
    example="store.tar --key team.pub",
)
def bring_in(given: Given[ImportStore, BroughtIn, None]) -> None:
    """Verify an exported store, all of it, and keep what it holds."""
    ask = given.ask()
    carried = answer(given.tool, ask, surroundings.place())
    print(f"kept {carried.artifacts} artifact(s) from {ask.mirror}")
    _strange(carried.untrusted)


def _strange(keys: tuple[str, ...]) -> None:
    """Warn that the answer relies on keys that only the command line named."""
    for key in keys:
        said = f"{key} is not trusted here; only you named it: what it signed counts for nothing here until 'arcops keys trust'"
        print(said, file=sys.stderr)
