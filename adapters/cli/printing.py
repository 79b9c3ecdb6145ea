"""What a command prints: the command line's own options and formats."""

from __future__ import annotations

from dataclasses import field
from enum import Enum

from arcops.asks import shaped
from arcops.errors import Refused
from arcops.late_dataclass import dataclass
from arcops.verdict import Verdict


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


class Colour(Enum):
    """A verdict as it is typed."""

    RED = "red"
    AMBER = "amber"
    GREEN = "green"

    @property
    def verdict(self) -> Verdict:
        return Verdict(self.name)


Only = tuple[Colour, ...]


def refuse_narrowed(only: Only, form: Format) -> None:
    """Raises `Refused` if a format for machines would be narrowed: a machine would take a part for the whole."""
    if only and form is not Format.TEXT:
        raise Refused(f"--only narrows the text that people read, and --format {form.value} is for machines; leave one out")


@dataclass(frozen=True, slots=True, kw_only=True)
class Printing:
    """For a command that prints a report."""

    form: Format = field(default=Format.TEXT, metadata=shaped(option="--format"))
    """What to print."""
    only: tuple[Colour, ...] = field(default=(), metadata=shaped(commas=True, title="red,amber"))
    """Print only findings of these colours; the verdict and the exit code stay those of all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """For a command that prints an answer."""

    form: TextOrJson = field(default=TextOrJson.TEXT, metadata=shaped(option="--format"))
    """What to print."""
