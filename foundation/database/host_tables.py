"""The tables of runbooks, feedback, checklists and restores of hosted servers."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, String, Table, Text

from foundation.database.metadata import METADATA

RUNBOOKS = Table(
    "arcops_runbook",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("template", String(63), nullable=False),
    Column("said", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("made", BigInteger, nullable=False),
    Column("artifact", String(80), nullable=False),
)
"""Runbooks that were made. ``said`` is JSON: the whole template, the role and the values; ``artifact`` the digest of the sealed
record, or empty until it is done."""

RUNBOOK_STEPS = Table(
    "arcops_runbook_step",
    METADATA,
    Column("runbook", String(32), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("state", String(16), nullable=False),
    Column("said", Text, nullable=False),
    Column("began", BigInteger, nullable=False),
    Column("ended", BigInteger, nullable=False),
)
"""Attempts at the steps of runbooks. ``said`` is JSON. While an attempt runs, or if it was killed, that is empty and
``ended`` is 0."""

FEEDBACK = Table(
    "arcops_feedback",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("about", String(200), nullable=False),
    Column("text", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("made", BigInteger, nullable=False),
    Column("status", String(16), nullable=False),
    Column("answer", Text, nullable=False),
    Column("answered_by", Text, nullable=False),
    Column("answered", BigInteger, nullable=False),
)
"""What people said about a page or a template. ``answered`` is when someone answered first, or 0."""

CHECKLIST = Table(
    "arcops_checklist_mark",
    METADATA,
    Column("name", String(63), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("item", String(63), primary_key=True),
    Column("evidence", String(200), nullable=False),
    Column("note", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("made", BigInteger, nullable=False),
)
"""What was marked as done on the checklist of a server's version: by ``evidence``, the digest of an artifact, or by hand."""

HOST_RESTORES = Table(
    "arcops_host_restore",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("content", String(80), nullable=False),
    Column("artifact", String(80), nullable=False),
    Column("author", Text, nullable=False),
    Column("began", BigInteger, nullable=False),
)
"""Restores of the hosts' configuration, each noted in the transaction that changed the rows. ``content`` is the configuration's
digest, ``artifact`` that of the snapshot."""

HOST_KNOWN = Table(
    "arcops_host_known",
    METADATA,
    Column("host", String(200), primary_key=True),
    Column("said", Text, nullable=False),
    Column("seen", BigInteger, nullable=False),
)
"""The place of each machine's host when it began last: its tier and addresses, as JSON."""
