"""The release of an MCP client's configuration as an in-toto Statement v1, and strictly back.

The statement's subject is the payload, so its digest is the artifact's id. It is signed by the publisher and by those who
approve it, all over the same bytes (DSSE); what a release needs of them is said by the trust of the one who verifies, not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any, cast

from arcops.errors import Refused
from artifacts.canonical import canonical
from artifacts.envelope import strict_json
from artifacts.statement import STATEMENT
from artifacts.typed import JSON, dump, load

CLIENT_RELEASE = "https://arcops.dev/predicates/client-configuration-release/v1"
EVERYONE = 100


class ReleaseKind(Enum):
    """``REVERT`` issues again what was released before; ``WIDENED`` gives a canary to more clients."""

    RELEASE = "release"
    REVERT = "revert"
    WIDENED = "widened"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRelease:
    """A payload released for one client and profile, in one version of the client's schema.

    ``artifact`` is the SHA-256 of the payload. ``policyDigest`` and ``draftDigest`` are those of the policy set's and of the
    draft's bytes. ``publisher`` is the id of the key that publishes. Of all clients, ``percent`` get it, chosen with ``salt``.
    ``supersedes`` is the digest of the release record before it, empty for the first one, and ``reason`` says why a revert is
    made. After ``validUntil`` a client keeps what it has and takes nothing new.
    """

    kind: ReleaseKind
    client: str
    profile: str
    schema: str
    artifact: str
    version: str
    issued_at: datetime
    valid_until: datetime
    policy_set: str
    policy_digest: str
    draft_digest: str
    inputs: tuple[str, ...]
    publisher: str
    tooling: str
    changelog: str
    reason: str
    percent: int
    salt: str
    supersedes: str


def release_statement(release: ClientRelease) -> bytes:
    """The statement of *release*: the bytes that are signed."""
    subject: JSON = {"name": _name(release), "digest": {"sha256": release.artifact.removeprefix("sha256:")}}
    return canonical({"_type": STATEMENT, "subject": [subject], "predicateType": CLIENT_RELEASE, "predicate": dump(release)})


def release_from(data: bytes) -> ClientRelease:
    """The release in the statement *data*. Raises `Refused` if it is not a release, or contradicts itself."""
    document = strict_json(data, "the release")
    if isinstance(document, dict) and document.get("predicateType") != CLIENT_RELEASE:
        raise Refused(f"the statement is not a release of a client's configuration ({CLIENT_RELEASE})")
    problem = next(iter(_validator().iter_errors(document)), None)
    if problem is not None:
        where = ".".join(str(part) for part in problem.instance_path) or "the document"
        raise Refused(f"the release does not match its schema at {where[:200]}: {problem.message[:300]}")
    members = cast(dict[str, Any], document)  # the schema was checked: it is an object with exactly these members
    found = load(ClientRelease, members["predicate"], "the release")
    if release_statement(found) != data:
        raise Refused("the release's subject is not the payload that it names, or it is not written canonically")
    if not 0 < found.percent <= EVERYONE:
        raise Refused(f"the release is for {found.percent} % of the clients; 1 to 100 are possible")
    if found.valid_until <= found.issued_at:
        raise Refused("the release ends before it begins")
    return found


def _name(release: ClientRelease) -> str:
    return f"{release.client}/{release.profile}"


@cache
def _validator() -> Any:
    import jsonschema_rs

    from artifacts.schemas import schema_text

    return jsonschema_rs.validator_for(schema_text(CLIENT_RELEASE), mask="the value", offline=True)
