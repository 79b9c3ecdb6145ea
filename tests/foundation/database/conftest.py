"""A database of the test's own: a file of SQLite, and on a whole site one at a PostgreSQL server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from foundation.database.engine import Database
from tests.foundation.database.open_here import Open, Server, at_server, hurried
from tests.postgres import postgres


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with postgres() as url:
        yield Server(url.replace("asyncpg", "psycopg").removesuffix("/prefect"))


# A file that uses it and has no mark of its own has mark.site in a comment, because `tests/site_files.py` looks for it.
@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.site)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database that is empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/database/arcops.sqlite"
    found: Server = request.getfixturevalue("server")
    return found.new()


@pytest.fixture
def open_(address: str) -> Iterator[Open]:
    """Opens that database, each time with connections of its own; all are closed at the end."""
    with ExitStack() as stack:

        def opened() -> Database:
            return stack.enter_context(hurried(at_server(address)))

        yield opened
