"""The options of the command line's own, which no capability is asked with: the key, what is written, how far."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from adapters.cli.printing import Format
from arcops.asks import shaped
from arcops.tier import Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """Of a command that signs."""

    key: str = ""
    """Signing key: a file, env:NAME, or a PKCS#11 or cloud KMS URI [environment: ARCOPS_KEY]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealing(Signing):
    """Of a command that judges, and keeps a sealed artifact of the verdict."""

    output: Path | None = field(default=None, metadata=shaped(short="-o"))
    """Write the sealed artifact here, too."""
    form: Format = field(default=Format.TEXT, metadata=shaped(option="--format"))
    """What to print."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaching(Sealing):
    """Of one that may also reach elsewhere for it."""

    tier: Tier | None = None
    """How far this run may reach; air-gapped unless something says more [environment: ARCOPS_TIER]."""
