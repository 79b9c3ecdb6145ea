"""``arcops admit``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from adapters.cli import surroundings
from adapters.cli.exits import BY_VERDICT
from adapters.cli.plain import print_plain
from adapters.tools.admit import admit as admit_tool
from adapters.tools.admit import review_response
from arcops.errors import Refused

_MOST_BYTES = 16 * 1024 * 1024


def admit(manifest: Path, policy: str, key: str, *, review: bool) -> int:
    settings = surroundings.settings()
    signer = surroundings.signer(key or settings.key)
    with tempfile.TemporaryDirectory() as folder:
        given = manifest
        if str(manifest) == "-":
            given = Path(folder) / "manifest"
            given.write_bytes(sys.stdin.buffer.read(_MOST_BYTES + 1))
        checked = admit_tool(given, policy, settings=settings, signer=signer, now=surroundings.now())
        if not review:
            print_plain(checked.report)
            return BY_VERDICT[checked.report.verdict]
        try:
            print(review_response(given.read_bytes(), checked.report))
        except (ValueError, KeyError, TypeError) as error:
            raise Refused(f"{manifest} is no AdmissionReview in JSON, so there is none to answer") from error
    return BY_VERDICT[checked.report.verdict]
