"""Runbooks, feedback about pages and templates, and checklists of hosted servers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "arcops_runbook",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("template", sa.String(63), nullable=False),
        sa.Column("said", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("made", sa.BigInteger, nullable=False),
        sa.Column("artifact", sa.String(80), nullable=False),
    )
    op.create_table(
        "arcops_runbook_step",
        sa.Column("runbook", sa.String(32), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("said", sa.Text, nullable=False),
        sa.Column("began", sa.BigInteger, nullable=False),
        sa.Column("ended", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "arcops_feedback",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("about", sa.String(200), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("made", sa.BigInteger, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("answered_by", sa.Text, nullable=False),
        sa.Column("answered", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "arcops_checklist_mark",
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("item", sa.String(63), primary_key=True),
        sa.Column("evidence", sa.String(200), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("made", sa.BigInteger, nullable=False),
    )
