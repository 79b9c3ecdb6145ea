"""The contract of every door: a capability is one typed function, declared once and found by looking.

A door (the command line, MCP, the pages) knows `Tool` and `Place` and nothing below them. It makes an ask, calls the tool at a
place, and shows the answer; asks and answers are plain values that cross a network as they are.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, Generic, TypeVar, cast, get_type_hints

from arcops.errors import Broken, Refused, Unavailable
from arcops.request import silent, unheard
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a tool takes from its surroundings.

    ``signer`` loads the key that signs here, when it is needed; ``secret`` gives the passphrase for a new key at a path.
    Setting ``stop`` ends a long tool early, with an artifact that says so. ``roots`` are the folders below which a caller may
    name files; ``None`` allows every file that this user can read, as on one's own command line. ``own`` says that it is one's
    own command line: only there may an ask name what runs a program or says which server is asked. ``say`` is told sentences
    that the person there has to hear before something happens.
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

    def reach(self, path: Path) -> Path:
        """*path*, absolute; where folders are served, a relative one lies in the first of them.

        Raises `Refused` where it lies outside of them.
        """
        if self.roots is None:
            return path.absolute()
        absolute = path if path.is_absolute() or not self.roots else self.roots[0] / path
        real = absolute.resolve()
        if not any(real.is_relative_to(root.resolve()) for root in self.roots):
            raise Refused("the path lies outside the folders that this server serves; ask its operator (ARCOPS_ROOTS)")
        return absolute


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed(Generic[A, B]):
    """How a tool runs as a deployment of Prefect instead of in this process.

    ``parameters`` are the flow's; ``answer`` makes the tool's answer from the digest of the artifact that the run left in the
    store. It opens that artifact and believes nothing else: a run's state is a view, never evidence.
    """

    name: str
    parameters: Callable[[A, Place], Mapping[str, object]]
    answer: Callable[[A, str, Place], B]


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
        if at.roots is not None:
            ask = with_paths(ask, at.reach)
        if self.deployed is not None and at.settings.prefect_api:
            return _by_prefect(self, self.deployed, ask, at)
        return self.work(ask, at)


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
    import adapters.tools as room
    from arcops.discovery import declared

    return tuple(sorted(declared(room, Tool), key=lambda one: one.name))


V = TypeVar("V")


def with_paths(value: V, reach: Callable[[Path], Path]) -> V:
    """*value*, an ask, with each path in it as *reach* gives it."""
    changed: Any = value
    if isinstance(value, Path):
        changed = reach(value)
    elif isinstance(value, tuple):
        changed = tuple(with_paths(item, reach) for item in value)
    elif is_dataclass(value) and not isinstance(value, type):
        changed = replace(value, **{one.name: with_paths(getattr(value, one.name), reach) for one in fields(value)})
    return cast(V, changed)


def _by_prefect(one: Tool[A, B], deployed: Deployed[A, B], ask: A, at: Place) -> B:
    import asyncio

    from flows.deployed import follow, start

    async def run() -> str:
        begun = await start(deployed.name, deployed.parameters(ask, at))
        ended = await follow(begun.id, progress=at.progress, stop=at.stop)
        if not ended.artifact:
            raise Unavailable(
                f"the run {begun.id} ended {ended.state} and left no artifact that could be read: {ended.message}"
            )
        return ended.artifact

    return deployed.answer(ask, asyncio.run(run()), at)
