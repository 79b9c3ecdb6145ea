"""Who may publish and who may approve clients' configuration, by their keys."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from arcops.asks import shaped
from capabilities.contract import Scope, tool
from flows.place import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class SetClientRoles:
    """The roles, all of them: what is not named here has no role any more."""

    publishers: tuple[str, ...] = field(metadata=shaped(option="--publisher", least=1, most=100, title="KEY_ID"))
    """The id of a key (sha256:…) that may publish."""
    approvers: tuple[str, ...] = field(default=(), metadata=shaped(option="--approver", most=100, title="KEY_ID"))
    """The id of a key (sha256:…) that may approve what others publish."""
    approvals: int = field(default=1, metadata=shaped(least=0, most=16))
    """How many approvals a release needs."""
    emergency: int | None = field(default=None, metadata=shaped(least=0, most=16))
    """How many approvals a revert needs, if more than a release does; never fewer."""
    logs: tuple[str, ...] = field(default=(), metadata=shaped(option="--log", most=100, title="KEY_ID"))
    """The id of a key (sha256:…) that may sign the log; if none is named, each trusted key may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRolesSet:
    """The roles that count from now on."""

    publishers: tuple[str, ...]
    approvers: tuple[str, ...]
    approvals: int
    emergency: int
    logs: tuple[str, ...]


@tool(title="Set the roles for clients' configuration", scope=Scope.TRUST, destructive=True, idempotent=True)
def set_client_roles(ask: SetClientRoles, at: Place) -> ClientRolesSet:
    """Say which keys may publish and approve clients' configuration here, and how many approvals a release needs.

    The keys must be trusted, too ('arcops keys trust'). Machines that apply configuration need the same roles.
    """
    from artifacts.client_release import ReleaseKind
    from artifacts.private_folder import make_private
    from artifacts.wire import to_json
    from artifacts.writing import replace_whole
    from services.config.roles import FILE, Roles

    roles = Roles(
        publishers=ask.publishers, approvers=ask.approvers, approvals=ask.approvals, emergency=ask.emergency, logs=ask.logs
    )
    make_private(at.settings.trust)
    text = "# Who may publish and approve clients' configuration: ids of trusted keys. 'arcops conf roles' writes it.\n"
    replace_whole(at.settings.trust / FILE, (text + json.dumps(to_json(roles), indent=2) + "\n").encode(), mode=0o600)
    return ClientRolesSet(
        publishers=roles.publishers,
        approvers=roles.approvers,
        approvals=roles.approvals,
        emergency=roles.needed(ReleaseKind.REVERT),
        logs=roles.logs,
    )
