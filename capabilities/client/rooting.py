"""Which keys sign the metadata that says what is newest: the root, from which machines follow when keys change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from arcops.asks import shaped
from arcops.errors import Refused
from capabilities.client.place import freshness_here
from capabilities.contract import Scope, tool
from flows.place import Place

if TYPE_CHECKING:
    from artifacts.public_key import PublicKey


@dataclass(frozen=True, slots=True, kw_only=True)
class SetClientRoot:
    """The keys, all of them: a key that is not named here signs nothing of the metadata any more."""

    online: tuple[str, ...] = field(metadata=shaped(least=1, most=16, title="KEY_ID"))
    """The id of a key (sha256:…) that may sign what is newest; one of the service that publishes."""
    offline: tuple[str, ...] = field(default=(), metadata=shaped(most=16, title="KEY_ID"))
    """The id of a key (sha256:…) that may sign the next root, and nothing else; the online keys if none is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRootSet:
    """The ``version`` of the new root, and the ids of the keys that count from now on."""

    version: int
    online: tuple[str, ...]
    root: tuple[str, ...]


@tool(title="Set the keys of clients' metadata", scope=Scope.TRUST, destructive=True)
def set_client_root(ask: SetClientRoot, at: Place) -> ClientRootSet:
    """Say which keys sign the metadata that says what is newest, in a new root that the key of this place signs.

    Machines that were given an earlier root follow by themselves. To change a key: name the old one and the new one, signed
    with the old one; then, with the new one as the key of this place, only the new one.
    """
    from tasks.signing.grounds import trusted_keys

    known = {one.id: one for one in trusted_keys(at.settings.trust)}
    online = _known(ask.online, known)
    root = _known(ask.offline, known) or online
    version = freshness_here(at).rekey(online, root, at.signer(), at.now())
    return ClientRootSet(version=version, online=tuple(one.id for one in online), root=tuple(one.id for one in root))


def _known(ids: Sequence[str], known: dict[str, PublicKey]) -> tuple[PublicKey, ...]:
    for one in ids:
        if one not in known:
            raise Refused(f"the key {one[:80]} is not among the trusted keys here; 'arcops keys trust FILE' adds it")
    return tuple(known[one] for one in dict.fromkeys(ids))
