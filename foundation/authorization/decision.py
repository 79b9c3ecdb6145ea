"""The words of a decision: what is asked, what an engine says, and what is decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from arcops.identity import Identity
from foundation.authorization.sharing import Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """May *caller* do *action* to *object* with these *arguments* (JSON values; ``None`` without any)? ``shared`` says who the
    object's owner shares it with.
    """

    caller: Identity
    action: str
    object: str
    arguments: Mapping[str, Any] | None = None
    shared: tuple[Share, ...] = ()

    @property
    def permission(self) -> str:
        """As a policy writes it: ``check_model:call``."""
        return f"{self.object}:{self.action}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one *engine* says. ``reason`` may be shown to the caller; ``rule`` names the rule, for the operator.

    ``reads``: it depends on the arguments. ``failed``: the engine could not say anything, which denies.
    """

    engine: str
    allowed: bool
    reason: str
    rule: str = ""
    reads: bool = False
    failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether it is allowed, and why, by which ``engines``, under which policy ``epoch`` (a digest of the policy).

    ``reason`` may be shown to the caller. ``reads`` says that it depends on the arguments, so it holds for this call only.
    """

    allowed: bool
    reason: str
    engines: tuple[Said, ...]
    epoch: str
    reads: bool = False


class Authorizer(Protocol):
    """One engine, with the policy of one epoch. It never raises because of a question: what it cannot decide, it denies."""

    @property
    def name(self) -> str:
        """The name of the engine in a policy file."""
        ...

    def decide(self, question: Question) -> Said:
        """What the engine says."""
        ...
