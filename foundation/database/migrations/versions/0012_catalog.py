"""The catalog of servers that could be hosted, and the index of its words (`foundation.database.catalog_words`)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_SQLITE = (
    "CREATE VIRTUAL TABLE arcops_catalog_words USING fts5(name, title, description, more, "
    "tokenize='porter unicode61 remove_diacritics 2')",
)
_POSTGRESQL = (
    "CREATE TABLE arcops_catalog_words (id BIGINT PRIMARY KEY, found TSVECTOR NOT NULL)",
    "CREATE INDEX arcops_catalog_words_found ON arcops_catalog_words USING gin (found)",
)


def upgrade() -> None:
    op.create_table(
        "arcops_catalog_entry",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(200), nullable=False, unique=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("more", sa.Text, nullable=False),
        sa.Column("tags", sa.Text, nullable=False),
        sa.Column("offered", sa.String(255), nullable=False),
        sa.Column("stars", sa.Integer, nullable=False),
        sa.Column("ratings", sa.Integer, nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "arcops_catalog_version",
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("version", sa.String(255), primary_key=True),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("digest", sa.String(80), nullable=False),
        sa.Column("locks", sa.Text, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("was_offered", sa.Integer, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("decider", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("published", sa.BigInteger, nullable=False),
        sa.Column("made", sa.BigInteger, nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
    )
    op.create_index("arcops_catalog_version_changed", "arcops_catalog_version", ["changed"])
    op.create_table(
        "arcops_catalog_rating",
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("rater", sa.String(64), primary_key=True),
        sa.Column("stars", sa.Integer, nullable=False),
        sa.Column("made", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "arcops_catalog_meaning",
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("model", sa.String(80), primary_key=True),
        sa.Column("text", sa.String(80), nullable=False),
        sa.Column("vector", sa.LargeBinary, nullable=False),
    )
    for statement in _POSTGRESQL if op.get_bind().dialect.name == "postgresql" else _SQLITE:
        op.execute(statement)
