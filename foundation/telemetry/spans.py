"""Spans: what is being done now, as part of what, and what came of it.

Whoever does a piece of work says so with `span`. Who listens is decided elsewhere: log lines always know the span they are
written in; a tracer gets it only once `foundation.telemetry.traces` was told to start one. What may be said of a piece of work
is `SpanWords` and no more, so that no path, name of a subject or secret gets into a trace.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol, TypedDict, Unpack

REQUEST = "arcops.request"
"""Where in an ASGI scope the id of the request is."""


class SpanWords(TypedDict, total=False):
    """What may be said: ids, digests, verdicts, and names that ArcOps itself gave."""

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
    """A span at the tracer. ``parent`` is its W3C traceparent, for whatever goes on in another process."""

    trace: str
    parent: str

    def say(self, what: Mapping[str, str]) -> None: ...

    def end(self, error: str) -> None: ...

    def current(self) -> AbstractContextManager[object]: ...


class Tracer(Protocol):
    """Makes spans: below the current one, or below the *parent* that another process named."""

    def begin(self, name: str, parent: str, served: bool, what: Mapping[str, str]) -> Traced: ...


@dataclass(slots=True)
class Span:
    """A piece of work. ``known`` is what was said of it, and of the work that it is a part of."""

    known: dict[str, str] = field(default_factory=dict)
    above: Span | None = None
    traced: Traced | None = None

    def say(self, **what: Unpack[SpanWords]) -> None:
        """Add to what is known of this work."""
        said = _said(what)
        self.known.update(said)
        if self.traced is not None:
            self.traced.say(said)

    def end(self, error: str = "") -> None:
        """It is done; *error* is the name of the class of what it failed with, and never a sentence."""
        if self.traced is not None:
            self.traced.end(error)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """While this lasts, new spans are parts of this one. Threads take it over with ``contextvars.copy_context``."""
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
    """Give every span of this process to *tracer*, or to nobody."""
    global _tracer
    _tracer = tracer


def begin(name: str, /, *, parent: str = "", served: bool = False, **what: Unpack[SpanWords]) -> Span:
    """A new piece of work, part of the current one, which the caller ends.

    *parent* is the traceparent of what asked for it in another process. What is *served* to somebody there is part of nothing
    here: a connection may serve many. *name* is one of a few.
    """
    above, said = None if served else _current.get(), _said(what)
    traced = None
    if _tracer is not None:
        run = {"run": above.known["run"]} if above is not None and "run" in above.known else {}
        traced = _tracer.begin(name, parent, served, {**run, **said})
    return Span({**above.known, **said} if above is not None else said, above, traced)


@contextmanager
def span(name: str, /, *, parent: str = "", served: bool = False, **what: Unpack[SpanWords]) -> Iterator[Span]:
    """As `begin`; what happens in the block is part of it, and it ends with the block."""
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
    """What happens in the block is about this; it is no piece of work of its own."""
    above = _current.get()
    with Span({**(above.known if above is not None else {}), **_said(what)}, above).inside():
        yield


def learned(**what: Unpack[SpanWords]) -> None:
    """Something became known of the current work, and of all that it is a part of: the run that it is, what it led to."""
    here = _current.get()
    while here is not None:
        here.say(**what)
        here = here.above


def known() -> Mapping[str, str]:
    """What is known of the current work."""
    here = _current.get()
    return here.known if here is not None else {}


def traceparent() -> str:
    """The current span, as W3C writes it for another process; empty where nobody traces."""
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
