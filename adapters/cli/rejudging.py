"""``arcops rejudge``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from adapters.cli import surroundings
from adapters.cli.answering import answer, policy_for
from adapters.cli.exits import GREEN, RED
from adapters.cli.files import artifact_text
from adapters.cli.plain import printable
from arcops.errors import Refused
from artifacts.vouch import Standing
from capabilities.artifact.rejudge import Again, Rejudge, Rejudged, rejudge_artifact


def rejudge(artifact: str, policy: str, form: str) -> int:
    if not artifact:
        raise Refused("the name of an artifact is empty; was a variable not set?")
    ask = Rejudge(artifact=artifact_text(Path(artifact)), policy=policy_for(policy) if policy else "")
    found = answer(rejudge_artifact, ask, surroundings.place())
    if form == "json":
        from artifacts.wire import to_json

        print(json.dumps(to_json(found), indent=1))
    else:
        _print(found)
    verified = found.signature.standing is Standing.VERIFIED
    if not verified:
        print(f"NOT VERIFIED: {printable(f'{found.artifact}: {found.signature.said}')}", file=sys.stderr)
    return GREEN if verified and found.again is Again.SAME else RED


def _print(found: Rejudged) -> None:
    now = f", now {found.now.value}" if found.now is not None else ""
    print(printable(f"{found.again.value.upper()}: {found.said} Signed {found.verdict.value}{now}."))
    for field in found.fields:
        print(printable(f"    {field.path}: {field.a or '(nothing)'} → {field.b or '(nothing)'}"))
    if found.more:
        print(f"    … and {found.more} more")
    if found.unasked:
        print(printable(f"  the policy also names {', '.join(found.unasked)}, which this artifact leaves to others"))
    print(printable(f"  statement {found.signed}" + (f", now {found.made}" if found.made not in ("", found.signed) else "")))
    print(f"  judged again by {found.program}")
