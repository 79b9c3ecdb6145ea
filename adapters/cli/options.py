"""The words that several commands share: paths, formats, tiers, keys."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


def path(text: str) -> Path:
    """A path that was really given: the empty string, as an unset variable leaves it, would name the present directory."""
    if not text:
        raise typer.BadParameter("the path is empty; was a variable not set?")
    return Path(text)


class Format(str, Enum):  # noqa: UP042  # typer shows str-enums by value
    """For people, or for which machine."""

    text = "text"
    json = "json"
    sarif = "sarif"
    junit = "junit"
    markdown = "markdown"
    test_result = "test-result"


class TierName(str, Enum):  # noqa: UP042  # typer shows str-enums by value
    air_gapped = "air-gapped"
    restricted = "restricted"
    connected = "connected"


class ChangedName(str, Enum):  # noqa: UP042  # typer shows str-enums by value
    model = "model"
    policy = "policy"


class AlgorithmName(str, Enum):  # noqa: UP042  # typer shows str-enums by value
    ed25519 = "ed25519"
    ecdsa_p256 = "ecdsa-p256"


Key = Annotated[
    str,
    typer.Option(
        "--key", help="Signing key: a file, env:NAME, or a PKCS#11 or cloud KMS URI.", envvar="ARCOPS_KEY", show_default=False
    ),
]
