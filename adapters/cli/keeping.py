"""``arcops store``."""

from __future__ import annotations

from pathlib import Path

from adapters.cli import surroundings
from adapters.cli.exits import GREEN, RED
from adapters.cli.plain import printable
from adapters.tools import store as tool


def listing(subject: str, limit: int) -> None:
    for one in tool.list_store(settings=surroundings.settings(), subject=subject, limit=limit):
        verdict = one.verdict.value if one.verdict else "-"
        print(f"{one.at:%Y-%m-%d %H:%M} {verdict:5} {printable(one.subject)} {printable(one.policy)} {one.artifact}")


def check(keys: tuple[Path, ...], checkpoint: Path | None) -> int:
    problems = tool.check_store(keys, settings=surroundings.settings(), checkpoint=checkpoint)
    for problem in problems:
        print(printable(problem))
    print(f"{len(problems)} problem(s)" if problems else "nothing was removed, edited or moved")
    return RED if problems else GREEN


def export(mirror: Path, keys: tuple[Path, ...]) -> None:
    count = tool.export_store(mirror, keys, settings=surroundings.settings())
    print(f"wrote {count} artifact(s) with evidence and proofs to {mirror}")


def bring_in(mirror: Path, keys: tuple[Path, ...]) -> None:
    count = tool.import_store(mirror, keys, settings=surroundings.settings())
    print(f"kept {count} artifact(s) from {mirror}")
