"""Events of cost and their sums of a day, quotas, advisories, and what servers used of a machine."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_table(
        "arcops_cost_event",
        sa.Column("host", sa.String(64), primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        *_who(),
        sa.Column("server", sa.String(63), nullable=False),
        sa.Column("tool", sa.String(200), nullable=False),
        sa.Column("model", sa.String(100), nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in _SIZES),
        sa.Column("estimated", sa.Integer, nullable=False),
        sa.Column("cpu", sa.BigInteger, nullable=True),
        sa.Column("price", sa.BigInteger, nullable=True),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("card", sa.String(10), nullable=False),
        sa.Column("latency", sa.BigInteger, nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("audited", sa.Integer, nullable=False),
        sa.Column("trace", sa.String(32), nullable=False),
    )
    op.create_index("arcops_cost_event_at", "arcops_cost_event", ["at"])
    op.create_table(
        "arcops_cost_day",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("day", sa.String(10), nullable=False),
        *_who(),
        sa.Column("server", sa.String(63), nullable=False),
        sa.Column("tool", sa.String(200), nullable=False),
        sa.Column("model", sa.String(100), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("estimated", sa.Integer, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in (*_SIZES, *_SUMS)),
    )
    op.create_index("arcops_cost_day_day", "arcops_cost_day", ["day"])
    op.create_table(
        "arcops_hosted_quota",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("server", sa.String(63), nullable=False),
        *_who(),
        sa.Column("unit", sa.String(8), nullable=False),
        sa.Column("per", sa.String(8), nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("made", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "arcops_hosted_advisory",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("quota", sa.String(100), nullable=False),
        sa.Column("server", sa.String(63), nullable=False),
        *_who(),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("raised", sa.BigInteger, nullable=True),
        sa.Column("used", sa.BigInteger, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "arcops_hosted_use",
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("host", sa.String(200), primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("samples", "processes", "memory", "cpu", "cpu_peak")),
    )


_SIZES = ("bytes_in", "bytes_out", "tokens_in", "tokens_out")
_SUMS = ("calls", "failed", "cpu_sum", "cpu_calls", "price_sum", "unpriced", "latency_sum", "audited")


def _who() -> tuple[sa.Column[str], ...]:
    return tuple(sa.Column(name, sa.Text, nullable=False) for name in ("issuer", "tenant", "identity"))
