"""The own options of the commands of ``arcops conf``, and how they print."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from adapters.cli.listening import Listening
from adapters.cli.printing import Answering
from arcops.asks import shaped
from arcops.tier import Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """The options of ``conf draft new``."""

    to: Path = field(metadata=shaped(positional=True, title="FILE"))
    """The file to write; it must not exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching(Answering):
    """The options of ``conf watch``."""

    follow: bool = False
    """Go on with what is released from now on, until Ctrl-C."""


class KitFormat(Enum):
    """As the page of a request for proposals, as JSON, or as JUnit."""

    PAGE = "page"
    JSON = "json"
    JUNIT = "junit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checking:
    """The options of ``conf conformance``."""

    form: KitFormat = field(default=KitFormat.PAGE, metadata=shaped(option="--format"))
    """What to print."""
    tier: Tier | None = None
    """How far it may connect; air-gapped if nothing else is set [environment: ARCOPS_TIER]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingConfiguration(Listening):
    """The options of ``conf serve``."""

    port: int = 8440
    """The port to listen at; 0 takes a free one."""
    replica: Path | None = field(default=None, metadata=shaped(title="FOLDER"))
    """Serve what this folder holds, without a key and without a database; it only reads."""
