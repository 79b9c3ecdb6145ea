"""Show a sealed artifact, unverified."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from arcops.asks import shaped
from arcops.result import Report
from artifacts.bundle import MOST_BYTES, read_envelope
from artifacts.statement import from_statement
from capabilities.contract import Scope, tool
from capabilities.kept import sealed_bytes
from flows.place import Place


class Form(Enum):
    """Other formats that a report can be written in."""

    NONE = ""
    JSON = "json"
    SARIF = "sarif"
    JUNIT = "junit"
    MARKDOWN = "markdown"
    TEST_RESULT = "test-result"


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """An artifact, and the format to write it in."""

    artifact: str = field(metadata=shaped(positional=True, text_of=MOST_BYTES, digest=True))
    """The text of a sealed artifact (a file on the command line), or the digest (sha256:…) of one in the store."""
    form: Form = Form.NONE
    """Also write the report in this format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What an artifact says. Its signature was not checked."""

    report: Report
    written: str = ""
    """The report in the format that was asked for."""


@tool(title="Show an artifact", scope=Scope.READ, reads_only=True, usual=True)
def show_artifact(ask: Show, at: Place) -> Shown:
    """Show what a sealed artifact says, without checking who signed it; verify it before you rely on it."""
    from capabilities.artifact.project import project

    report = from_statement(read_envelope(sealed_bytes(ask.artifact, at)).payload)
    return Shown(report=report, written=project(report, ask.form.value).decode() if ask.form is not Form.NONE else "")
