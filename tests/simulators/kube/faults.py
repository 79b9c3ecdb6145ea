"""What may go wrong on demand: statuses, dropped connections and streams, forgotten history, answers that are lost."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.simulators.kube.access import Asked


@dataclass(slots=True, kw_only=True)
class Fault:
    """The next ``times`` requests of ``verb`` for ``resource`` (a pattern, ``plural.group/subresource``) fail: with ``status``,
    or, without one, by the end of the connection; after the work was done if ``late``.
    """

    verb: str = ".*"
    resource: str = ".*"
    status: int = 0
    times: int = 1
    late: bool = False
    retry_after: int = 0


@dataclass
class Faults:
    """``waiting`` are faults to come. ``writes`` counts what changes something and was carried out; at ``dies_after`` of them
    ``on_death`` is called, and nothing is answered any more to the one who wrote.
    """

    waiting: list[Fault] = field(default_factory=list)
    made: Counter[str] = field(default_factory=Counter)
    on_write: Callable[[Asked, str], bool] | None = None

    def add(self, fault: Fault) -> None:
        self.waiting.append(fault)

    def next_for(self, asked: Asked, *, late: bool) -> Fault | None:
        name = f"{asked.resource}.{asked.group}" if asked.group else asked.resource
        name += f"/{asked.subresource}" if asked.subresource else ""
        for one in self.waiting:
            if one.late is late and re.fullmatch(one.verb, asked.verb) and re.fullmatch(one.resource, name):
                one.times -= 1
                if not one.times:
                    self.waiting.remove(one)
                self.made[f"{one.status or 'cut'} {asked.verb} {name}"] += 1
                return one
        return None
