"""What decisions are about: the objects (tools, approvals), their groups, and the actions that each of them knows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

CALL, CONNECT, APPROVE = "call", "connect", "approve"
ACTIONS = (CALL, CONNECT, APPROVE)
"""Every action: to call a tool; to let it open a connection; to approve what another person drafted or asked for."""

NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Objects:
    """``actions`` has the actions of each object, ``groups`` the objects of each group.

    ``beneath`` has the actions of objects that come and go, by the beginning of their names: ``servers/`` for the tools of
    hosted servers. A policy may name such an object before it exists.
    """

    actions: Mapping[str, frozenset[str]]
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    beneath: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def of(self, name: str) -> frozenset[str]:
        """The actions of the object *name*; empty if there is no such object."""
        found = self.actions.get(name)
        if found is None:
            found = next((actions for begin, actions in self.beneath.items() if self._may_exist(name, begin)), NOTHING)
        return found

    @staticmethod
    def _may_exist(name: str, begin: str) -> bool:
        return name.startswith(begin) and len(name) > len(begin)

    @cached_property
    def digest(self) -> str:
        """A digest of everything here: a decision that was compiled for other objects does not count."""
        values = [{name: sorted(found) for name, found in one.items()} for one in (self.actions, self.groups, self.beneath)]
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
