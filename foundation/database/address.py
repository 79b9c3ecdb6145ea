"""Which database: a file of SQLite on this machine, or a PostgreSQL server. Read from text; nothing is opened."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from arcops.errors import Refused
from arcops.late_pattern import late
from foundation.egress.destination import Destination, NotPlain, read_destination

DATABASE = "ARCOPS_DATABASE"
FORM = "use one like postgresql+psycopg://arcops@db.example.org/arcops, or sqlite:////srv/arcops/arcops.sqlite"
_PORT = 5432
_SERVER = late(
    r"postgresql(?:\+psycopg)?://(?P<user>[^:@/?#\[\]]+)(?P<secret>:[^@/]*)?@(?P<at>[^@/?#]*)/(?P<name>[^/?#]+)(?:\?(?P<query>[^#]*))?"
)
_TLS = ("sslmode", "sslrootcert", "sslcert", "sslkey")
_MODES_HERE = ("disable", "prefer", "require", "verify-ca", "verify-full")
_MODE_ELSEWHERE = "verify-full"


@dataclass(frozen=True, slots=True, kw_only=True)
class SqliteFile:
    """A database in one file of this machine."""

    path: Path

    @property
    def shown(self) -> str:
        """Its name in sentences."""
        return str(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresServer:
    """A database ``name`` at a PostgreSQL server, for the role ``user``. The password is never a part of this.

    ``to`` is the server's address, or ``None`` if ``socket`` is the folder of its socket on this machine. ``tls`` has libpq's
    own settings for TLS.
    """

    user: str
    name: str
    to: Destination | None
    socket: str = ""
    tls: Mapping[str, str] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """Its name in sentences."""
        at = f"{self.to.host}:{self.to.port}" if self.to is not None else self.socket
        return f"{self.name} of {self.user} at {at}"


Address = SqliteFile | PostgresServer


def read_address(text: str, *, what: str = DATABASE) -> Address:
    """The address in *text*, which the user knows as *what*. Raises `Refused`; the sentence never shows a password."""
    if text.startswith("sqlite:"):
        return _file(text, what)
    found = _SERVER.fullmatch(text) if text.isprintable() and len(text) <= 2048 else None
    if found is None:
        shown = f" {text[:200]!r}, which is" if "@" not in text else ""
        raise Refused(f"{what} is{shown} not the address of a database; {FORM}")
    if found["secret"] is not None:
        raise Refused(
            f"{what} holds a password, which lists of processes and logs would show; take it out of the address, and set "
            "ARCOPS_DATABASE_PASSWORD_FILE to a file with it"
        )
    query = _query(found["query"] or "", what)
    socket = query.pop("host", "")
    user, name = (_name(found[one], what) for one in ("user", "name"))
    if socket:
        if found["at"] or not socket.startswith("/") or query:
            raise Refused(f"{what} names a socket, so it has neither a host nor TLS; use one like {_SOCKET}")
        return PostgresServer(user=user, name=name, to=None, socket=socket)
    to = _destination(found["at"], what)
    return PostgresServer(user=user, name=name, to=to, tls=_tls(query, to, what))


_SOCKET = "postgresql+psycopg://arcops@/arcops?host=/var/run/postgresql"


def _file(text: str, what: str) -> SqliteFile:
    path = text.removeprefix("sqlite:///")
    if not path.startswith("/") or not path.isprintable() or path.endswith("/"):
        raise Refused(f"{what} is {text[:200]!r}, which does not name a file by its absolute path; {FORM}")
    return SqliteFile(path=Path(path))


def _name(text: str, what: str) -> str:
    found = unquote(text, errors="strict") if re.fullmatch(r"(?:[^%]|%[0-9A-Fa-f]{2})+", text) else ""
    if not found or not found.isprintable() or len(found) > 63:
        raise Refused(f"{what} has a user or a name of a database that is not understood; {FORM}")
    return found


def _destination(at: str, what: str) -> Destination:
    try:
        to = read_destination(f"https://{at}/")
    except NotPlain:
        raise Refused(f"{what} names the host {at[:200]!r}, which is not one plain name or address; {FORM}") from None
    written = re.search(r":[0-9]+$", at) is not None
    return Destination(scheme="postgresql", host=to.host, port=to.port if written else _PORT)


def _query(text: str, what: str) -> dict[str, str]:
    pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=20) if text else []
    found = dict(pairs)
    unknown = [name for name in found if name not in (*_TLS, "host")]
    if unknown or len(found) != len(pairs) or not all(value and value.isprintable() for value in found.values()):
        said = f"the setting {unknown[0][:50]!r}" if unknown else "a setting twice, or an empty one"
        raise Refused(f"{what} has {said}; it may have host, {', '.join(_TLS)}")
    return found


def _tls(query: dict[str, str], to: Destination, what: str) -> Mapping[str, str]:
    mode = query.setdefault("sslmode", "prefer" if to.here else _MODE_ELSEWHERE)
    allowed = _MODES_HERE if to.here else (_MODE_ELSEWHERE,)
    if mode not in allowed:
        raise Refused(
            f"{what} has sslmode={mode[:50]}; for {to.host[:200]} use {' or '.join(allowed)}, "
            "because others on the network could read or change what is sent"
        )
    for name in _TLS[1:]:
        if name in query and not query[name].startswith("/"):
            raise Refused(f"{what} has {name}={query[name][:100]!r}; use the absolute path of a file")
    return query
