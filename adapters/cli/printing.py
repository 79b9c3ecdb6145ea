"""What a command prints: the command line's own options and formats."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from arcops.asks import shaped


class Format(Enum):
    """How a report is printed: as text, or in a machine format."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    JUNIT = "junit"
    MARKDOWN = "markdown"
    TEST_RESULT = "test-result"


class TextOrJson(Enum):
    """As text, or as JSON."""

    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Printing:
    """For a command that prints a report."""

    form: Format = field(default=Format.TEXT, metadata=shaped(option="--format"))
    """What to print."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """For a command that prints an answer."""

    form: TextOrJson = field(default=TextOrJson.TEXT, metadata=shaped(option="--format"))
    """What to print."""
