"""A connection to a PostgreSQL server that the tier reaches.

libpq reads variables of its own. Those that could lead a connection to another server are refused, because the tier was asked
about the address that ArcOps was given.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from arcops.errors import Refused
from arcops.tier import Tier
from foundation.egress.destination import Destination
from foundation.egress.permission import Purpose, permit
from foundation.egress.remotes import HERE
from foundation.egress.tls import authorities_file

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

PURPOSE = Purpose(
    what="ARCOPS_DATABASE",
    form="use one like postgresql+psycopg://arcops@db.example.org/arcops",
    instead="unset it to use a file of this machine, or set ARCOPS_TIER to restricted",
)
_LEADING = ("PGHOSTADDR", "PGSERVICE", "PGSERVICEFILE")
_CONNECT_SECONDS = 10


def refuse_unreached(tier: Tier, to: Destination | None, environment: Mapping[str, str]) -> None:
    """Raise `Refused` unless *tier* reaches *to*. ``None`` is a socket in a folder of this machine."""
    for name in _LEADING:
        if environment.get(name):
            raise Refused(f"{name} is set, which could lead the connection to another server than ARCOPS_DATABASE; unset it")
    if to is not None:
        permit(tier, to, PURPOSE)


def session(
    tier: Tier,
    to: Destination | None,
    *,
    user: str,
    name: str,
    password: str,
    socket: str = "",
    tls: Mapping[str, str] | None = None,
) -> Connection[TupleRow]:
    """A connection of the role *user* to the database *name*. Raises psycopg's errors, and `Refused` as `refuse_unreached`."""
    refuse_unreached(tier, to, os.environ)
    import psycopg.conninfo

    at: dict[str, str] = {"host": socket}
    if to is not None:
        many = to.addresses
        at = {"host": ",".join([to.host] * len(many)), "port": ",".join([str(to.port)] * len(many))}
        if to.here:
            at["hostaddr"] = ",".join(many)
    settings = dict(tls or {})
    if settings.get("sslmode") == "verify-full":
        settings.setdefault("sslrootcert", authorities_file() or "system")
    told = psycopg.conninfo.make_conninfo(
        dbname=name,
        user=user,
        password=password or None,
        connect_timeout=_CONNECT_SECONDS,
        application_name="arcops",
        target_session_attrs="read-write",  # a standby would refuse every write, and show what is old
        gssencmode="disable",  # else a ticket in the environment would decide whether TLS is used
        keepalives_idle=30,
        **at,
        **settings,
    )
    name = f"postgresql://{to.host}:{to.port}" if to is not None else f"the PostgreSQL server in {socket}"
    refused: psycopg.OperationalError | None = None
    with HERE.asking(name, (psycopg.OperationalError,)):
        try:
            return psycopg.connect(told, prepare_threshold=None)  # a pooler may give each transaction another session
        except psycopg.OperationalError as error:
            if not (error.sqlstate or password_refused(error)):
                raise
            refused = error  # the server answered, and said no
    raise refused


def password_refused(error: Exception) -> bool:
    """Did the attempt to connect that ended in *error*, which `session` raised, end when a password was asked for?

    There is no SQLSTATE for a connection that never was, and the server's words are in its own language, so libpq is asked
    (``PQconnectionUsedPassword``). The connection of *error* holds the password: nothing may show it.
    """
    failed = getattr(error, "pgconn", None)
    return bool(failed is not None and failed.used_password)
