"""``arcops database``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.cli import surroundings
from adapters.cli.answering import answer, shown
from adapters.cli.commands import Given, command, group
from adapters.cli.printing import Answering

if TYPE_CHECKING:
    from capabilities.database.database import (
        DatabaseMigrated,
        DatabaseMoved,
        DatabaseShown,
        MigrateDatabase,
        MoveDatabase,
        ShowDatabase,
    )

DATABASE = group("database", "Show, migrate and move the database of leases and API keys.")


@command("database status", "capabilities.database.database:show_database", own=Answering)
def status(given: Given[ShowDatabase, DatabaseShown, Answering]) -> None:
    """Show the database: its address, its schema, its rows, and who holds which lease. It changes nothing."""

    def show(found: DatabaseShown) -> None:
        print(f"{found.kind} {found.at}")
        if not found.schema:
            print(f"there is no schema yet; the first use makes it ({found.newest})")
        elif found.schema != found.newest:
            print(f"schema {found.schema}; the newest is {found.newest}: run 'arcops database migrate'")
        else:
            print(f"schema {found.schema}, the newest")
        for table in found.tables:
            print(f"{table.table} {table.rows}")
        for one in found.leases:
            print(f"lease {one.name} held by {one.holder} for {one.seconds} s, epoch {one.epoch}")

    shown(given, show)


@command("database migrate", "capabilities.database.database:migrate_database")
def migrate(given: Given[MigrateDatabase, DatabaseMigrated, None]) -> None:
    """Bring the database to this version's schema."""
    done = answer(given.tool, given.ask(), surroundings.place())
    was = done.before or "nothing"
    print(f"{done.at}: {'the schema is' if done.before == done.now else f'from {was} to'} {done.now}")


@command(
    "database move",
    "capabilities.database.database:move_database",
    example="--to postgresql+psycopg://me@db/arcops",
)
def move(given: Given[MoveDatabase, DatabaseMoved, None]) -> None:
    """Copy the database to an empty one, such as from a file to PostgreSQL, and compare the two."""
    ask = given.ask()
    done = answer(given.tool, ask, surroundings.place())
    for table in done.tables:
        print(f"{table.table} {table.rows}")
    print(f"{done.source} was copied to {done.target}, and the two are the same.")
    print(f"Set ARCOPS_DATABASE={ask.to} for every host; the first stays as it is, and is not used then.")
