"""Names of hosted servers: the first part of their paths, so nothing that another part of the front answers to."""

from __future__ import annotations

import re

from arcops.errors import Refused

MOST_NAME = 63
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_WORDS = """
about access account accounts admin admission admit admit-servers all api approvals arcops artifact artifacts assets audit
auth authorize callback catalog catalogue check checklist clusters convert cost dashboard data docs events favicon flows
gates health healthz help home host hosts index join keys limits livez log login logout logs map mcp me messages meta
metrics models new oauth open openapi pages ping policies policy prefect readyz redoc report reports robots root rows
runbook runbooks runs server servers session sessions settings sse startupz static status store subject subjects swagger
tokens tools trust user users validate webhook webhooks well-known
"""
RESERVED = frozenset(_WORDS.split())
"""What the front answers to now (a test compares), and what it or others that mount it will likely want."""


def refuse_reserved(name: str) -> None:
    """Raise `Refused` if *name* cannot be that of a hosted server."""
    if not _NAME.fullmatch(name):
        raise Refused(
            f"{name[:80]!r} cannot be the name of a server: it is part of its address, so use 1 to {MOST_NAME} of the letters "
            "a to z, digits and hyphens, with a letter or digit first and last"
        )
    if name in RESERVED:
        raise Refused(
            f"{name!r} is the address of something else here; give the server another name, such as {name + '-server'!r}"
        )
