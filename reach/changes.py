"""A change between two networks: something that one of them allows and the other does not."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from enum import Enum


class Way(Enum):
    """What the cluster allows but was not declared, and what was declared but the cluster does not allow."""

    GAINED = "gained"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A connection that only one of the two allows. Ends are workloads, pods that could be created, ranges of addresses
    outside, host names, or ways in; ``ports`` are ports, or how the connection is made.
    """

    way: Way
    source: str
    target: str
    ports: str


_PLACES = ("at", "field", "declared", "node_port")
"""Fields about the place or the form and not the content, and fields that the API server sets by itself."""


def words_of(value: object) -> object:
    """*value* without its place and its order, because the order of labels, peers, ports and rules has no meaning."""
    if isinstance(value, tuple):
        return tuple(sorted((words_of(one) for one in value), key=repr))
    if is_dataclass(value) and not isinstance(value, type):
        said = [(one.name, words_of(getattr(value, one.name))) for one in fields(value) if one.name not in _PLACES]
        return (type(value).__name__, *said)
    return value
