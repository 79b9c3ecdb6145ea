"""What is in the database: the tables of this version's schema. `migrations` has the steps that lead to it.

Their names begin with ``arcops_``, so that a database may have tables of other programs, too. Times are whole milliseconds
since 1970 in UTC, which both databases store and compare alike.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, Text

from foundation.database.cost_tables import COST_DAYS as COST_DAYS
from foundation.database.cost_tables import COST_EVENTS as COST_EVENTS
from foundation.database.cost_tables import HOSTED_ADVISORIES as HOSTED_ADVISORIES
from foundation.database.cost_tables import HOSTED_QUOTAS as HOSTED_QUOTAS
from foundation.database.cost_tables import HOSTED_RECORDS as HOSTED_RECORDS
from foundation.database.cost_tables import HOSTED_USE as HOSTED_USE
from foundation.database.host_tables import CHECKLIST as CHECKLIST
from foundation.database.host_tables import FEEDBACK as FEEDBACK
from foundation.database.host_tables import HOST_KNOWN as HOST_KNOWN
from foundation.database.host_tables import HOST_RESTORES as HOST_RESTORES
from foundation.database.host_tables import INVITATIONS as INVITATIONS
from foundation.database.host_tables import RUNBOOK_STEPS as RUNBOOK_STEPS
from foundation.database.host_tables import RUNBOOKS as RUNBOOKS
from foundation.database.host_tables import TENANT_MAPPINGS as TENANT_MAPPINGS
from foundation.database.metadata import METADATA as METADATA

PREFIX = "arcops_"
VERSION_TABLE = "arcops_version"
"""The table of the schema's revision, which Alembic keeps."""

LEASES = Table(
    "arcops_lease",
    METADATA,
    Column("name", String(200), primary_key=True),
    Column("holder", String(200), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
)
"""Who does something now. ``epoch`` grows each time it is taken, so a row is never deleted."""

API_KEYS = Table(
    "arcops_api_key",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("made", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("revoked", BigInteger, nullable=True),
)
"""API keys. ``hash`` is SHA-256 of the secret; ``scopes`` are words with a space between; ``revoked`` is when, if it was."""

SESSIONS = Table(
    "arcops_session",
    METADATA,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("issuer", Text, nullable=False),
    Column("tenant", String(255), nullable=False),
    Column("person", String(255), nullable=False),
    Column("name", String(200), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("roles", Text, nullable=False),
    Column("rules", LargeBinary(32), nullable=False),
    Column("sid", String(255), nullable=False),
    Column("made", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("acr", Text, nullable=False, server_default=""),
    Column("amr", Text, nullable=False, server_default="[]"),
)
"""People who are logged in to the pages. ``hash`` is SHA-256 of the secret in their cookie; ``person`` is their id in a
``tenant`` of the ``issuer``; ``scopes`` and ``roles`` are lists in JSON; ``rules`` is a digest of what their login had to have;
``sid`` is the provider's own session, or empty; ``acr`` and ``amr`` (a list in JSON) say how they proved who they are."""

LOGIN_KEYS = Table(
    "arcops_login_key",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("key", LargeBinary(32), nullable=False),
)
"""The keys that hosts share: 1 seals logins that have begun, 2 what is cached elsewhere. The first host makes each. None opens
a session.
"""

REVOCATIONS = Table(
    "arcops_revocation",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("issuer", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("made", BigInteger, nullable=False),
)
"""What was revoked here. ``digest`` is SHA-256 of the kind and the three names, because an index bounds what it
holds; what was issued ``until`` then does not count. A row is never deleted, and ``until`` never becomes smaller."""

LIMITS = Table(
    "arcops_limit",
    METADATA,
    Column("key", String(64), primary_key=True),
    Column("mark", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Index("arcops_limit_until", "until"),
)
"""How much callers used of their limits. ``key`` is a digest of the caller and the limit; ``mark`` is when a bucket is full
again, in microseconds, or the calls of a quota. After ``until`` a row means nothing, and is removed.
"""

TASKS = Table(
    "arcops_task",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("owner", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("said", Text, nullable=False),
    Column("stop", BigInteger, nullable=False),
    Column("alive", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
)
"""Long calls. ``note`` is what was asked and ``said`` how it ended, both as JSON; ``stop`` is 1 if someone asked for that.
Until ``alive`` the host counts as there, and until ``until`` the row is kept.
"""

HOSTED = Table(
    "arcops_hosted",
    METADATA,
    Column("name", String(63), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("enabled", Integer, nullable=False),
    Column("owner", String(200), nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
)
"""Hosted servers. ``version`` is the one that counts; ``enabled`` is 0 for one that was stopped; ``generation`` grows with each
restart that was asked for."""

HOSTED_VERSIONS = Table(
    "arcops_hosted_version",
    METADATA,
    Column("name", String(63), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("spec", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("made", BigInteger, nullable=False),
)
"""Every version of a row, also of servers that were removed. ``spec`` is JSON."""

HOSTED_SERVED = Table(
    "arcops_hosted_served",
    METADATA,
    Column("name", String(63), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("author", Text, nullable=False),
    Column("made", BigInteger, nullable=False),
)
"""Which versions ever counted, since when, and who said so. The others were proposed, and never switched to."""

HOSTED_SHARES = Table(
    "arcops_hosted_share",
    METADATA,
    Column("name", String(63), primary_key=True),
    Column("kind", String(8), primary_key=True),
    Column("who", String(700), primary_key=True),
    Column("author", Text, nullable=False),
    Column("made", BigInteger, nullable=False),
)
"""Who may call a server besides those that a policy allows: the holders of a role, or one caller (issuer, tenant and id)."""

HOSTED_LOCKS = Table(
    "arcops_hosted_lock",
    METADATA,
    Column("name", String(63), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("lock", Text, nullable=False),
    Column("made", BigInteger, nullable=False),
)
"""What the package of a version was resolved to, as JSON; never changed."""

HOSTED_ALLOWED = Table(
    "arcops_hosted_allowed",
    METADATA,
    Column("name", String(63), primary_key=True),
    Column("digest", String(80), primary_key=True),
    Column("author", Text, nullable=False),
    Column("made", BigInteger, nullable=False),
)
"""Which locks of a server may run, by their digests."""

HOSTED_VERDICTS = Table(
    "arcops_hosted_verdict",
    METADATA,
    Column("name", String(63), primary_key=True),
    Column("lock", String(80), primary_key=True),
    Column("launch", String(80), primary_key=True),
    Column("artifact", String(80), nullable=False),
    Column("bundle", Text, nullable=False),
    Column("tools", Text, nullable=False),
    Column("withdrawn", Text, nullable=False),
    Column("made", BigInteger, nullable=False),
)
"""The last verdict about a server: for a lock and a way to start it, by their digests. ``bundle`` is the sealed artifact and
``artifact`` its digest, ``tools`` the evidence about its tools as JSON, or empty. ``withdrawn`` says why it counts no more, or
is empty. Each host verifies them by itself."""

HOSTED_STATES = Table(
    "arcops_hosted_state",
    METADATA,
    Column("name", String(63), primary_key=True),
    Column("host", String(200), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("pids", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
)
"""What each host says of the servers that it runs. After ``until`` it counts as gone."""

HOSTED_PROGRESS = Table(
    "arcops_hosted_progress",
    METADATA,
    Column("name", String(63), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("run", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("step", String(16), nullable=False),
    Column("said", Text, nullable=False),
    Column("began", BigInteger, nullable=False),
    Column("ended", BigInteger, nullable=False),
    Column("outcome", String(8), nullable=False),
    Column("until", BigInteger, nullable=False),
)
"""How far the newest version of a server is that was made ready: its steps. Who does it says until when they count as there."""

MCP_SESSIONS = Table(
    "arcops_mcp_session",
    METADATA,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("owner", Text, nullable=False),
    Column("opening", Text, nullable=False),
    Column("made", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Index("arcops_mcp_session_until", "until"),
)
"""Sessions of MCP (2025-11-25 and before). ``hash`` is SHA-256 of the session's id, ``owner`` the caller who opened it, and
``opening`` what the client said of itself then, as JSON: its revision, its name and what it can do. After ``until`` a row means
nothing.
"""

CONFIG_PUBLICATIONS = Table(
    "arcops_config_publication",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("said", Text, nullable=False),
    Column("made", BigInteger, nullable=False),
    Index("arcops_config_publication_state", "state"),
)
"""What was published for clients and is waiting for approvals, was released, or was withdrawn. ``said`` is JSON: the draft, and
each record with the signatures that it has."""

CONFIG_RELEASES = Table(
    "arcops_config_release",
    METADATA,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("record", String(80), nullable=False, unique=True),
    Column("client", String(63), nullable=False),
    Column("profile", String(63), nullable=False),
    Column("schema", String(200), nullable=False),
    Column("artifact", String(80), nullable=False),
    Column("version", String(200), nullable=False),
    Column("percent", Integer, nullable=False),
    Column("issued", BigInteger, nullable=False),
    Column("document", Text, nullable=False),
    Index("arcops_config_release_client", "client", "profile", "schema"),
)
"""The releases that the log holds, each at its ``position`` there, with the JSON ``document`` that clients get. It is
derived: the log decides."""

CONFIG_REPORTS = Table(
    "arcops_config_report",
    METADATA,
    Column("month", String(7), primary_key=True),
    Column("fingerprint", String(64), primary_key=True),
    Column("client", String(63), primary_key=True),
    Column("profile", String(63), primary_key=True),
    Column("artifact", String(80), nullable=False),
    Column("result", String(16), nullable=False),
)
"""What clients reported of themselves in a month, the last word of each. ``fingerprint`` is keyed with the month's key, so two
months cannot be joined, and the time of day is not kept."""

CONFIG_REPORT_KEYS = Table(
    "arcops_config_report_key",
    METADATA,
    Column("month", String(7), primary_key=True),
    Column("key", LargeBinary(32), nullable=False),
)
"""The key of a month's fingerprints. It is deleted when the month is over."""

RECEIVERS = Table(
    "arcops_receiver",
    METADATA,
    Column("name", String(63), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("address", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("verdicts", String(200), nullable=False),
    Column("kinds", Text, nullable=False),
    Column("log", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("failures", BigInteger, nullable=False),
    Column("problem", Text, nullable=False),
    Column("told", BigInteger, nullable=False),
    Column("again", BigInteger, nullable=False),
    Column("ended", Integer, nullable=False),
)
"""Who is told about new artifacts. ``secret`` is a reference, never a value; before ``position`` of the ``log`` it has all that
it wanted, and ``again`` is when it is tried next."""

CATALOG_ENTRIES = Table(
    "arcops_catalog_entry",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", String(200), nullable=False, unique=True),
    Column("kind", String(16), nullable=False),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("more", Text, nullable=False),
    Column("tags", Text, nullable=False),
    Column("offered", String(255), nullable=False),
    Column("stars", Integer, nullable=False),
    Column("ratings", Integer, nullable=False),
    Column("changed", BigInteger, nullable=False),
)
"""The catalog: MCP servers and agents that could be hosted. ``id`` is made of the name; ``more`` are further words to search
for and ``tags`` a JSON object; ``offered`` is the newest version that is approved, or empty; ``stars`` are those of all
``ratings`` together. `catalog_words` keeps an index of the words, of each kind of database its own."""

CATALOG_VERSIONS = Table(
    "arcops_catalog_version",
    METADATA,
    Column("name", String(200), primary_key=True),
    Column("version", String(255), primary_key=True),
    Column("document", Text, nullable=False),
    Column("digest", String(80), nullable=False),
    Column("locks", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("was_offered", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("decider", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("published", BigInteger, nullable=False),
    Column("made", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Index("arcops_catalog_version_changed", "changed"),
)
"""Versions of entries. ``document`` is what their publisher said, in canonical form; ``locks`` are digests that are known of
their files; ``status`` is what their publisher says, ``state`` what was decided here, by ``decider`` because of ``reason``;
``was_offered`` is 1 once it was approved, so that those who follow the catalog hear if it is not any more."""

CATALOG_RATINGS = Table(
    "arcops_catalog_rating",
    METADATA,
    Column("name", String(200), primary_key=True),
    Column("rater", String(64), primary_key=True),
    Column("stars", Integer, nullable=False),
    Column("made", BigInteger, nullable=False),
)
"""One rating of an entry by each caller; ``rater`` is SHA-256 of who that is."""

CATALOG_MEANINGS = Table(
    "arcops_catalog_meaning",
    METADATA,
    Column("name", String(200), primary_key=True),
    Column("model", String(80), primary_key=True),
    Column("text", String(80), nullable=False),
    Column("vector", LargeBinary, nullable=False),
)
"""What an entry means to an embedding ``model``, both by digest: a ``vector`` of 32-bit numbers of length 1, about the ``text``
with this digest."""
