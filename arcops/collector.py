"""A collector: the declaration of the code that collects one kind of evidence. `flows` runs it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Generic, TypeVar

from arcops.errors import Broken
from arcops.evidence import Body, Seen, Sighting
from arcops.late_dataclass import dataclass
from arcops.late_pattern import late
from arcops.request import Request

T = TypeVar("T", bound=Body)
_ID = late(r"[a-z][a-z0-9]*(-[a-z0-9]+)*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What an isolated collector may open, besides its code and an empty folder of its own.

    ``files`` may be read, with everything below them. ``environment`` names variables, such as the one with an API key.
    ``ports`` are TCP ports that it may connect to, and ``names`` allows queries to name servers. ``devices`` opens a GPU's
    device nodes and what its libraries read; ``processes`` opens what the kernel reports about every process.
    """

    files: tuple[Path, ...] = ()
    environment: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    names: bool = False
    devices: bool = False
    processes: bool = False


def only_the_subject(request: Request) -> Bounds:
    """The subject's files and those attached to it: no network, no device."""
    return Bounds(files=(request.target, *request.attached))


def as_it_is(request: Request) -> Request:
    """The request without changes: nothing is looked up before."""
    return request


def never_idle(request: Request, seen: Seen) -> bool:
    """Always false: the collector opens files, whatever was seen before."""
    return False


def never_again(body: Body) -> bool:
    """Always false: one look is enough."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector(Generic[T]):
    """A plain function and how to run it.

    ``id`` names it in signed artifacts, so it stays when its file moves; ``code`` is its present place, ``module.function``.
    ``needs`` are collected first and passed in as `Seen`; without them this evidence is missing too. ``wants`` are passed in
    if they could be collected. If it ``follows``, it reads what other collectors found: what it wants is passed in if another
    gate or collector needs it, and is never collected only for it. ``version`` changes whenever the same input could give
    another body. After ``deadline``, the evidence is missing. ``isolated`` runs it in its own process, which can be killed: for
    code that could hang without calling back. If it ``measures``, it gets all the memory and processor time that it takes
    there: limits protect against hostile input, and hardware that is measured is not hostile. ``bounds`` says what an isolated
    collector may open; ``before`` adds to the request what must be looked up outside of these bounds, by our code only.
    ``idle`` tells, from names alone, that it will open no file: then it needs no process of its own.
    ``again`` tells of what was seen that it is not complete: then an isolated collector looks again in a new process, and gets
    what it saw so far as evidence of its own kind. This goes on until it is complete or the deadline is over.
    ``takes`` names the extras (`arcops.extras`) without which it cannot look.
    """

    id: str
    code: str
    body: type[T]
    version: str
    needs: tuple[type[Body], ...]
    wants: tuple[type[Body], ...]
    deadline: timedelta
    isolated: bool
    follows: bool
    measures: bool
    bounds: Callable[[Request], Bounds]
    before: Callable[[Request], Request]
    idle: Callable[[Request, Seen], bool]
    look: Callable[[Request, Seen], Sighting[T]]
    takes: tuple[str, ...] = ()
    again: Callable[[T], bool] = never_again


def collector(
    collector_id: str,
    body: type[T],
    *,
    version: str,
    needs: tuple[type[Body], ...] = (),
    wants: tuple[type[Body], ...] = (),
    deadline: timedelta = timedelta(minutes=2),
    isolated: bool = False,
    follows: bool = False,
    measures: bool = False,
    bounds: Callable[[Request], Bounds] = only_the_subject,
    before: Callable[[Request], Request] = as_it_is,
    idle: Callable[[Request, Seen], bool] = never_idle,
    takes: tuple[str, ...] = (),
    again: Callable[[T], bool] = never_again,
) -> Callable[[Callable[[Request, Seen], Sighting[T]]], Collector[T]]:
    """Declare the decorated function as the one that collects *body*, under an id that is never given to another.

    Raises `Broken` if the id is not a plain word, or if the collector needs what it collects.
    """
    if not _ID.match(collector_id):
        raise Broken(f"{collector_id!r} is not an id for a collector: use lower-case letters, digits and '-'")

    def declare(look: Callable[[Request, Seen], Sighting[T]]) -> Collector[T]:
        if body in needs or body in wants:
            raise Broken(f"collector of {body.KIND!r} needs its own evidence")
        return Collector(
            id=collector_id,
            code=f"{look.__module__}.{look.__name__}",
            body=body,
            version=version,
            needs=needs,
            wants=wants,
            deadline=deadline,
            isolated=isolated,
            follows=follows,
            measures=measures,
            bounds=bounds,
            before=before,
            idle=idle,
            look=look,
            takes=takes,
            again=again,
        )

    return declare
