"""The command line's own options, which are not part of an ask: the key, the output, the tier."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path

from adapters.cli.printing import Colour, Format
from arcops.asks import shaped
from arcops.late_dataclass import dataclass
from arcops.tier import Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """For a command that signs."""

    key: str = ""
    """Signing key: a file, env:NAME, or a PKCS#11 or cloud KMS URI [environment: ARCOPS_KEY]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealing(Signing):
    """For a command that judges, and keeps a sealed artifact of the verdict."""

    output: Path | None = field(default=None, metadata=shaped(short="-o"))
    """Write the sealed artifact here, too."""
    form: Format = field(default=Format.TEXT, metadata=shaped(option="--format"))
    """What to print."""
    only: tuple[Colour, ...] = field(default=(), metadata=shaped(commas=True, title="red,amber"))
    """Print only findings of these colours; the verdict and the exit code stay those of all."""
    patch: Path | None = None
    """Write the fixes that are known as one patch here, for 'patch -p1' or 'git apply'; no file if no fix is known."""
    whole: bool = field(default=False, metadata=shaped(option="--all"))
    """Print every finding, also those that rest on missing evidence, which are otherwise folded into one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaching(Sealing):
    """For a command that judges and may connect to other machines for it."""

    tier: Tier | None = None
    """How far this run may connect; air-gapped if nothing else is set [environment: ARCOPS_TIER]."""
