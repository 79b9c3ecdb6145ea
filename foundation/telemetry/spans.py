"""Spans: the work that is done now, the work that it is part of, and its result.

Code that does a piece of work wraps it in `span`. Log lines always know their span; a tracer gets spans only after
`foundation.telemetry.traces` has started one. A span can hold only `SpanWords`, so that no path, subject name or secret gets
into a trace.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol, TypedDict, Unpack

REQUEST = "arcops.request"
"""The key of the request's id in an ASGI scope."""


class SpanWords(TypedDict, total=False):
    """What a span may hold: ids, digests, verdicts, and names that ArcOps itself chose."""

    request: str
    run: str
    artifact: str
    verdict: str
    tool: str
    flow: str
    gate: str
    collector: str
    outcome: str


class Traced(Protocol):
    """A span at the tracer. ``parent`` is its W3C traceparent, for work that continues in another process."""

    trace: str
    parent: str

    def say(self, what: Mapping[str, str]) -> None: ...

    def end(self, error: str) -> None: ...

    def current(self) -> AbstractContextManager[object]: ...


class Tracer(Protocol):
    """Makes spans: below the current one, or below the *parent* from another process."""

    def begin(self, name: str, parent: str, served: bool, what: Mapping[str, str]) -> Traced: ...


@dataclass(slots=True)
class Span:
    """A piece of work. ``known`` is what is known about it, and about the work that it is part of."""

    known: dict[str, str] = field(default_factory=dict)
    above: Span | None = None
    traced: Traced | None = None

    def say(self, **what: Unpack[SpanWords]) -> None:
        """Add to what is known about this work."""
        said = _said(what)
        self.known.update(said)
        if self.traced is not None:
            self.traced.say(said)

    def end(self, error: str = "") -> None:
        """It is done; *error* is the name of the exception's class, and never a sentence."""
        if self.traced is not None:
            self.traced.end(error)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Meanwhile, new spans are parts of this one. Threads inherit it with ``contextvars.copy_context``."""
        before = _current.set(self)
        try:
            if self.traced is None:
                yield
            else:
                with self.traced.current():
                    yield
        finally:
            _current.reset(before)


_current: ContextVar[Span | None] = ContextVar("arcops.span", default=None)
_tracer: Tracer | None = None


def use(tracer: Tracer | None) -> None:
    """Give every span of this process to *tracer*; `None` turns that off."""
    global _tracer
    _tracer = tracer


def begin(name: str, /, *, parent: str = "", served: bool = False, **what: Unpack[SpanWords]) -> Span:
    """A new piece of work, part of the current one, which the caller ends.

    *parent* is the traceparent of the request from another process. Work that is *served* to a remote caller is part of no
    span here, because a connection may serve many callers. *name* is one of a few.
    """
    above, said = None if served else _current.get(), _said(what)
    traced = None
    if _tracer is not None:
        run = {"run": above.known["run"]} if above is not None and "run" in above.known else {}
        traced = _tracer.begin(name, parent, served, {**run, **said})
    return Span({**above.known, **said} if above is not None else said, above, traced)


@contextmanager
def span(name: str, /, *, parent: str = "", served: bool = False, **what: Unpack[SpanWords]) -> Iterator[Span]:
    """As `begin`; the work in the block is part of the span, which ends with the block."""
    here = begin(name, parent=parent, served=served, **what)
    error = ""
    try:
        with here.inside():
            yield here
    except BaseException as raised:
        error = type(raised).__name__
        raise
    finally:
        here.end(error)


@contextmanager
def about(**what: Unpack[SpanWords]) -> Iterator[None]:
    """The work in the block is about this; it is not a span of its own."""
    above = _current.get()
    with Span({**(above.known if above is not None else {}), **_said(what)}, above).inside():
        yield


def learned(**what: Unpack[SpanWords]) -> None:
    """Add to what is known about the current work, and all work that it is part of, such as the run or the result."""
    here = _current.get()
    while here is not None:
        here.say(**what)
        here = here.above


def known() -> Mapping[str, str]:
    """What is known about the current work."""
    here = _current.get()
    return here.known if here is not None else {}


def traceparent() -> str:
    """The current span as a W3C traceparent, for another process; empty without a tracer."""
    traced = _traced()
    return traced.parent if traced is not None else ""


def trace() -> str:
    """The id of the current trace, or nothing."""
    traced = _traced()
    return traced.trace if traced is not None else ""


def _traced() -> Traced | None:
    here = _current.get()
    while here is not None and here.traced is None:
        here = here.above
    return here.traced if here is not None else None


def _said(what: SpanWords) -> dict[str, str]:
    return {name: str(value) for name, value in what.items() if value}
