"""``arcops verify``, ``show``, ``compare`` and ``rejudge``. The first imports little, because auditors run it on many files."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from adapters.cli import files, surroundings
from adapters.cli.answering import answer, shown
from adapters.cli.commands import Given, command
from adapters.cli.exits import BY_VERDICT, GREEN, RED
from adapters.cli.plain import print_json, print_machine, print_plain
from adapters.cli.printing import Answering, Format, Printing, TextOrJson, refuse_narrowed
from arcops.errors import Refused
from artifacts.projections.printable import printable

if TYPE_CHECKING:
    from capabilities.artifact.compare import Compare, Compared
    from capabilities.artifact.rejudge import Rejudge, Rejudged
    from capabilities.artifact.show import Show, Shown
    from capabilities.artifact.verify import Verified, Verify


@command(
    "verify",
    "capabilities.artifact.verify:verify_artifact",
    own=Printing,
    reads={"keys": files.key_text},
    example="result.json --key team.pub",
)
def verify(given: Given[Verify, Verified, Printing]) -> int:
    """Verify an artifact offline. Exits by its verdict, and 3 if it is forged, revoked or no longer valid."""
    from capabilities.artifact.verify import NotVerified

    form = given.own.form
    refuse_narrowed(given.own.only, form)
    try:
        verified = answer(given.tool, given.ask(), surroundings.place())
    except (NotVerified, files.NotText) as error:
        said = printable(f"{given.named('artifact')}: {error}")
        print(f"NOT VERIFIED: {said}", file=sys.stderr)
        return RED
    if form is Format.TEXT:
        print_plain(verified.report, given.own.only)
    else:
        print_machine(verified.report, form.value)
    for warning in verified.warnings:
        print(f"note: {printable(warning)}", file=sys.stderr)
    if verified.expired:
        print(
            f"NO LONGER VALID: it expired at {verified.report.valid_until:%Y-%m-%d %H:%M} UTC; check again",
            file=sys.stderr,
        )
        return RED
    if form is Format.TEXT:
        print(f"verified: signed by {', '.join(verified.signers)}")
    for key in verified.untrusted:
        print(f"verified only by the key that you named; this machine does not trust {key}", file=sys.stderr)
    return BY_VERDICT[verified.report.verdict]


@command("show", "capabilities.artifact.show:show_artifact", own=Printing, fills=("form",), example="result.json")
def show(given: Given[Show, Shown, Printing]) -> None:
    """Show what an artifact says, without checking who signed it."""
    from capabilities.artifact.show import Form

    refuse_narrowed(given.own.only, given.own.form)
    text = given.own.form is Format.TEXT
    ask = given.ask(form=Form.NONE if text else Form(given.own.form.value))
    try:
        shown = answer(given.tool, ask, surroundings.place())
    except Refused as error:
        raise Refused(f"{given.named('artifact')}: {error}") from error
    if text:
        print_plain(shown.report, given.own.only)
    else:
        sys.stdout.buffer.write(shown.written.encode())
        sys.stdout.buffer.flush()
    print("The signature was not checked; 'arcops verify' does that.", file=sys.stderr)


@command("compare", "capabilities.artifact.compare:compare_artifacts", own=Answering, example="before.json after.json")
def compare(given: Given[Compare, Compared, Answering]) -> int:
    """Show what changed from artifact A to B, and whether B is slower or faster. Exits 3 if one is not verified here."""
    from adapters.cli.differences import print_compared
    from artifacts.vouch import Standing

    ask = given.ask()  # once, because it reads the files
    compared = answer(given.tool, ask, surroundings.place())
    if given.own.form is TextOrJson.JSON:
        print_json(compared)
    else:
        print_compared(compared, ask.tolerance)
    unverified = [side for side in (compared.a, compared.b) if side.signature.standing is not Standing.VERIFIED]
    for side in unverified:
        print(f"NOT VERIFIED: {printable(f'{side.artifact}: {side.signature.said}')}", file=sys.stderr)
    return RED if unverified else GREEN


@command("rejudge", "capabilities.artifact.rejudge:rejudge_artifact", own=Answering, example="result.json")
def rejudge(given: Given[Rejudge, Rejudged, Answering]) -> int:
    """Judge an artifact's kept evidence again by its own policy and clock. Exits 0 if the bytes are the same, else 3."""
    from artifacts.vouch import Standing
    from capabilities.artifact.rejudge import Again

    found = shown(given, _print_rejudged)
    verified = found.signature.standing is Standing.VERIFIED
    if not verified:
        print(f"NOT VERIFIED: {printable(f'{found.artifact}: {found.signature.said}')}", file=sys.stderr)
    return GREEN if verified and found.again is Again.SAME else RED


def _print_rejudged(found: Rejudged) -> None:
    now = f", now {found.now.value}" if found.now is not None else ""
    print(printable(f"{found.again.value.upper()}: {found.said} Signed {found.verdict.value}{now}."))
    for field in found.fields:
        print(printable(f"    {field.path}: {field.a or '(nothing)'} → {field.b or '(nothing)'}"))
    if found.more:
        print(f"    … and {found.more} more")
    if found.unasked:
        print(printable(f"  the policy also names {', '.join(found.unasked)}, which this kind of check does not ask"))
    print(printable(f"  statement {found.signed}" + (f", now {found.made}" if found.made not in ("", found.signed) else "")))
    print(f"  judged again by {found.program}")
