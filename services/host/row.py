"""A row of a hosted server as the database has it: the version that counts, its verdict, and who it is shared with."""

from __future__ import annotations

from dataclasses import dataclass

from foundation.authorization.sharing import Share
from services.host.lock import Lock
from services.host.spec import Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a row, by its ``author``; ``made`` in milliseconds since 1970. ``lock`` is ``None`` until there is one.
    ``served`` is when it began to count last, and 0 for one that was only proposed and never did.
    """

    number: int
    spec: Spec
    lock: Lock | None
    author: str
    made: int
    served: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A verdict as it is kept: ``bundle`` is the sealed artifact, ``artifact`` its digest, ``tools`` the evidence about what
    the server offered when it was judged well last, as JSON, or empty. ``withdrawn`` says why it counts no more. Whether it
    counts else is another question (`services.host.verdicts`).
    """

    artifact: str
    bundle: str
    tools: str
    withdrawn: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedRow:
    """A hosted server as its row is now. ``allowed``: its operator allowed its lock; ``by`` says who. ``judged`` is the last
    verdict about this lock and this way to start it. ``shares`` say who may call it, besides those that a policy allows.
    """

    name: str
    current: Version
    enabled: bool
    owner: str
    generation: int
    allowed: bool
    by: str = ""
    judged: Judgement | None = None
    shares: tuple[Share, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a host said of a server that it runs; ``since`` in milliseconds since 1970."""

    name: str
    host: str
    state: str
    reason: str
    pids: tuple[int, ...]
    since: int
