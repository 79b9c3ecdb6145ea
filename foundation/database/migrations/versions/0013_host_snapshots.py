"""Restores of the hosts' configuration, and where each host stood last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "arcops_host_restore",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("content", sa.String(80), nullable=False),
        sa.Column("artifact", sa.String(80), nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("began", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "arcops_host_known",
        sa.Column("host", sa.String(200), primary_key=True),
        sa.Column("said", sa.Text, nullable=False),
        sa.Column("seen", sa.BigInteger, nullable=False),
    )
