"""Verdicts about hosted servers: the sealed artifacts without which none of them starts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "arcops_hosted_verdict",
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("lock", sa.String(80), primary_key=True),
        sa.Column("launch", sa.String(80), primary_key=True),
        sa.Column("artifact", sa.String(80), nullable=False),
        sa.Column("bundle", sa.Text, nullable=False),
        sa.Column("tools", sa.Text, nullable=False),
        sa.Column("withdrawn", sa.Text, nullable=False),
        sa.Column("made", sa.BigInteger, nullable=False),
    )
