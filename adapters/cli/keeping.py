"""``arcops store``."""

from __future__ import annotations

import sys
from pathlib import Path

from adapters.cli import surroundings
from adapters.cli.answering import answer
from adapters.cli.exits import GREEN, RED
from adapters.cli.files import text
from adapters.cli.plain import printable
from artifacts.index import Filter
from capabilities.artifact import store as tools

_MOST_CHECKPOINT_BYTES = 64 * 1024


def listing(subject: str, limit: int) -> None:
    for one in answer(tools.list_artifacts, Filter(subject=subject, limit=limit), surroundings.place()).artifacts:
        verdict = one.verdict.value if one.verdict else "-"
        print(f"{one.at:%Y-%m-%d %H:%M} {verdict:5} {printable(one.subject)} {printable(one.policy)} {one.artifact}")


def check(keys: tuple[Path, ...], checkpoint: Path | None) -> int:
    note = text(checkpoint, _MOST_CHECKPOINT_BYTES) if checkpoint is not None else ""
    ask = tools.CheckStore(keys=_texts(keys), checkpoint=note)
    found = answer(tools.check_store, ask, surroundings.place())
    for problem in found.problems:
        print(printable(problem))
    if found.problems:
        print(f"{len(found.problems)} problem(s)")
    print(printable(found.said))
    _strange(found.untrusted)
    return RED if found.problems else GREEN


def export(mirror: Path, keys: tuple[Path, ...]) -> None:
    carried = answer(tools.export_store, tools.ExportStore(mirror=mirror, keys=_texts(keys)), surroundings.place())
    print(f"wrote {carried.artifacts} artifact(s) with evidence and proofs to {mirror}")


def bring_in(mirror: Path, keys: tuple[Path, ...]) -> None:
    carried = answer(tools.import_store, tools.ImportStore(mirror=mirror, keys=_texts(keys)), surroundings.place())
    print(f"kept {carried.artifacts} artifact(s) from {mirror}")
    _strange(carried.untrusted)


def _strange(keys: tuple[str, ...]) -> None:
    """Say by whose word an answer is that rests on keys which only the command line named."""
    for key in keys:
        said = f"{key} is not trusted here, only named by you: what it signed counts for nothing here until 'arcops keys trust'"
        print(said, file=sys.stderr)


def _texts(keys: tuple[Path, ...]) -> tuple[str, ...]:
    return tuple(surroundings.key_text(key) for key in keys)
