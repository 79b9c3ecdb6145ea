"""The operations of client configuration over HTTP, by the names of the specification: what each path asks, and by which
tool.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from arcops.errors import Refused
from arcops.quoting import quoted
from capabilities.client.checking import validate_client_draft
from capabilities.client.families import list_client_families, list_client_profiles, show_client_schema
from capabilities.client.looking import audit_client_releases, diff_client_config, get_client_config, poll_client_changes
from capabilities.client.mirroring import get_client_metadata
from capabilities.client.publishing import (
    approve_client_config,
    list_waiting_client_configs,
    publish_client_config,
    revert_client_config,
    widen_client_config,
    withdraw_client_config,
)
from capabilities.client.reporting import count_client_states, report_client_state
from capabilities.contract import Tool

_PART = r"([A-Za-z0-9][A-Za-z0-9._-]{0,249})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """``name`` is the specification's, if it has one. ``path`` is below the base, its parts the fields ``parts`` of the ask.

    ``memory`` says that it is answered from memory; the others call their tool.
    """

    name: str
    method: str
    path: str
    tool: Tool[Any, Any]
    parts: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    memory: bool = False

    def fits(self, method: str, path: str) -> Mapping[str, str] | None:
        """The parts of *path*, if this is the operation of *method* there."""
        found = re.fullmatch(self.path.replace("{}", _PART), path) if method == self.method else None
        return dict(zip(self.parts, found.groups(), strict=True)) if found is not None else None


OPERATIONS: tuple[Operation, ...] = (
    Operation(name="ListClients", method="GET", path="/clients", tool=list_client_families, memory=True),
    Operation(
        name="ListProfiles",
        method="GET",
        path="/clients/{}/profiles",
        tool=list_client_profiles,
        parts=("client",),
        memory=True,
    ),
    Operation(
        name="GetSchema", method="GET", path="/schemas/{}/{}", tool=show_client_schema, parts=("client", "version"), memory=True
    ),
    Operation(name="GetFreshness", method="GET", path="/tuf/{}", tool=get_client_metadata, parts=("name",), memory=True),
    Operation(name="GetKeys", method="GET", path="/keys", tool=list_client_families, memory=True),
    Operation(
        name="GetConfig",
        method="GET",
        path="/configs/{}/{}",
        tool=get_client_config,
        parts=("client", "profile"),
        query=("schema", "machine", "inputs"),
        memory=True,
    ),
    Operation(
        name="DiffConfig",
        method="GET",
        path="/configs/{}/{}/diff",
        tool=diff_client_config,
        parts=("client", "profile"),
        query=("current", "schema", "machine"),
        memory=True,
    ),
    Operation(
        name="PollChanges",
        method="GET",
        path="/changes",
        tool=poll_client_changes,
        query=("since", "client", "profile", "most"),
        memory=True,
    ),
    Operation(
        name="SubscribeConfigUpdates",
        method="GET",
        path="/updates",
        tool=poll_client_changes,
        query=("since", "client", "profile"),
        memory=True,
    ),
    Operation(
        name="GetAudit",
        method="GET",
        path="/audit",
        tool=audit_client_releases,
        query=("client", "profile", "version", "artifact", "since", "until", "most"),
    ),
    Operation(name="CountStates", method="GET", path="/counts", tool=count_client_states, query=("client", "profile")),
    Operation(name="ListWaiting", method="GET", path="/waiting", tool=list_waiting_client_configs),
    Operation(name="ValidateDraft", method="POST", path="/validate", tool=validate_client_draft),
    Operation(name="Publish", method="POST", path="/publish", tool=publish_client_config),
    Operation(name="Approve", method="POST", path="/approvals", tool=approve_client_config),
    Operation(name="Withdraw", method="POST", path="/withdrawals", tool=withdraw_client_config),
    Operation(name="Revert", method="POST", path="/reverts", tool=revert_client_config),
    Operation(name="WidenCanary", method="POST", path="/canaries", tool=widen_client_config),
    Operation(name="ReportClientState", method="POST", path="/reports", tool=report_client_state),
)


def asked_by_query(one: Operation, parts: Mapping[str, str], query: Mapping[str, str]) -> dict[str, Any]:
    """The arguments of *one* from its path and its query. Raises `Refused` for a parameter that it does not have.

    A value that is refused is not said back: it may be the value of a secret.
    """
    if extra := query.keys() - set(one.query):
        raise Refused(f"{one.name} has no parameter {quoted(min(extra))}; it has {', '.join(one.query) or 'none'}")
    found: dict[str, Any] = {**parts, **query}
    if "inputs" in found:
        found["inputs"] = [name for name in str(found["inputs"]).split(",") if name]
    if "most" in found:
        if not re.fullmatch("[0-9]{1,6}", found["most"]):
            raise Refused("most is a whole number")
        found["most"] = int(found["most"])
    return found
