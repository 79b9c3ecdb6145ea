"""The tables of runbooks, feedback, checklists and restores of hosted servers."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, Text

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

INVITATIONS = Table(
    "arcops_invitation",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("hash", LargeBinary(32), nullable=False, unique=True),
    Column("ticket", LargeBinary(32), nullable=False),
    Column("email", String(254), nullable=False),
    Column("domain", String(253), nullable=False),
    Column("servers", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("made", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("used", BigInteger, nullable=False),
    Column("method", String(8), nullable=False),
    Column("proof", String(64), nullable=False),
    Column("proof_until", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("verified", BigInteger, nullable=False),
    Column("aided", Integer, nullable=False),
    Column("revoked", BigInteger, nullable=False),
    Column("ended", BigInteger, nullable=False),
    Index("arcops_invitation_ticket", "ticket"),
)
"""Invitations. ``hash`` is SHA-256 of the token, ``ticket`` that of what opens the next steps once it was used; ``proof`` is
what a DNS record has to say, or the digest of a code. A moment is 0 if that did not happen.
"""

TENANT_MAPPINGS = Table(
    "arcops_tenant_mapping",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("issuer", Text, nullable=False),
    Column("tenant", String(255), nullable=False),
    Column("person", String(255), nullable=False),
    Column("domain", String(253), nullable=False),
    Column("email", String(254), nullable=False),
    Column("invitation", String(32), nullable=False),
    Column("made", BigInteger, nullable=False),
)
"""Which identity (issuer, tenant, id there) is of which verified domain, and by which invitation that is known. ``id`` is
SHA-256 of the identity alone; the address is for people to read.
"""
