"""Verify an artifact on the machine that will use it: every step that the artifact's own instructions name, and more."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from amend.client.families import KNOWN, Families
from amend.client.family import Family, SchemaVersion
from amend.client.materialising import misfitting, schema_uri
from arcops.errors import Refused
from arcops.policy import SKEW
from artifacts.client_release import ClientRelease
from artifacts.entries import read_line
from artifacts.envelope import strict_base64
from artifacts.log.checkpoint import open_checkpoint
from artifacts.log.merkle import leaf_hash, verify_inclusion
from artifacts.typed import moment
from artifacts.vouch import Grounds
from services.config.documents import read_document
from services.config.roles import Roles, counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """An artifact that counts here: its release, the payload as text, the place of its record in the log ``origin``.

    ``stale``: its time is over, so it may be kept as it is, and is not taken new.
    """

    release: ClientRelease
    record: str
    payload: str
    origin: str
    position: int
    family: Family
    schema: SchemaVersion
    stale: bool


def taken(
    data: bytes, ground: Grounds, roles: Roles, at: datetime, *, client: str, profile: str, families: Families = KNOWN
) -> Taken:
    """The artifact in *data* for *client* in *profile*. Raises `Refused`, naming the first step that fails."""
    said = read_document(data)
    shown = said["release"]
    sealed = strict_base64(shown.get("sealed"), "the sealed release")
    record = f"sha256:{hashlib.sha256(sealed).hexdigest()}"
    known = counted(sealed, ground, roles, at)
    release = known.release
    if not known.enough:
        raise Refused(f"the release has {len(known.approvers)} approval(s) that count here, and {known.needed} are needed")
    if (release.client, release.profile) != (client, profile):
        raise Refused(f"the artifact is for {release.client} in {release.profile}, not for {client} in {profile}")
    payload = str(said["payload"])
    if f"sha256:{hashlib.sha256(payload.encode()).hexdigest()}" != release.artifact:
        raise Refused("the payload is not the one that was released: its SHA-256 differs")
    _refuse_other_words(said, release, record)
    position, origin = _logged(shown, record, ground, roles)
    if release.issued_at - at > SKEW:
        raise Refused(
            f"the artifact was issued at {moment(release.issued_at)}, which is in the future here: compare the clocks"
        )
    family = families.of(client)
    version = next((one for one in family.schemas if schema_uri(client, one.version) == release.schema), None)
    if version is None:
        raise Refused(f"the artifact has the schema {release.schema}, which is not known here; ask for another version of it")
    if misfit := next(misfitting(family, version, payload), ""):
        raise Refused(f"the payload does not fit the schema of {family.title} at {misfit}")
    return Taken(
        release=release,
        record=record,
        payload=payload,
        origin=origin,
        position=position,
        family=family,
        schema=version,
        stale=at > release.valid_until,
    )


def _refuse_other_words(said: dict[str, Any], release: ClientRelease, record: str) -> None:
    """What stands beside the signed record must say the same: programs read that, and not the record."""
    meant = {
        "artifactId": release.artifact,
        "clientId": release.client,
        "profile": release.profile,
        "schemaRef": release.schema,
        "version": release.version,
        "issuedAt": moment(release.issued_at),
        "validUntil": moment(release.valid_until),
        "policySetId": release.policy_set,
        "changelog": release.changelog,
    }
    for name, value in meant.items():
        if said.get(name) != value:
            raise Refused(f"the artifact's {name} is not what was signed")
    if said["release"].get("record") != record:
        raise Refused("the artifact names another release record than the one that it carries")


def _logged(shown: dict[str, Any], record: str, ground: Grounds, roles: Roles) -> tuple[int, str]:
    log = shown.get("log")
    if not isinstance(log, dict):
        raise Refused("the artifact does not prove that it is in the log")
    note, position, path = log.get("checkpoint"), log.get("position"), log.get("path")
    if not isinstance(note, str) or not isinstance(position, int) or not isinstance(path, list):
        raise Refused("the artifact's proof that it is in the log is not complete")
    known = open_checkpoint(note.encode(), tuple(one for one in ground.keys if roles.may_log(one.id)))
    line = strict_base64(log.get("line"), "the line of the log")
    try:
        proof = tuple(bytes.fromhex(one) for one in path)
    except (TypeError, ValueError) as error:
        raise Refused("the artifact's proof that it is in the log is not made of hashes") from error
    inside = 0 <= position < known.size
    if not inside or not verify_inclusion(leaf=leaf_hash(line), index=position, size=known.size, proof=proof, root=known.root):
        raise Refused("the artifact's proof does not lead to the log's checkpoint, so it is not shown to be in the log")
    if read_line(line).artifact != record:
        raise Refused("the line of the log is about another release")
    return position, known.origin
