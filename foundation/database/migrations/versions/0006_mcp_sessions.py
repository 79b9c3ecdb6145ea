"""Sessions of MCP, so that each instance of a site, and a server that was started again, goes on with them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "arcops_mcp_session",
        sa.Column("hash", sa.LargeBinary(32), primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("opening", sa.Text, nullable=False),
        sa.Column("made", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
    )
    op.create_index("arcops_mcp_session_until", "arcops_mcp_session", ["until"])
