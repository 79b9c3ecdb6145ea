"""A collector: the declaration of who can see one kind of evidence. Running it is for `flows`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Generic, TypeVar

from arcops.errors import Broken
from arcops.evidence import Body, Seen, Sighting
from arcops.late_pattern import late
from arcops.request import Request

T = TypeVar("T", bound=Body)
_ID = late(r"[a-z][a-z0-9]*(-[a-z0-9]+)*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What an isolated collector may touch beside the code that it runs and an empty folder of its own.

    ``files`` may be read, with all that is below them. ``environment`` names variables, such as the one with an API key.
    ``ports`` are TCP ports that it may connect to, and ``names`` allows asking name servers. ``devices`` opens a GPU's device
    nodes and what its libraries read; ``processes`` what the kernel says of every process.
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
    """Nothing is looked up beforehand."""
    return request


def never_idle(request: Request, seen: Seen) -> bool:
    """It opens files whatever was seen before."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector(Generic[T]):
    """A plain function with its circumstances.

    ``id`` names it in signed artifacts, so it stays when its file moves; ``code`` is where it is now, ``module.function``.
    ``needs`` are collected first and handed in as `Seen`; without them this evidence is missing too. ``wants`` are handed in
    where they could be collected. One that ``follows`` looks at what others made of the subject: what it wants is handed in
    where somebody else has it collected, and is never collected for its sake. ``version`` changes whenever the same input
    could give another body. Past ``deadline`` the evidence is missing. ``isolated`` runs it in a process of its own that can
    be killed: for whatever could hang where no callback reaches. One that ``measures`` gets there all the memory and processor
    time that it takes: limits guard against hostile input, and hardware that is measured is none. ``bounds`` says what one that
    is isolated may touch; ``before`` adds to the request what must be looked up outside of these bounds, by our code alone.
    ``idle`` says that names alone show that it will open no file: then it needs no process, which costs more than such a look.
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
) -> Callable[[Callable[[Request, Seen], Sighting[T]]], Collector[T]]:
    """Declare the decorated function as the one that collects *body*, under an id that is never given to another.

    Raises `Broken` on an id that is no plain word, and on a collector that needs what it collects.
    """
    if not _ID.match(collector_id):
        raise Broken(f"{collector_id!r} is no id of a collector: use small letters, digits and '-'")

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
        )

    return declare
