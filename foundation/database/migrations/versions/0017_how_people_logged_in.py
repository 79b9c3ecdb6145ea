"""Sessions of people: how they proved who they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    # Who was logged in before proved nothing that is known: a role that demands a proof counts after their next login.
    op.add_column("arcops_session", sa.Column("acr", sa.Text, nullable=False, server_default=""))
    op.add_column("arcops_session", sa.Column("amr", sa.Text, nullable=False, server_default="[]"))
