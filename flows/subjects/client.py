"""What a draft of MCP clients' configuration means: its file, and the policy set that it is judged under."""

from __future__ import annotations

from arcops.subjects.client import ClientConfig
from flows.place import Place
from flows.subjects.meaning import Meant, existing, means


@means(ClientConfig)
def drafted(found: ClientConfig, at: Place) -> Meant:
    """The draft, compared with the rules. Raises `Refused` if one of the files is not there."""
    return Meant(target=existing(found.target, at), declared=existing(found.rules, at) if found.rules is not None else None)
