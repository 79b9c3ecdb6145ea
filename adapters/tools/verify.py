"""Verify a sealed artifact, or show it: no engine, no network, nothing but the artifact and the keys."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from adapters.tools.contract import Place, Scope, tool
from adapters.tools.kept import kept_bytes, sealed_bytes, whose_keys
from arcops.errors import Refused
from arcops.result import Report
from artifacts.bundle import open_sealed, read_envelope
from artifacts.statement import from_statement


class NotVerified(Refused):
    """The artifact is not what one of the keys signed. Do not use it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verify:
    """An artifact, and who should have signed it."""

    artifact: str
    """The text of a sealed artifact, or the digest (sha256:…) of one in the store."""
    keys: tuple[str, ...] = ()
    """Public keys (PEM), any of which may have signed; without one, those that are trusted where the tool runs. They count for
    this answer alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A report that one of the keys signed."""

    report: Report
    signers: tuple[str, ...]
    """The ids of the keys whose signatures hold."""
    expired: bool
    """It no longer holds at the moment of asking: check again."""
    untrusted: tuple[str, ...] = ()
    """Those of the signers that only the caller named: this place does not trust them, so elsewhere here it still counts for
    nothing."""


@tool(title="Verify an artifact", scope=Scope.READ, reads_only=True)
def verify_artifact(ask: Verify, at: Place) -> Verified:
    """Check the signature of a sealed artifact offline, and tell what it says and whether it still holds.

    Refused where none of the keys signed it, or where it contradicts itself: then do not use it.
    """
    keys, strange = whose_keys(ask.keys, at)
    data = sealed_bytes(ask.artifact, at)
    try:
        sealed = open_sealed(data, keys)
    except Refused as error:
        raise NotVerified(str(error)) from error
    untrusted = tuple(signer for signer in sealed.signers if signer in strange)
    return Verified(report=sealed.report, signers=sealed.signers, expired=sealed.expired(at.now()), untrusted=untrusted)


class Form(Enum):
    """The formats of others that a report can be written in."""

    NONE = ""
    JSON = "json"
    SARIF = "sarif"
    JUNIT = "junit"
    MARKDOWN = "markdown"
    TEST_RESULT = "test-result"


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """An artifact, and how to write it."""

    artifact: str
    """The text of a sealed artifact, or the digest (sha256:…) of one in the store."""
    form: Form = Form.NONE
    """Also write the report in this format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What an artifact says. Nobody checked who said it."""

    report: Report
    written: str = ""
    """The report in the format that was asked for."""


@tool(title="Show an artifact", scope=Scope.READ, reads_only=True)
def show_artifact(ask: Show, at: Place) -> Shown:
    """Tell what a sealed artifact says, without checking who signed it; verify it before relying on it."""
    from adapters.tools.project import project

    report = from_statement(read_envelope(sealed_bytes(ask.artifact, at)).payload)
    return Shown(report=report, written=project(report, ask.form.value).decode() if ask.form is not Form.NONE else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """What to fetch."""

    artifact: str
    """The digest (sha256:…) of a sealed artifact, or of an evidence body, in the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What the store keeps under a digest."""

    text: str
    """The exact bytes, which are UTF-8: a sealed artifact in JSON, or an evidence body in canonical JSON."""


@tool(title="Fetch from the store", scope=Scope.READ, reads_only=True)
def fetch_artifact(ask: Fetch, at: Place) -> Fetched:
    """Give the exact bytes of a sealed artifact, or of an evidence body behind one, from the store."""
    return Fetched(text=kept_bytes(ask.artifact, at).decode())
