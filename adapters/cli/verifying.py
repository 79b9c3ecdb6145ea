"""``arcops verify`` and ``arcops show``: light on purpose, since an auditor runs them on many files."""

from __future__ import annotations

import sys
from pathlib import Path

from adapters.cli import surroundings
from adapters.cli.answering import answer, policy_for
from adapters.cli.exits import BY_VERDICT, RED
from adapters.cli.files import NotText, artifact_text
from adapters.cli.plain import print_machine, print_plain, printable
from arcops.errors import Refused
from arcops.result import Report
from capabilities.artifact.verify import Form, NotVerified, Show, Verify, show_artifact, verify_artifact


def verify(artifact: Path, keys: tuple[Path, ...], form: str, policy: str = "") -> int:
    given = tuple(surroundings.key_text(key) for key in keys)
    try:
        ask = Verify(artifact=artifact_text(artifact), keys=given, policy=policy_for(policy))
        verified = answer(verify_artifact, ask, surroundings.place())
    except (NotVerified, NotText) as error:
        print(f"NOT VERIFIED: {printable(f'{artifact}: {error}')}", file=sys.stderr)
        return RED
    _print(verified.report, form)
    for warning in verified.warnings:
        print(f"note: {printable(warning)}", file=sys.stderr)
    if verified.expired:
        print(f"NO LONGER VALID: it held until {verified.report.valid_until:%Y-%m-%d %H:%M} UTC; check again", file=sys.stderr)
        return RED
    if form == "text":
        print(f"verified: signed by {', '.join(verified.signers)}")
    for key in verified.untrusted:
        print(f"by the key that you named; this machine does not trust {key}", file=sys.stderr)
    return BY_VERDICT[verified.report.verdict]


def show(artifact: Path, form: str) -> None:
    ask = Show(artifact=artifact_text(artifact), form=Form.NONE if form == "text" else Form(form))
    try:
        shown = answer(show_artifact, ask, surroundings.place())
    except Refused as error:
        raise Refused(f"{artifact}: {error}") from error
    if form == "text":
        print_plain(shown.report)
    else:
        sys.stdout.buffer.write(shown.written.encode())
        sys.stdout.buffer.flush()
    print("The signature was not checked; 'arcops verify' does that.", file=sys.stderr)


def _print(report: Report, form: str) -> None:
    if form == "text":
        print_plain(report)
    else:
        print_machine(report, form)
