"""A tiny capability of its own, for tests of the spine that must not depend on any real gate or collector.

Gate modules carry their documentation in the docstring, and so does this one.

Why: a spine is tested with something that has no depth.

Judged: whether a number that a collector saw is even and small.

Fix: see another number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import ClassVar, cast

from arcops.collector import Collector, collector
from arcops.evidence import Body, Seen, Sighting
from arcops.finding import Finding, Rule
from arcops.gate import Example, Gate, gate
from arcops.judgeable import Judgeable
from arcops.policy import Policy
from arcops.request import Request
from arcops.tier import Tier
from arcops.verdict import Verdict
from tests.evidence import NOW


@dataclass(frozen=True, slots=True, kw_only=True)
class Number(Body):
    KIND: ClassVar[str] = "number"

    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Twice(Body):
    KIND: ClassVar[str] = "twice"

    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberPolicy:
    most: int = 0


EVEN = Rule(id="number/even", asks="Is the number even?", fix="See an even number.")
SMALL = Rule(id="number/small", asks="Is the number small?", fix="See a smaller number.")


def _examples() -> Iterator[Example[NumberPolicy]]:
    yield Example(name="even", verdict=Verdict.GREEN, evidence=(Number(value=2),), policy=NumberPolicy(most=9))
    yield Example(name="on the edge", verdict=Verdict.AMBER, evidence=(Number(value=8),), policy=NumberPolicy(most=8))
    yield Example(name="odd", verdict=Verdict.RED, evidence=(Number(value=3),), policy=NumberPolicy(most=9))


@gate(
    "number", judges=(Judgeable,), needs=(Number,), wants=(Twice,), policy=NumberPolicy, rules=(EVEN, SMALL), examples=_examples
)
def number(seen: Seen, policy: NumberPolicy) -> Iterator[Finding]:
    evidence = seen[Number]
    value = evidence.body.value
    yield EVEN.fails(f"{value} is odd.", evidence) if value % 2 else EVEN.passes(f"{value} is even.", evidence)
    if value > policy.most:
        yield SMALL.fails(f"{value} is more than {policy.most}.", evidence)
    elif value == policy.most:
        yield SMALL.warns(f"{value} is just small enough.", evidence)
    else:
        yield SMALL.passes(f"{value} is small.", evidence)


NUMBER = cast("Gate[object]", number)


def collects(
    look: Callable[[Request, Seen], Sighting[Number]], *, deadline: timedelta = timedelta(seconds=20), isolated: bool = False
) -> Collector[Body]:
    return cast("Collector[Body]", collector("number", Number, version="1", deadline=deadline, isolated=isolated)(look))


def doubles(look: Callable[[Request, Seen], Sighting[Twice]]) -> Collector[Body]:
    return cast("Collector[Body]", collector("twice", Twice, version="1", needs=(Number,))(look))


def request(tmp_path: Path, *, target: Path | None = None) -> Request:
    return Request(
        target=target or tmp_path / "model",
        kind="model",
        tier=Tier.AIR_GAPPED,
        now=NOW,
        trust=tmp_path / "trust",
        data=tmp_path / "data",
        cache=tmp_path / "cache",
        workers=2,
    )


def policy(most: int = 9) -> Policy:
    return Policy(name="test", digest="sha256:00", valid_for=timedelta(days=1), gates={"number": NumberPolicy(most=most)})
