"""``arcops admit``."""

from __future__ import annotations

import sys
from pathlib import Path

from adapters.cli import surroundings
from adapters.cli.answering import answer, policy_for
from adapters.cli.exits import BY_VERDICT
from adapters.cli.files import text
from adapters.cli.plain import print_plain
from arcops.errors import Refused
from capabilities.cluster.admit import Admit, admit_workload

_MOST_BYTES = 16 * 1024 * 1024


def admit(manifest: Path, policy: str, key: str, *, review: bool) -> int:
    given = _standard_input() if str(manifest) == "-" else text(manifest, _MOST_BYTES)
    name = "manifest" if str(manifest) == "-" else manifest.absolute().name
    ask = Admit(manifest=given, policy=policy_for(policy), review=review, name=name)
    admitted = answer(admit_workload, ask, surroundings.place(key=key))
    if review:
        print(admitted.review)
    else:
        print_plain(admitted.report)
    return BY_VERDICT[admitted.report.verdict]


def _standard_input() -> str:
    data = sys.stdin.buffer.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise Refused(f"the manifest has more than {_MOST_BYTES} bytes; no API server sends one so large")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused(f"the manifest is not text in UTF-8 (byte {error.start})") from error
