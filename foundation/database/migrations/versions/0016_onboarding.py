"""Invitations, and which identity is of which verified domain."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "arcops_invitation",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("hash", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("ticket", sa.LargeBinary(32), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("domain", sa.String(253), nullable=False),
        sa.Column("servers", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("made", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("used", sa.BigInteger, nullable=False),
        sa.Column("method", sa.String(8), nullable=False),
        sa.Column("proof", sa.String(64), nullable=False),
        sa.Column("proof_until", sa.BigInteger, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("verified", sa.BigInteger, nullable=False),
        sa.Column("aided", sa.Integer, nullable=False),
        sa.Column("revoked", sa.BigInteger, nullable=False),
        sa.Column("ended", sa.BigInteger, nullable=False),
    )
    op.create_index("arcops_invitation_ticket", "arcops_invitation", ["ticket"])
    op.create_table(
        "arcops_tenant_mapping",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("tenant", sa.String(255), nullable=False),
        sa.Column("person", sa.String(255), nullable=False),
        sa.Column("domain", sa.String(253), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("invitation", sa.String(32), nullable=False),
        sa.Column("made", sa.BigInteger, nullable=False),
    )
