"""Announce a change, so that what depends on it is judged again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from arcops.asks import Use, shaped, used
from arcops.errors import Refused
from capabilities.contract import Scope, tool
from capabilities.judging import worker_policy
from flows.place import Place


class Changed(Enum):
    """What can change so that a deployment runs."""

    MODEL = "model"
    POLICY = "policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Announce:
    """What changed, and what is to be judged because of it."""

    what: Changed = field(metadata=shaped(positional=True))
    """What changed."""
    name: str = field(metadata=shaped(positional=True))
    """The name of the model or the policy that changed."""
    target: Path = field(metadata=used(Use.READ) | shaped(positional=True))
    """The model to judge, on the machine of Prefect's worker."""
    policy: str = "sovereign"
    """The name of a registered policy, or its digest (sha256:…); on one's own command line also a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """The announcement, as Prefect keeps it."""

    event: str
    """The id of the event. The runs that it starts name it."""


@tool(title="Announce a change", scope=Scope.CHECK, outside=True)
def announce_change(ask: Announce, at: Place) -> Announced:
    """Tell Prefect that a model or a policy changed. A deployment of Prefect then judges the target again, in a run of its own.

    The answer holds no verdict: the run leaves its artifact in the store when it ends. Needs a Prefect API (PREFECT_API_URL).
    """
    if not at.settings.prefect_api:
        raise Refused("no Prefect API is configured to announce it to; set PREFECT_API_URL, or run 'arcops check'")
    from flows.prefect.announce import announce

    policy = worker_policy(ask.policy, at)
    return Announced(event=asyncio.run(announce(ask.what.value, ask.name, target=str(at.reach(ask.target)), policy=policy)))
