"""``docs/requirements.md``: every claim, its state, and the test files that show it. ``make docs`` writes it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from tests.requirements import CLAIMS, FAMILIES
from tests.requirements.claims import Claim
from tests.requirements.marks import marked

_HEAD = """# Requirements

Every requirement, as claims of one sentence each.

- **shown**: a test is marked with the claim. The table names the test files, by their paths below `tests/`.
- **gap**: no test shows the claim, or a part of it is missing.
- **not built**: the system that it is about does not exist yet.

The claims are in `tests/requirements/`. `make docs` writes this page from them and from the marks.
"""


def page() -> str:
    """The page as Markdown."""
    return "\n".join([_HEAD, *_counts(), *(line for name, claims in FAMILIES.items() for line in _family(name, claims))]) + "\n"


def _counts() -> Iterator[str]:
    yield from ("| Family | Claims | Shown | Gap | Not built |", "|---|---|---|---|---|")
    for name, claims in (*FAMILIES.items(), ("All", CLAIMS)):
        states = [_state(claim) for claim in claims]
        yield f"| {name} | {len(claims)} | {states.count('shown')} | {states.count('gap')} | {states.count('not built')} |"


def _family(name: str, claims: tuple[Claim, ...]) -> Iterator[str]:
    yield from ("", f"## {name}", "", "| Claim | State | Tests, or the reason |", "|---|---|---|")
    for claim in claims:
        why = claim.deferred.reason if claim.deferred else ", ".join(f"`{file}`" for file in marked().get(claim.id, ()))
        yield f"| `{claim.id}`<br>{claim.text} | {_state(claim)} | {why} |"


def _state(claim: Claim) -> str:
    return claim.deferred.kind.value if claim.deferred else "shown"


if __name__ == "__main__":
    sys.stdout.write(page())
