"""From a folder to an address, in one step: hosted, judged, tried, shared with a key of its own, and how clients are told."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from arcops.asks import Use, shaped, used
from arcops.errors import Refused
from capabilities.contract import Scope, tool
from capabilities.server.place import author, database
from flows.place import Place

if TYPE_CHECKING:
    from foundation.database.engine import Database
    from services.host.scaffold.hosting_file import Hosting

HERE = "http://127.0.0.1:8430"
"""Where 'arcops host serve' listens if nothing else is said."""
NOTHING_ELSE = "hosted"
"""The only word of such a key. No role has this name, so the key opens what is shared with it, and nothing else."""
_MOST_DAYS = 366


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPut:
    """Which folder to host, and how clients reach it."""

    folder: Path = field(metadata=used(Use.HERE) | shaped(positional=True, title="FOLDER", most=4096))
    """The folder with the server. Its arcops.yaml says how it is started."""
    name: str = field(default="", metadata=shaped(most=63))
    """The server's name, a part of its URL; that of arcops.yaml, if nothing is said."""
    owner: str = field(default="", metadata=shaped(most=200))
    """The team that owns it; that of arcops.yaml, or the one who deploys it first."""
    url: str = field(default="", metadata=shaped(title="URL", most=300))
    """The address of the host for clients: ARCOPS_PUBLIC_URL, or http://127.0.0.1:8430, if nothing is said."""
    days: int = field(default=90, metadata=shaped(least=1, most=_MOST_DAYS))
    """In how many days its API key ends."""
    no_key: bool = False
    """Make no API key: callers have tokens, or a key that was made before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """What one family of clients reads: the ``text`` to put into ``file``; without one, ``problem`` says why."""

    client: str
    file: str
    text: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPut:
    """The server as it counts now. ``changed``: a version was made. ``artifact`` is that of its verdict, about the digest
    ``lock``. ``secret`` is that of
    the new API key ``key``, which ends at ``until``, and is shown once; both are empty if one was made before. ``snippets`` are
    for every family of clients.
    """

    name: str
    version: int
    changed: bool
    url: str
    verdict: str
    artifact: str
    lock: str
    milliseconds: int
    key: str = ""
    secret: str = field(default="", repr=False)
    until: datetime | None = None
    snippets: tuple[Snippet, ...] = ()

    @property
    def done_to(self) -> str:
        """As records name it: with the digest of its lock."""
        return f"servers/{self.name}@{self.lock}"


@tool(title="Host a folder", scope=Scope.TRUST, idempotent=True, destructive=True, long=True)
def host_put(ask: HostPut, at: Place) -> ServerPut:
    """Host the MCP server in a folder: keep its files, judge them, start it once to see that it answers, and only then let it
    serve. What served before goes on until then. The first time, an API key is made that opens this server and nothing else.
    """
    from capabilities.server.updating import update
    from services.host.reserved import refuse_reserved
    from services.host.rows import Rows
    from services.host.site import deployed_in
    from services.host.spec import checked
    from services.host.updating.folders import kept

    if at.remote:
        raise Refused("a folder of this machine is hosted on its own command line: arcops host deploy FOLDER")
    hosting, name = hosting_of(ask.folder), name_of(ask)
    refuse_reserved(name)
    at.signer()  # before anything is written: without a key nothing could be judged
    at.say(f"keeping the files of {ask.folder}")
    place = kept(ask.folder.absolute(), deployed_in(at.settings))
    spec = checked(hosting.spec(f"folder:{place}", beside=place))
    url = _url(ask, name)
    with database(at) as open_:
        done = update(name, spec, Rows(open_), open_, at, owner=ask.owner or hosting.owner or None, allow=True)
        put = ServerPut(
            name=name,
            version=done.row.current.number,
            changed=done.changed,
            url=url,
            verdict=done.verdict,
            artifact=done.artifact,
            lock=done.row.current.lock.digest if done.row.current.lock is not None else "",
            milliseconds=round(done.seconds * 1000),
            snippets=snippets(name, url),
        )
        return put if ask.no_key else _with_key(put, ask.days, open_, at)


def name_of(ask: HostPut) -> str:
    """The server's name: as asked, as its ``arcops.yaml`` says, or that of the folder. Raises as `hosting_of`."""
    return ask.name or hosting_of(ask.folder).name or ask.folder.absolute().name


def hosting_of(folder: Path) -> Hosting:
    """How *folder* is hosted, by its ``arcops.yaml``. Raises `Refused` that says how to get one."""
    from services.host.scaffold.hosting_file import HOSTING, read_hosting

    if not folder.is_dir():
        raise Refused(f"{folder} is no folder of this machine")
    if not (folder / HOSTING).is_file():
        raise Refused(
            f"{folder} has no {HOSTING}, which says how its server is started; 'arcops host wrap {folder}' writes one"
        )
    return read_hosting(folder / HOSTING)


def _url(ask: HostPut, name: str) -> str:
    import os

    return f"{(ask.url or os.environ.get('ARCOPS_PUBLIC_URL') or HERE).rstrip('/')}/{name}/mcp"


def _with_key(put: ServerPut, days: int, open_: Database, at: Place) -> ServerPut:
    """*put* with a new API key that is shared with the server, if it has none that counts."""
    from arcops.identity import Identity
    from foundation.authorization.sharing import Share, With, named
    from foundation.identity.api_keys import ApiKeys
    from foundation.identity.reading import LOCAL
    from services.host.sharing import Sharing

    keys, sharing, now = ApiKeys(open_), Sharing(open_), at.now()

    def share_of(id_: str) -> Share:
        return Share(kind=With.USER, who=named(Identity(issuer=LOCAL, tenant="", id=id_)))

    shared = {one.share for one in sharing.of(put.name)}
    if any(share_of(one.id) in shared for one in keys.listed() if one.live(now)):
        return put
    at.say(f"making an API key for {put.name}")
    key, secret = keys.new(f"server {put.name}", (NOTHING_ELSE,), timedelta(days=days), now)
    try:
        sharing.change(put.name, grant=(share_of(key.id),), author=author(at))
    except BaseException:
        keys.revoke(key.id, now)  # no one saw it
        raise
    return replace(put, key=key.id, secret=secret, until=key.until)


def snippets(name: str, url: str) -> tuple[Snippet, ...]:
    """What each family of clients reads to use the server *name* at *url*. The key is an input of theirs, never in the text."""
    from amend.client.families import KNOWN
    from amend.client.materialising import materialised
    from arcops.seen.client import Input, Setting, Transport, Wanted

    variable = f"{name.upper().replace('-', '_')}_KEY"
    header = Setting(name="Authorization", before="Bearer ", input=variable)
    wanted = Wanted(name=name, transport=Transport.HTTP, url=url, headers=(header,))
    asked = (Input(name=variable, description=f"The API key of {name}", secret=True),)
    made = []
    for family in KNOWN.all():
        file = next((one.linux or one.macos or one.windows for one in family.files), "")
        try:
            text = materialised(family, family.schema(), (wanted,), asked)
            made.append(Snippet(client=family.id, file=file, text=text))
        except Refused as error:
            made.append(Snippet(client=family.id, file=file, problem=str(error)))
    return tuple(made)
