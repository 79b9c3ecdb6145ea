"""``arcops announce``."""

from __future__ import annotations

from pathlib import Path

from adapters.cli import surroundings
from adapters.cli.answering import answer, policy_there
from capabilities.model.announce import Announce, Changed, announce_change


def announce(what: str, name: str, target: Path, policy: str) -> None:
    ask = Announce(what=Changed(what), name=name, target=target.absolute(), policy=policy_there(policy))
    announced = answer(announce_change, ask, surroundings.place())
    print(f"announced: the {what} {name} changed (event {announced.event})")
