"""Hosted servers: which versions ever counted, and who a server is shared with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_table(
        "arcops_hosted_served",
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("made", sa.BigInteger, nullable=False),
    )
    # Until now every version counted from the moment in which it was made.
    op.execute(
        "insert into arcops_hosted_served (name, version, author, made) "
        "select name, version, author, made from arcops_hosted_version"
    )
    op.create_table(
        "arcops_hosted_share",
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("kind", sa.String(8), primary_key=True),
        sa.Column("who", sa.String(700), primary_key=True),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("made", sa.BigInteger, nullable=False),
    )
