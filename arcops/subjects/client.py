"""The subject *client*: what MCP clients of an organisation are to be configured with."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from arcops.asks import shaped
from arcops.judgeable import Judgeable, judgeable


@judgeable(kind="client-configuration", policy="clients", title="Check a draft of MCP clients' configuration")
@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig(Judgeable):
    """A draft, and the organisation's rules for it."""

    target: Path = field(metadata=shaped(positional=True, title="DRAFT", most=4096))
    """The draft: a YAML file, as 'arcops conf draft new' writes it."""
    rules: Path | None = field(default=None, metadata=shaped(most=4096))
    """The organisation's policy set: a YAML file of rules that allow, deny, pin, redact, require and default."""
