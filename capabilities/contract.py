"""The contract of every door: a capability is one typed function, declared once and found by looking through the modules.

A door (the command line, MCP, the pages) knows only `Tool` and `Place`. It makes an ask, calls the tool at a place, and shows
the answer. Asks and answers are plain values that cross a network unchanged.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, Generic, TypeVar, cast, get_type_hints

from arcops.asks import Use, refuse_outside, use_of
from arcops.errors import Broken, Refused, Unavailable
from arcops.late_dataclass import dataclass
from flows.place import Place, bounded, with_paths
from foundation.half_restored import refuse_half

A = TypeVar("A")
B = TypeVar("B")


class Scope(Enum):
    """What a caller must be allowed before a tool answers. No scope includes another."""

    READ = "read"
    CHECK = "check"
    PUBLISH = "publish"
    WAIVE = "waive"
    CONNECT = "connect"
    """In addition to a tool's own scope: to open a connection to what the operator named."""
    AUDIT = "audit"
    """To read the audit log: who called what."""
    TRUST = "trust"
    """To change what counts here: keys, revocations, registered policies, advisories, artifacts of other sites."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What a run elsewhere is said to have left: the digest of an ``artifact`` in the store, which must be checked against the
    other values. ``run`` is the run's id, ``parameters`` its parameters, and ``begun`` its start, by the clock here.
    """

    artifact: str
    run: str
    parameters: Mapping[str, object]
    begun: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed(Generic[A, B]):
    """How a tool runs as a deployment of Prefect instead of in this process.

    ``parameters`` are the flow's. ``answer`` makes the tool's answer from the artifact that the run left in the store. It opens
    that artifact and uses nothing else: a run's state is a view, never evidence.
    """

    name: str
    parameters: Callable[[A, Place], Mapping[str, object]]
    answer: Callable[[A, Left, Place], B]


def _never(ask: object) -> bool:
    """For a tool that opens no connection."""
    return False


def always(ask: object) -> bool:
    """For a tool that opens a connection for every ask."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool(Generic[A, B]):
    """One capability.

    ``name`` is its name for machines (``check_model``), ``title`` its name for people. ``reads_only`` says that it changes,
    keeps and signs nothing (the store may write again what it derives from its log); ``destructive`` that it may replace or
    end what was there; ``idempotent`` that a second call changes nothing more; ``outside`` that it reaches other programs,
    whatever is asked; ``long`` that it may take longer than a client waits, so it reports progress and can be stopped;
    ``usual`` that a door with little room shows it at once.
    ``connects`` says for an ask whether it opens a connection to a cluster or an endpoint. ``approves`` is what it approves,
    such as ``waivers``: a caller needs that permission, too, and the place says who they are. ``restores`` says that it ends a
    restore that was cut off; until then no other tool does anything.
    """

    name: str
    title: str
    doc: str
    scope: Scope
    ask: type[A]
    answer: type[B]
    work: Callable[[A, Place], B]
    reads_only: bool
    idempotent: bool
    long: bool
    deployed: Deployed[A, B] | None
    destructive: bool = False
    outside: bool = False
    usual: bool = False
    connects: Callable[[A], bool] = _never
    approves: str = ""
    restores: bool = False

    @property
    def may_connect(self) -> bool:
        """Can an ask make it open a connection?"""
        return self.outside or self.connects is not _never

    @property
    def always_connects(self) -> bool:
        """Does every ask make it open a connection that takes the scope ``connect``?"""
        return self.connects is always

    def scopes(self, ask: A) -> tuple[Scope, ...]:
        """Every scope that a caller needs for *ask*: the tool's own, and ``connect`` if it connects."""
        return (self.scope, Scope.CONNECT) if self.connects(ask) else (self.scope,)

    def __call__(self, ask: A, at: Place) -> B:
        """The answer to *ask*. Raises `Refused` if the ask is wrong, `Unavailable` if the caller may try again."""
        if self.scope is Scope.TRUST and not at.may_trust:
            raise Refused(not_for_remote(self.name))
        refuse_outside(ask)
        if not self.restores:
            refuse_half(at.settings.memory)
        if at.roots is None:
            return self._answered(ask, at)
        answer: Any = self._written(bounded(ask, at), at) if self.writes else self._answered(bounded(ask, at), at)
        told = {name: with_paths(value, lambda path, use: at.told(path)) for name, value in _paths(answer)}
        return cast(B, replace(answer, **told) if told else answer)

    @property
    def writes(self) -> bool:
        """Can an ask name a path to be written?"""
        return bool(self._to_write)

    def _written(self, ask: A, at: Place) -> B:
        """As `_answered`, for a tool that writes: what it writes goes into the index of the caller's files."""
        if at.settings.output is None or not any(getattr(ask, one) is not None for one in self._to_write):
            return self._answered(ask, at)
        from capabilities.written import filed, sandbox  # most calls write nothing

        mine = sandbox(at)
        mine.refuse_full()
        answer = self._answered(ask, at)
        filed(ask, answer, self.name, mine, at)
        return answer

    @property
    def _to_write(self) -> tuple[str, ...]:
        return tuple(one.name for one in fields(cast(Any, self.ask)) if use_of(one, Use.READ) is Use.WRITE)

    def _answered(self, ask: A, at: Place) -> B:
        try:
            if self.deployed is not None and at.settings.prefect_api:
                return _by_prefect(self, self.deployed, ask, at)
            return self.work(ask, at)
        except ModuleNotFoundError as error:
            from arcops.extras import lacking  # seldom: most have what they need

            raise lacking(error) or error from error


def not_for_remote(name: str) -> str:
    """Why the tool with this *name* is not offered to remote callers."""
    return (
        f"{name} changes what counts here, so only the operator may call it, on this machine's own command line; to allow it "
        "over the network, the operator sets ARCOPS_REMOTE_TRUST=yes and an issuer of tokens, and the caller needs the "
        f"scope {Scope.TRUST.value!r}"
    )


def tool(
    *,
    title: str,
    scope: Scope,
    name: str = "",
    reads_only: bool = False,
    destructive: bool = False,
    idempotent: bool = False,
    outside: bool = False,
    long: bool = False,
    usual: bool = False,
    deployed: Deployed[Any, Any] | None = None,
    connects: Callable[[Any], bool] = _never,
    approves: str = "",
    restores: bool = False,
) -> Callable[[Callable[[A, Place], B]], Tool[A, B]]:
    """Declare the decorated function as a capability. Its ask and answer are the types that its annotations name.

    Raises `Broken` if these are not frozen dataclasses, if there is no docstring, or if it both reads only and destroys.
    """

    def declare(work: Callable[[A, Place], B]) -> Tool[A, B]:
        hints = get_type_hints(work)
        parameter = next(iter(inspect.signature(work).parameters))
        ask, answer = hints[parameter], hints["return"]
        for kind in (ask, answer):
            if not is_dataclass(kind) or not getattr(kind, "__dataclass_params__").frozen:  # noqa: B009  # typeshed hides it
                raise Broken(f"{work.__name__} asks or answers {kind!r}, which is not a frozen dataclass")
        if not work.__doc__:
            raise Broken(f"{work.__name__} has no docstring, so callers could not know what it does")
        if reads_only and destructive:
            raise Broken(f"{work.__name__} cannot both read only and replace what was there")
        return Tool(
            name=name or work.__name__,
            title=title,
            doc=inspect.cleandoc(work.__doc__),
            scope=scope,
            ask=ask,
            answer=answer,
            work=work,
            reads_only=reads_only,
            destructive=destructive,
            idempotent=idempotent or reads_only,
            outside=outside,
            long=long,
            usual=usual,
            deployed=deployed,
            connects=connects,
            approves=approves,
            restores=restores,
        )

    return declare


def _paths(answer: Any) -> Iterator[tuple[str, object]]:
    """The fields of *answer* that hold paths, which name files that were written here."""
    for one in fields(answer):
        value = getattr(answer, one.name)
        if isinstance(value, Path) or (isinstance(value, tuple) and value and isinstance(value[0], Path)):
            yield one.name, value


def _by_prefect(one: Tool[A, B], deployed: Deployed[A, B], ask: A, at: Place) -> B:
    import asyncio

    from flows.prefect.deployed import follow, start

    parameters, now = deployed.parameters(ask, at), at.now()

    async def run() -> Left:
        begun = await start(deployed.name, parameters, at_once=at.at_once)
        ended = await follow(begun.id, progress=at.progress, stop=at.stop, at_once=at.at_once)
        if not ended.artifact:
            raise Unavailable(
                f"the run {begun.id} ended {ended.state} and left no artifact that could be read: {ended.message}"
            )
        return Left(artifact=ended.artifact, run=ended.id, parameters=parameters, begun=now)

    return deployed.answer(ask, asyncio.run(run()), at)
