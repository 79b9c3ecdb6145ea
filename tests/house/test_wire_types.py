"""Every type that ArcOps writes and reads is written and read as pydantic's strict mode does it, which is slow to import.

pydantic stays for JSON Schema and for this comparison: two implementations of one contract, of which neither knows the other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from collections.abc import Mapping as MappingOf
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, NewType, get_args, get_origin, get_type_hints

import pytest
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from arcops.errors import Refused
from arcops.evidence import Missing
from arcops.judgeable import all_judgeables
from arcops.result import Report
from arcops.seen.gpu_profile import Profile
from artifacts.members import members
from artifacts.readers import is_union, item_of, values_of
from artifacts.revocation import RevocationList
from artifacts.wire import from_json, name_on_the_wire, to_json
from capabilities.catalogue import all_tools
from flows.plan import all_collectors, all_gates
from flows.policies.reading import _Head
from flows.runners.behind_walls import Sources
from manifests.description import Description

pytestmark = pytest.mark.requirement("ARC-1/signed-json")

KINDS: tuple[type[Any], ...] = tuple(
    dict.fromkeys(
        (
            *(gate.policy for gate in all_gates()),
            *(collector.body for collector in all_collectors()),
            *(tool.ask for tool in all_tools()),
            *(tool.answer for tool in all_tools()),
            *all_judgeables(),
            *(Missing, Report, RevocationList, Description, Profile, _Head, Sources),
        )
    )
)
ROUNDS = 6
TEXTS = ("", "a", "é", "😀", "\x00", "\x7f", '"\\/', "a/b", "\u2028", " ", "null", "sha256:" + "0" * 64)
OTHERS = (None, True, 0, -1, 1.5, 10**30, "", "x", [], ["x"], {}, {"x": 1}, [None])

_renamed: Any = NewType


@cache
def peer(kind: Any) -> TypeAdapter[Any]:
    config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True, validate_by_name=False, validate_by_alias=True)
    return TypeAdapter(_renamed("Wire", kind), config=config)


def made(hint: Any, random: Random) -> Any:
    """A value of type *hint*, also one that its own ``__post_init__`` would refuse: writers do not ask that."""
    if is_union(hint):
        return made(random.choice(get_args(hint)), random)
    if (item := item_of(hint)) is not None:
        return tuple(made(item, random) for _ in range(random.choice((0, 1, 1, 2))))
    if (item := values_of(hint)) is not None:
        return {made(str, random): made(item, random) for _ in range(random.randrange(3))}
    if is_dataclass(hint):
        assert isinstance(hint, type)
        one = object.__new__(hint)
        hints = get_type_hints(hint)
        for field in fields(hint):
            object.__setattr__(one, field.name, made(hints[field.name], random))
        return one
    if issubclass(hint, Enum):
        return random.choice(list(hint))
    return PLAIN[hint](random)


def a_moment(random: Random) -> datetime:
    zone = random.choice((UTC, UTC, None, timezone(timedelta(minutes=random.randrange(-1439, 1440)))))
    at = datetime(2026, 1, 1, tzinfo=zone) + timedelta(seconds=random.randrange(-(10**9), 10**9))
    return at.replace(microsecond=random.choice((0, 0, 1, 500_000, 123_456)))


PLAIN: dict[Any, Callable[[Random], Any]] = {
    str: lambda random: random.choice(TEXTS),
    int: lambda random: random.choice((0, 1, -1, 80, 10**6, 2**53, 2**64, -(10**30))),
    bool: lambda random: random.random() < 0.5,
    type(None): lambda random: None,
    Path: lambda random: Path(random.choice(TEXTS)),
    datetime: a_moment,
    timedelta: lambda random: timedelta(microseconds=random.randrange(-(10**15), 10**15) * random.choice((0, 1, 1_000))),
}


def outcome(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except (ValidationError, Refused, TypeError, ValueError):
        return Refused


def alike(kind: Any, text: str) -> Any:
    """What both read in *text*, or `Refused`. Fails if one read what the other does not. Ours refuses by `Refused` only."""
    try:
        ours: Any = from_json(kind, text)
    except Refused:
        ours = Refused
    assert ours == outcome(lambda: peer(kind).validate_json(text)), text
    return ours


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every list or object inside, with each of its keys."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from places(value[key])


def spoiled(document: Any, random: Random) -> Any:
    found = list(places(document))
    if not found:
        return {"unknown": 1}
    inside, key = random.choice(found)
    how = random.randrange(4)
    if how == 0 and isinstance(inside, dict):
        del inside[key]
    elif how == 1 and isinstance(inside, dict):
        inside[random.choice(("unknown", key.upper(), "judged_at"))] = random.choice(OTHERS)
    else:
        inside[key] = random.choice(OTHERS)
    return document


def test_the_types_are_there() -> None:
    hints = {str(hint) for kind in KINDS for hint in get_type_hints(kind).values()}
    assert len(KINDS) > 100
    assert {"<class 'datetime.timedelta'>", "pathlib.Path | None", "tuple[str, ...]"} <= hints
    assert any(get_origin(hint) is MappingOf for kind in KINDS for hint in get_type_hints(kind).values())


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_type_is_written_and_read_as_its_peer_does(kind: type[Any]) -> None:
    """Mutation: a name written otherwise, a moment without its zone, an absent field taken, ``1`` taken for a string."""
    random = Random(kind.__name__)  # noqa: S311  # reproducible, and no secret
    for one in members(kind):
        assert one.alias == to_camel(one.name) == name_on_the_wire(one.name)
    for _ in range(ROUNDS):
        value = made(kind, random)
        document = to_json(value)
        assert document == peer(kind).dump_python(value, mode="json", by_alias=True)
        text = json.dumps(document)
        assert list(json.loads(text)) == [one.alias for one in members(kind)]
        alike(kind, text)
        for _ in range(3 * ROUNDS):
            alike(kind, json.dumps(spoiled(json.loads(text), random)))
    for other in OTHERS:
        alike(kind, json.dumps(other))


def test_what_is_made_is_also_read() -> None:
    """So that the comparison is of values, and not of refusals alone."""
    read = refused = 0
    for kind in KINDS:
        random = Random(kind.__name__)  # noqa: S311  # reproducible, and no secret
        for _ in range(ROUNDS):
            value = made(kind, random)
            found = outcome(lambda value=value, kind=kind: from_json(kind, json.dumps(to_json(value))))
            assert found in (value, Refused)
            read, refused = read + (found is not Refused), refused + (found is Refused)
    assert read > 2 * refused
