"""Check a policy before anything stands on it: parsed strictly, with every default written out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from arcops.finding import Waiver
from arcops.policy import Policy
from artifacts.wire import JSON, to_json
from flows.policies import load_policy


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChecked:
    """``gates`` holds each gate's settings as JSON with the defaults filled in."""

    policy: Policy
    gates: tuple[tuple[str, JSON], ...]
    expired: tuple[Waiver, ...]


def check_policy(name_or_path: str, *, now: datetime) -> PolicyChecked:
    """Read and parse a policy. Raises `arcops.errors.Refused` naming the first thing that is wrong."""
    policy = load_policy(name_or_path)
    return PolicyChecked(
        policy=policy,
        gates=tuple((gate, to_json(value)) for gate, value in sorted(policy.gates.items())),
        expired=tuple(waiver for waiver in policy.waivers if waiver.expires <= now),
    )
