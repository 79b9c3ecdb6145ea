"""A row of a hosted server as the database has it: the version that counts, its verdict, and who it is shared with."""

from __future__ import annotations

from collections.abc import Iterable
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


def counted_before(versions: Iterable[Version], number: int) -> int:
    """The number of the version of *versions* that counted last before version *number* did; before now, if that is only
    proposed. 0 if none did.
    """
    known = {one.number: one for one in versions}
    until = known[number].served if number in known else 0
    earlier = [one for one in known.values() if one.number != number and one.served and (not until or one.served < until)]
    return max(earlier, key=lambda one: one.served).number if earlier else 0


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
    """A hosted server as its row is now. ``allowed``: its operator allowed its lock; ``by`` says who, and
    ``allowed_at`` when, in milliseconds. ``judged`` is the last verdict about this lock and this way to start it. ``shares``
    say who may call it, besides those that a policy allows.
    """

    name: str
    current: Version
    enabled: bool
    owner: str
    generation: int
    allowed: bool
    by: str = ""
    allowed_at: int = 0
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
