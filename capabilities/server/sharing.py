"""Share a hosted server with the holders of a role, or with one caller; revoke that; and list who may call it so."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from arcops.asks import shaped
from capabilities.contract import Scope, tool
from capabilities.server.place import author, database, found, moment
from flows.place import Place

_NAME = shaped(positional=True, title="NAME", least=1, most=63)
_WHO = "role:NAME|user:ISSUER,TENANT,ID"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostShare:
    """Which server to share, and with which callers."""

    name: str = field(metadata=_NAME)
    """The server's name."""
    grant: tuple[str, ...] = field(default=(), metadata=shaped(option="--with", title=_WHO, most=100))
    """Who may call every tool of it from now on: the holders of a role, or one caller; give the option once for each."""
    revoke: tuple[str, ...] = field(default=(), metadata=shaped(option="--revoke", title=_WHO, most=100))
    """Who may not any more, by this sharing; give the option once for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareShown:
    """One share: with which role or caller, who said so, and when."""

    share: str
    author: str
    made: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SharesShown:
    """What a server is shared with now, and the team that owns it."""

    name: str
    owner: str
    shares: tuple[ShareShown, ...]

    @property
    def done_to(self) -> str:
        """As records name it."""
        return f"servers/{self.name}"


@tool(title="Share a hosted server", scope=Scope.TRUST, idempotent=True, destructive=True)
def host_share(ask: HostShare, at: Place) -> SharesShown:
    """Let the holders of a role, or one caller, call a hosted server; or revoke that, on every host within a second or so.
    What a role or Cedar denies stays denied. Without either, only list what it is shared with.
    """
    from foundation.authorization.sharing import read_share
    from services.host.rows import Rows
    from services.host.sharing import Sharing

    grant, revoke = (tuple(map(read_share, one)) for one in (ask.grant, ask.revoke))
    with database(at) as open_:
        row = found(ask.name, Rows(open_))
        sharing = Sharing(open_)
        if grant or revoke:
            sharing.change(ask.name, grant=grant, revoke=revoke, author=author(at))
        shares = tuple(
            ShareShown(share=str(one.share), author=one.author, made=moment(one.made)) for one in sharing.of(ask.name)
        )
        return SharesShown(name=ask.name, owner=row.owner, shares=shares)
