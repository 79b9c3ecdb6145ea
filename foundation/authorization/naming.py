"""One text for each caller, which no other caller has."""

from __future__ import annotations

from arcops.identity import Identity


def caller_name(caller: Identity) -> str:
    """Issuer, tenant and id, joined by ``|``. A ``|`` in one of them is written ``%7C``, and a ``%`` is written ``%25``."""
    return "|".join(one.replace("%", "%25").replace("|", "%7C") for one in (caller.issuer, caller.tenant, caller.id))


def user_name(caller: Identity) -> str:
    """As `caller_name`, without an empty tenant: issuer and id, as policies of MCPServer resources name a user."""
    name = caller_name(caller)
    return name if caller.tenant else name.replace("||", "|", 1)
