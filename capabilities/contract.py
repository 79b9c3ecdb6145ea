"""The contract of every door: a capability is one typed function, declared once and found by looking.

A door (the command line, MCP, the pages) knows `Tool` and `Place` and nothing below them. It makes an ask, calls the tool at a
place, and shows the answer; asks and answers are plain values that cross a network as they are.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, Generic, TypeVar, cast, get_type_hints

from arcops.errors import Broken, Refused, Unavailable
from arcops.request import silent, unheard
from arcops.roots import Roots
from artifacts.beneath import held, reach
from artifacts.private_key import Signer
from foundation.settings import Settings

A = TypeVar("A")
B = TypeVar("B")


class Scope(Enum):
    """What a caller must be allowed to, for a tool to answer. None implies another."""

    READ = "read"
    CHECK = "check"
    PUBLISH = "publish"
    WAIVE = "waive"
    CONNECT = "connect"
    """Beside a tool's own scope: to open a connection to what the operator named."""
    TRUST = "trust"
    """To change what counts here: keys, revocations, registered policies, advisories, what others sealed."""


OUTSIDE_OUTPUT = "the path lies outside the folder that this server writes to; ask its operator (ARCOPS_OUTPUT)"
_USE = "arcops.use"


class Use(Enum):
    """What a path in an ask is for, which says where a caller over the network may have it."""

    READ = "read"
    """Below the roots. What a field is that says nothing."""
    WRITE = "write"
    """Below the operator's output folder: a file is put there, or into the folder that it names."""
    HERE = "here"
    """Nowhere: only on one's own machine."""


def used(use: Use) -> Mapping[str, Use]:
    """The ``metadata`` of an ask's field that holds a path for *use*."""
    return {_USE: use}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a tool takes from its surroundings.

    ``signer`` loads the key that signs here, when it is needed; ``secret`` gives the passphrase for a new key at a path.
    Setting ``stop`` ends a long tool early, with an artifact that says so. ``roots`` are the folders below which a caller may
    name files; ``None`` allows every file that this user can read, as on one's own command line. What is written for a caller
    goes below ``settings.output`` then, or nowhere. ``own`` says that it is one's own command line: only there may an ask name
    what runs a program, say which server is asked, or change what is trusted. ``say`` is told sentences that the person there
    has to hear before something happens.
    """

    settings: Settings
    now: Callable[[], datetime]
    signer: Callable[[], Signer]
    secret: Callable[[Path], str]
    roots: tuple[Path, ...] | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    progress: Callable[[int, int], None] = silent
    own: bool = False
    say: Callable[[str], None] = unheard

    @property
    def afar(self) -> bool:
        """Does somebody else ask, through MCP or another door? What a caller names is then never followed to a program."""
        return not self.own or self.roots is not None

    @property
    def may_trust(self) -> bool:
        """May what counts here be changed by who asks? From afar only where the operator said so."""
        return self.settings.trust_from_afar or not self.afar

    def reach(self, path: Path) -> Path:
        """*path*, absolute; where folders are served, a relative one lies in the first of them.

        Raises `Refused` where it lies outside of them. That tells a caller at once; whoever opens the path opens it `within`.
        """
        return reach(path, self.roots)

    def put(self, path: Path) -> Path:
        """*path*, absolute, where a file may be written for this caller; a relative one lies in the operator's output folder.

        Raises `Refused` where it lies outside of it, or where there is none.
        """
        if self.roots is None:
            return path.absolute()
        if self.settings.output is None:
            raise Refused("this server writes no file for callers; its operator names a folder for that (ARCOPS_OUTPUT)")
        return reach(path, (self.settings.output,), refusal=OUTSIDE_OUTPUT)

    @property
    def within(self) -> Roots:
        """The folders below which a path that the caller named is opened, as they are now."""
        return held(None if self.roots is None else (*self.roots, *self._output))

    @property
    def writable(self) -> Roots:
        """The folders below which a file is written for the caller, as they are now."""
        return held(None if self.roots is None else self._output)

    def told(self, path: Path) -> Path:
        """*path* as an answer names it to this caller: relative to the folder that it may name it in, or its name alone."""
        if self.roots is None or not path.is_absolute():
            return path
        folders = (*self._output, *self.roots)
        return next((path.relative_to(one) for one in folders if path.is_relative_to(one)), Path(path.name))

    @property
    def _output(self) -> tuple[Path, ...]:
        return (self.settings.output,) if self.settings.output is not None else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What a run elsewhere is said to have left: the digest of an ``artifact`` in the store, which is still to be held against
    the rest. ``run`` is the run's id, ``parameters`` what it was begun with, and ``begun`` when, by the clock here.
    """

    artifact: str
    run: str
    parameters: Mapping[str, object]
    begun: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed(Generic[A, B]):
    """How a tool runs as a deployment of Prefect instead of in this process.

    ``parameters`` are the flow's; ``answer`` makes the tool's answer from the artifact that the run left in the store. It opens
    that artifact and believes nothing else: a run's state is a view, never evidence.
    """

    name: str
    parameters: Callable[[A, Place], Mapping[str, object]]
    answer: Callable[[A, Left, Place], B]


def _never(ask: object) -> bool:
    """Of a tool that opens no connection."""
    return False


def always(ask: object) -> bool:
    """Of a tool that opens a connection whatever it is asked."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool(Generic[A, B]):
    """One capability.

    ``name`` is what machines call it (``check_model``), ``title`` what people read. ``reads_only`` says that it changes
    nothing but what the store keeps; ``idempotent`` that a second call changes nothing more; ``long`` that it may take longer
    than a client waits, so it reports progress and can be stopped. ``connects`` says of an ask whether it opens a connection to
    elsewhere, a cluster or an endpoint.
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
    connects: Callable[[A], bool] = _never

    def scopes(self, ask: A) -> tuple[Scope, ...]:
        """Every scope that a caller must have for *ask*: the tool's own, and ``connect`` where it connects."""
        return (self.scope, Scope.CONNECT) if self.connects(ask) else (self.scope,)

    def __call__(self, ask: A, at: Place) -> B:
        """The answer to *ask*. Raises `Refused` for what is wrong with it, `Unavailable` for what may be tried again."""
        if self.scope is Scope.TRUST and not at.may_trust:
            raise Refused(not_from_afar(self.name))
        if at.roots is None:
            return self._answered(ask, at)
        answer: Any = self._answered(bounded(ask, at), at)
        told = {name: with_paths(value, lambda path, use: at.told(path)) for name, value in _paths(answer)}
        return cast(B, replace(answer, **told) if told else answer)

    def _answered(self, ask: A, at: Place) -> B:
        if self.deployed is not None and at.settings.prefect_api:
            return _by_prefect(self, self.deployed, ask, at)
        return self.work(ask, at)


def not_from_afar(name: str) -> str:
    """Why the tool of this *name* is not offered to callers from afar."""
    return (
        f"{name} changes what counts here, which only the operator does, on this machine's own command line; an operator who "
        "wants it over the network sets ARCOPS_TRUST_FROM_AFAR=yes and an issuer of tokens, and the caller needs the scope "
        f"{Scope.TRUST.value!r}"
    )


def tool(
    *,
    title: str,
    scope: Scope,
    name: str = "",
    reads_only: bool = False,
    idempotent: bool = False,
    long: bool = False,
    deployed: Deployed[Any, Any] | None = None,
    connects: Callable[[Any], bool] = _never,
) -> Callable[[Callable[[A, Place], B]], Tool[A, B]]:
    """Declare the decorated function as a capability. Its ask and answer are the types that its annotations name.

    Raises `Broken` where they are not frozen dataclasses, or where nothing says what it does.
    """

    def declare(work: Callable[[A, Place], B]) -> Tool[A, B]:
        hints = get_type_hints(work)
        parameter = next(iter(inspect.signature(work).parameters))
        ask, answer = hints[parameter], hints["return"]
        for kind in (ask, answer):
            if not is_dataclass(kind) or not getattr(kind, "__dataclass_params__").frozen:  # noqa: B009  # typeshed hides it
                raise Broken(f"{work.__name__} asks or answers {kind!r}, which is no frozen dataclass")
        if not work.__doc__:
            raise Broken(f"{work.__name__} has no docstring, so no caller could know what it does")
        return Tool(
            name=name or work.__name__,
            title=title,
            doc=inspect.cleandoc(work.__doc__),
            scope=scope,
            ask=ask,
            answer=answer,
            work=work,
            reads_only=reads_only,
            idempotent=idempotent or reads_only,
            long=long,
            deployed=deployed,
            connects=connects,
        )

    return declare


def all_tools() -> tuple[Tool[Any, Any], ...]:
    """Every capability, in the order of names."""
    from arcops.discovery import declared

    return tuple(sorted(declared("capabilities", Tool), key=lambda one: one.name))


def offered(at: Place, *, trusting: bool) -> tuple[Tool[Any, Any], ...]:
    """The capabilities that a door offers at this place: those that change what counts here only where *trusting* and the
    operator said so.
    """
    return tuple(one for one in all_tools() if one.scope is not Scope.TRUST or (trusting and at.may_trust))


V = TypeVar("V")


def with_paths(value: V, change: Callable[[Path, Use], Path], use: Use = Use.READ) -> V:
    """*value*, an ask or an answer, with each path in it as *change* gives it for the use that its field declares."""
    changed: Any = value
    if isinstance(value, Path):
        changed = change(value, use)
    elif isinstance(value, tuple):
        items = tuple(with_paths(item, change, use) for item in value)
        changed = items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    elif is_dataclass(value) and not isinstance(value, type):
        members = {one.name: (getattr(value, one.name), one.metadata.get(_USE, use)) for one in fields(value) if one.init}
        new = {name: with_paths(member, change, meant) for name, (member, meant) in members.items()}
        new = {name: member for name, member in new.items() if member is not members[name][0]}
        changed = replace(value, **new) if new else value
    return cast(V, changed)


def bounded(ask: V, at: Place) -> V:
    """*ask*, which came from afar, with each path in it where this place lets it be read or written.

    Raises `Refused` for a path outside of that, and for one that no caller over the network may name.
    """

    def change(path: Path, use: Use) -> Path:
        match use:
            case Use.READ:
                return at.reach(path)
            case Use.WRITE:
                return at.put(path)
            case Use.HERE:
                raise Refused("a caller over the network may not name this path; ask on the machine itself")

    return with_paths(ask, change)


def _paths(answer: Any) -> Iterator[tuple[str, object]]:
    """The fields of *answer* that hold paths, which say where something was written here."""
    for one in fields(answer):
        value = getattr(answer, one.name)
        if isinstance(value, Path) or (isinstance(value, tuple) and value and isinstance(value[0], Path)):
            yield one.name, value


def _by_prefect(one: Tool[A, B], deployed: Deployed[A, B], ask: A, at: Place) -> B:
    import asyncio

    from flows.prefect.deployed import follow, start

    parameters, now = deployed.parameters(ask, at), at.now()

    async def run() -> Left:
        begun = await start(deployed.name, parameters)
        ended = await follow(begun.id, progress=at.progress, stop=at.stop)
        if not ended.artifact:
            raise Unavailable(
                f"the run {begun.id} ended {ended.state} and left no artifact that could be read: {ended.message}"
            )
        return Left(artifact=ended.artifact, run=ended.id, parameters=parameters, begun=now)

    return deployed.answer(ask, asyncio.run(run()), at)
