"""A place that publishes clients' configuration: a store, a database, keys with roles, and rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from arcops.tier import Tier
from artifacts.private_key import PrivateKey, create
from artifacts.store import Store
from artifacts.vouch import Grounds
from foundation.database.address import read_address
from foundation.database.engine import Database, connected
from foundation.database.migrating import ready
from services.config.publishing import Publisher
from services.config.roles import Roles
from services.config.rows import Rows
from services.config.validating import RulesHere, rules_from
from tests.evidence import NOW

RULES = b"""\
id: corp
version: 1.0.0
rules:
  - {id: no-shell, action: deny, servers: ["*shell*"]}
"""
DRAFT = b"""\
version: 1.0.0
profile: dev
clients: [claude-code]
inputs:
  - {name: GITHUB_TOKEN, description: a token for the server}
servers:
  - {name: time, package: "pypi:mcp-server-time==2026.10.10"}
  - name: github
    transport: http
    url: https://mcp.example.com/mcp
    headers: [{name: Authorization, before: "Bearer ", input: GITHUB_TOKEN}]
"""


@dataclass(slots=True, kw_only=True)
class Site:
    """The parts of a place, whose clock stands still until it is moved."""

    store: Store
    database: Database
    publisher_key: PrivateKey
    approver_key: PrivateKey
    other_key: PrivateKey
    roles: Roles
    rules: RulesHere = field(default_factory=lambda: rules_from(RULES))
    now: datetime = NOW
    step: Callable[[str], None] = lambda _: None

    @property
    def rows(self) -> Rows:
        return Rows(self.database)

    def publisher(self) -> Publisher:
        return Publisher(
            rows=self.rows,
            store=self.store,
            ground=Grounds(keys=(self.publisher_key.public, self.approver_key.public, self.other_key.public)),
            roles=self.roles,
            rules=self.rules,
            now=lambda: self.now,
            tier=Tier.AIR_GAPPED,
            tooling="arcops test",
            step=self.step,
        )

    def later(self, **much: int) -> None:
        self.now += timedelta(**much)


def site(folder: Path, *, approvals: int = 0) -> Site:
    """A new place in *folder*."""
    publisher, approver, other = create(), create(), create()
    database = ready(connected(read_address(f"sqlite:///{folder / 'database' / 'arcops.sqlite'}"), Tier.AIR_GAPPED))
    return Site(
        store=Store(folder / "store"),
        database=database,
        publisher_key=publisher,
        approver_key=approver,
        other_key=other,
        roles=Roles(
            publishers=(publisher.public.id,),
            approvers=(approver.public.id, publisher.public.id),
            approvals=approvals,
        ),
    )


def version(number: str, draft: bytes = DRAFT) -> bytes:
    """*draft* as another version, with one server more."""
    more = f'  - {{name: extra-{number.replace(".", "-")}, package: "npm:extra@{number}"}}\n'
    return draft.replace(b"version: 1.0.0", f"version: {number}".encode()) + more.encode()
