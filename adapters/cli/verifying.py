"""``arcops verify`` and ``arcops show``: light on purpose, since an auditor runs them on many files."""

from __future__ import annotations

import sys
from pathlib import Path

from adapters.cli import surroundings
from adapters.cli.exits import BY_VERDICT, RED
from adapters.cli.plain import print_machine, print_plain, printable
from adapters.tools.verify import NotVerified, Verify
from adapters.tools.verify import show as show_tool
from adapters.tools.verify import verify as verify_tool
from arcops.result import Report


def verify(artifact: Path, keys: tuple[Path, ...], form: str) -> int:
    try:
        verified = verify_tool(Verify(artifact=artifact, keys=keys), now=surroundings.now())
    except NotVerified as error:
        print(f"NOT VERIFIED: {printable(str(error))}", file=sys.stderr)
        return RED
    _print(verified.report, form)
    if verified.expired:
        print(f"NO LONGER VALID: it held until {verified.report.valid_until:%Y-%m-%d %H:%M} UTC; check again", file=sys.stderr)
        return RED
    if form == "text":
        print(f"verified: signed by {', '.join(verified.signers)}")
    return BY_VERDICT[verified.report.verdict]


def show(artifact: Path, form: str) -> None:
    _print(show_tool(artifact), form)
    print("The signature was not checked; 'arcops verify' does that.", file=sys.stderr)


def _print(report: Report, form: str) -> None:
    if form == "text":
        print_plain(report)
    else:
        print_machine(report, form)
