"""One text for each caller, which no other caller has."""

from __future__ import annotations

from arcops.identity import Identity


def caller_name(caller: Identity) -> str:
    """Issuer, tenant and id, joined by ``|``. A ``|`` in one of them is written ``%7C``, and a ``%`` is written ``%25``."""
    return "|".join(one.replace("%", "%25").replace("|", "%7C") for one in (caller.issuer, caller.tenant, caller.id))
