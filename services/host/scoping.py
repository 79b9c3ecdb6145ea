"""Scope parameters: what a row binds for a tenant, no request of that tenant can say otherwise. Pure.

A parameter is looked for by its name at any depth of a call's arguments. Arguments that name a member twice are refused: two
readers could take different ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from arcops.errors import Refused


def refuse_crossing(bound: Mapping[str, str], arguments: bytes) -> None:
    """Raise `Refused` if *arguments*, a call's as JSON, give a parameter of *bound* another value than it is bound to."""
    if not bound:
        return
    for name, value in _given(_read(arguments), bound):
        if not _is(value, bound[name]):
            raise _crossing(name)


def refuse_completing(bound: Mapping[str, str], argument: bytes) -> None:
    """Raise `Refused` if *argument*, ``name`` and ``value`` of what a client wants completed, is a parameter of *bound*:
    its values are those of other tenants. The bound value itself may be asked for.
    """
    found = _read(argument) if bound else None
    name = found.get("name") if isinstance(found, dict) else None
    if isinstance(found, dict) and isinstance(name, str) and name in bound and not _is(found.get("value"), bound[name]):
        raise _crossing(name)


def _read(text: bytes) -> object:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise Refused("the arguments cannot be read in one way, so it is not known which parameters they give") from error


def _crossing(name: str) -> Refused:
    return Refused(
        f"the argument {name!r} is bound to another value for your tenant here; leave it out, or give the bound value"
    )


def _given(value: object, bound: Mapping[str, str]) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in bound:
                yield name, inner
            else:
                yield from _given(inner, bound)
    elif isinstance(value, list):
        for inner in value:
            yield from _given(inner, bound)


def _is(value: object, bound: str) -> bool:
    """Is *value* what is bound? Of a list, all of it has to be."""
    if isinstance(value, list):
        return all(_is(one, bound) for one in value)
    return value == bound if isinstance(value, str) else json.dumps(value) == bound


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member is there twice")
    return found
