"""Configuration of MCP clients: publications, the releases that the log holds, and what clients report."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "arcops_config_publication",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("said", sa.Text, nullable=False),
        sa.Column("made", sa.BigInteger, nullable=False),
    )
    op.create_index("arcops_config_publication_state", "arcops_config_publication", ["state"])
    op.create_table(
        "arcops_config_release",
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("record", sa.String(80), nullable=False, unique=True),
        sa.Column("client", sa.String(63), nullable=False),
        sa.Column("profile", sa.String(63), nullable=False),
        sa.Column("schema", sa.String(200), nullable=False),
        sa.Column("artifact", sa.String(80), nullable=False),
        sa.Column("version", sa.String(200), nullable=False),
        sa.Column("percent", sa.Integer, nullable=False),
        sa.Column("issued", sa.BigInteger, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_index("arcops_config_release_client", "arcops_config_release", ["client", "profile", "schema"])
    op.create_table(
        "arcops_config_report",
        sa.Column("month", sa.String(7), primary_key=True),
        sa.Column("fingerprint", sa.String(64), primary_key=True),
        sa.Column("client", sa.String(63), primary_key=True),
        sa.Column("profile", sa.String(63), primary_key=True),
        sa.Column("artifact", sa.String(80), nullable=False),
        sa.Column("result", sa.String(16), nullable=False),
    )
    op.create_table(
        "arcops_config_report_key",
        sa.Column("month", sa.String(7), primary_key=True),
        sa.Column("key", sa.LargeBinary(32), nullable=False),
    )
