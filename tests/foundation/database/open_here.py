"""Databases of tests."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event, text

from arcops.tier import Tier
from foundation.database.address import read_address
from foundation.database.engine import Database, connected

Open = Callable[[], Database]


def at_server(address: str, **more: Any) -> Database:
    """The database at *address*, as it is."""
    return connected(read_address(address), Tier.AIR_GAPPED, environment={}, **more)


def hurried(database: Database) -> Database:
    """*database*, which no longer waits for the disk: a test loses nothing when a machine does."""
    if database.kind == "sqlite":

        @event.listens_for(database._engine, "connect")
        def prepare(connection: Any, _: object) -> None:
            connection.execute("PRAGMA synchronous = OFF")

    return database


def pass_time(database: Database, name: str) -> None:
    """Let the lease *name* expire, as if its time had passed."""
    with database.writing() as connection:
        connection.execute(
            text(f"UPDATE arcops_lease SET until = {database.clock} - 1 WHERE name = :name"),  # noqa: S608  # SQL of ours
            {"name": name},
        )


@dataclass
class Server:
    """A PostgreSQL server; ``url`` is its address without a database."""

    url: str
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def new(self) -> str:
        """The address of a new database."""
        name = f"test{next(self._numbers)}"
        self.do(f"CREATE DATABASE {name}")
        return f"{self.url}/{name}"

    def do(self, *statements: str, name: str = "postgres") -> list[Any]:
        """Execute *statements* as the server's owner, each alone; the rows of the last."""
        rows: list[Any] = []
        with at_server(f"{self.url}/{name}") as database:
            engine = database._engine.execution_options(isolation_level="AUTOCOMMIT")
            with engine.connect() as connection:
                for one in statements:
                    result = connection.execute(text(one))
                    rows = list(result.all()) if result.returns_rows else []
        return rows
