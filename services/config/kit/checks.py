"""The checks: each has an id, the criterion that it belongs to, a question with yes or no, and what must be seen."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jsonschema_rs

from artifacts.private_key import create
from services.config.kit.asking import Failed, NotAsked, Service
from services.config.kit.following import STEPS, follow
from services.config.kit.trying import draft_of, parsed, publish_next

Work = Callable[[Service, datetime], str]
SECRET = "ghp_" + "k3Jq9ZtB" * 4 + "Wx7d"  # made here; no one ever had it
NOTHING = f"sha256:{'0' * 64}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check. ``asks`` is a question of the request for proposals; ``writes``: it publishes something."""

    id: str
    asks: str
    work: Work
    writes: bool = False

    @property
    def criterion(self) -> str:
        """AC-1 to AC-5."""
        return self.id[:4]


CHECKS: list[Check] = []


def check(check_id: str, asks: str, *, writes: bool = False) -> Callable[[Work], Work]:
    """Declare the decorated function as a check. It returns its evidence in a sentence, or raises `Failed` or `NotAsked`."""

    def declare(work: Work) -> Work:
        CHECKS.append(Check(id=check_id, asks=asks, work=work, writes=writes))
        return work

    return declare


@check("AC-1/clients", "Does it list client families with their schemas, and the profiles of each?")
def clients(at: Service, now: datetime) -> str:
    found = at.clients()
    for one in found:
        lacking = {"clientId", "schemas", "capabilities", "profiles"} - one.keys()
        if lacking:
            raise Failed(f"the client {one.get('clientId')} lacks {min(lacking)}")
        if not all({"schemaRef", "versionRange"} <= each.keys() for each in one["schemas"]) or not one["schemas"]:
            raise Failed(f"a schema of {one['clientId']} lacks schemaRef or versionRange")
    return f"{len(found)} families"


@check("AC-1/profiles", "Does it list the profiles of a client?")
def profiles(at: Service, now: datetime) -> str:
    client, profile = at.target()
    found = at.good("GET", at.path("ListProfiles", client)).get("profiles")
    if not isinstance(found, list) or profile not in found:
        raise Failed(f"ListProfiles({client}) does not list {profile}")
    return f"{client}: {', '.join(found)}"


@check("AC-1/fields", "Has an artifact every field of the data model?")
def whole(at: Service, now: datetime) -> str:
    said, _ = at.artifact()
    needed = (
        "artifactId", "clientId", "profile", "payload", "schemaRef", "version", "issuedAt", "policySetId", "signature",
        "provenance", "changelog", "auditLogUri",
    )  # fmt: skip
    for name in needed:
        if not said.get(name):
            raise Failed(f"the artifact has no {name}")
    for outer, names in (("signature", ("alg", "value", "keyId")), ("provenance", ("publisherId", "toolingVersion"))):
        for name in names:
            if not said[outer].get(name):
                raise Failed(f"the artifact's {outer} has no {name}")
    return f"{len(needed)} fields"


@check("AC-1/verified", "Does the signature verify by following the published instructions?")
def verified(at: Service, now: datetime) -> str:
    client, profile = at.target()
    said, _ = at.artifact(client, profile)
    key = follow(said, at.trusted(), client=client, profile=profile, now=now)
    whose = "given to the checker" if at.keys else "that the service names itself"
    return f"signed by {key}, a key {whose}"


@check("AC-1/schema-valid", "Is the payload valid by the schema that the artifact names?")
def schema_valid(at: Service, now: datetime) -> str:
    client, profile = at.target()
    said, _ = at.artifact(client, profile)
    schemas = next(one["schemas"] for one in at.clients() if one["clientId"] == client)
    named = next((one for one in schemas if one["schemaRef"] == said["schemaRef"]), None)
    if named is None:
        raise Failed(f"{said['schemaRef']} is not a schema that is listed for {client}")
    schema = at.good("GET", at.path("GetSchema", client, str(named.get("version") or said["schemaRef"])))
    value = parsed(str(said["payload"]), str(said.get("mediaType", "application/json")))
    problem = next(iter(jsonschema_rs.validator_for(schema, offline=True).iter_errors(value)), None)
    if problem is not None:
        raise Failed(f"the payload breaks its schema at /{'/'.join(map(str, problem.instance_path))}")
    return str(said["schemaRef"])


@check("AC-1/same-bytes", "Are the bytes the same each time, with a tag by which a cache asks?")
def same_bytes(at: Service, now: datetime) -> str:
    client, profile = at.target()
    _, first = at.artifact(client, profile)
    _, second = at.artifact(client, profile)
    if first.body != second.body:
        raise Failed("two answers differ")
    tag = {name.lower(): value for name, value in first.headers.items()}.get("etag", "")
    if not tag:
        raise Failed("there is no ETag")
    again = at.ask("GET", at.path("GetConfig", client, profile), headers={"If-None-Match": tag})
    if again.status != 304 or again.body:
        raise Failed(f"a request with that ETag is answered {again.status}")
    return f"{len(first.body)} bytes"


@check("AC-1/inputs-by-name", "Are the values of inputs refused, and not said back?")
def inputs_by_name(at: Service, now: datetime) -> str:
    client, profile = at.target()
    found = at.ask("GET", at.path("GetConfig", client, profile, inputs=f"TOKEN={SECRET}"))
    if found.status < 400:
        raise Failed("a value of an input is accepted")
    if SECRET.encode() in found.body:
        raise Failed("the value is said back")
    return f"refused with {found.status}"


@check("AC-1/unknown", "Are a client and a profile that do not exist refused?")
def unknown(at: Service, now: datetime) -> str:
    client, _ = at.target()
    for one, profile in (("no-such-client", "dev"), (client, "no-such-profile")):
        found = at.ask("GET", at.path("GetConfig", one, profile))
        if not 400 <= found.status < 500:
            raise Failed(f"GetConfig({one}, {profile}) is answered {found.status}")
    return "both refused"


def _status(at: Service, current: str) -> dict[str, Any]:
    client, profile = at.target()
    found: dict[str, Any] = at.good("GET", at.path("DiffConfig", client, profile, current=current))
    return found


@check("AC-2/up-to-date", "Does DiffConfig say 'up-to-date' of the newest artifact?")
def up_to_date(at: Service, now: datetime) -> str:
    said, _ = at.artifact()
    found = _status(at, said["artifactId"])
    if found.get("status") != "up-to-date":
        raise Failed(f"of the newest artifact it says {found.get('status')!r}")
    return "up-to-date"


@check("AC-2/not-known", "Does it never say 'up-to-date' of what was not released for this client?")
def not_known(at: Service, now: datetime) -> str:
    found = _status(at, NOTHING)
    if found.get("status") not in ("unknown", "outdated"):
        raise Failed(f"of an artifact that does not exist it says {found.get('status')!r}")
    said, _ = at.artifact()
    if found.get("latestArtifactId") != said["artifactId"]:
        raise Failed("it does not name the newest artifact")
    return str(found["status"])


@check("AC-2/outdated", "Does it say 'outdated' of an older artifact, with the changelog?", writes=True)
def outdated(at: Service, now: datetime) -> str:
    client, profile = at.target()
    before, _ = at.artifact(client, profile)
    publish_next(at, client, profile)
    found = _status(at, before["artifactId"])
    if found.get("status") != "outdated" or not found.get("changelog"):
        raise Failed(f"of an older artifact it says {found.get('status')!r}, with the changelog {found.get('changelog')!r}")
    return "outdated"


@check("AC-2/changes", "Are changes listed with changelog, publisher and policy set, and once only?")
def changes(at: Service, now: datetime) -> str:
    client, profile = at.target()
    said, _ = at.artifact(client, profile)
    found = at.good("GET", at.path("PollChanges"))
    mine = [one for one in found.get("events", []) if one.get("artifactId") == said["artifactId"]]
    if not mine:
        raise Failed("the newest artifact is not among the changes")
    for name in ("changelog", "publisherId", "policySetId"):
        if not mine[-1].get(name):
            raise Failed(f"a change has no {name}")
    if at.good("GET", at.path("PollChanges", since=str(found["next"]))).get("events"):
        raise Failed("after the last token there are changes again")
    return f"{len(found['events'])} changes"


@check("AC-2/token", "Is a token that the service never gave refused?")
def token(at: Service, now: datetime) -> str:
    found = at.ask("GET", at.path("PollChanges", since="no-such-token"))
    if not 400 <= found.status < 500:
        raise Failed(f"it is answered {found.status}, so changes may be missed")
    return f"refused with {found.status}"


@check("AC-3/policy", "Is a draft that breaks the policy refused, with a report, and without an artifact?", writes=True)
def policy(at: Service, now: datetime) -> str:
    return _refused(at, draft_of(at).replace("servers:\n", f"servers:\n  - {{name: leak, command: {SECRET}}}\n", 1), "secret")


@check("AC-3/schema", "Is a draft that a client cannot express refused?", writes=True)
def inexpressible(at: Service, now: datetime) -> str:
    return _refused(at, draft_of(at) + "nonsense: true\n", "field that does not exist")


def _refused(at: Service, draft: str, what: str) -> str:
    client, profile = at.target()
    before, _ = at.artifact(client, profile)
    found = at.ask("POST", at.path("Publish"), role="publisher", body={"draft": draft, "changelog": "A check."})
    after, _ = at.artifact(client, profile)
    if before["artifactId"] != after["artifactId"] or 200 <= found.status < 300:
        raise Failed(f"a draft with a {what} is published")
    if not found.body.strip():
        raise Failed("it is refused without a reason")
    if SECRET.encode() in found.body:
        raise Failed("the secret is said back")
    return f"refused with {found.status}"


@check("AC-3/audited", "Is what was published in the audit, with signer and policy version?", writes=True)
def audited(at: Service, now: datetime) -> str:
    client, profile = at.target()
    publish_next(at, client, profile)
    said, _ = at.artifact(client, profile)
    found = at.good("GET", at.path("GetAudit", client=client, profile=profile), role="auditor").get("releases") or []
    mine = next((one for one in found if one.get("artifactId") == said["artifactId"]), None)
    if mine is None:
        raise Failed("the newest artifact is not in the audit")
    if mine.get("publisherId") != said["provenance"]["publisherId"] or mine.get("policySetId") != said["policySetId"]:
        raise Failed("the audit names another publisher or policy set than the artifact")
    return f"{len(found)} records"


@check("AC-3/immutable", "Is there no way to change or remove a record?")
def immutable(at: Service, now: datetime) -> str:
    client, profile = at.target()
    before, _ = at.artifact(client, profile)
    for path in (at.path("GetAudit"), at.path("GetConfig", client, profile)):
        for method in ("PUT", "PATCH", "DELETE"):
            found = at.ask(method, path, role="publisher", body={})
            if found.status not in (401, 403, 404, 405, 501):
                raise Failed(f"{method} {path} is answered {found.status}")
    if at.artifact(client, profile)[0]["artifactId"] != before["artifactId"]:
        raise Failed("an artifact changed")
    return "PUT, PATCH and DELETE are refused"


@check("AC-3/separate", "May a reader not publish?", writes=True)
def separate(at: Service, now: datetime) -> str:
    if not at.tokens.get("reader") or at.tokens.get("reader") == at.tokens.get("publisher"):
        raise NotAsked("no token of a reader alone was given")
    found = at.ask("POST", at.path("Publish"), role="reader", body={"draft": draft_of(at), "changelog": "A check."})
    if found.status not in (401, 403):
        raise Failed(f"a reader who publishes is answered {found.status}")
    return f"refused with {found.status}"


@check("AC-4/instructions", "Are there machine-readable instructions for verifying?")
def instructions(at: Service, now: datetime) -> str:
    said, _ = at.artifact()
    steps = (said.get("verification") or {}).get("steps")
    named = {one.get("check") for one in steps} if isinstance(steps, list) else set()
    lacking = [one for one in STEPS if one not in named]
    if lacking:
        raise Failed(f"the instructions lack the step {lacking[0]}")
    return f"{len(named)} steps"


REGIONS: dict[str, Callable[[dict[str, Any]], object]] = {
    "payload": lambda said: said.update(payload=said["payload"] + " "),
    "artifactId": lambda said: said.update(artifactId=NOTHING),
    "version": lambda said: said.update(version="99.0.0"),
    "changelog": lambda said: said.update(changelog="x"),
    "validUntil": lambda said: said.update(validUntil="2099-01-01T00:00:00Z"),
    "signature": lambda said: said["signature"].update(value="AAAA"),
    "key id": lambda said: said["signature"].update(keyId=NOTHING),
    "envelope": lambda said: said["release"]["envelope"].update(signatures=[]),
    "record": lambda said: said["release"].update(record=NOTHING),
    "log line": lambda said: said["release"]["log"].update(line="AAAA"),
    "log path": lambda said: said["release"]["log"].update(path=["00" * 32]),
    "checkpoint": lambda said: said["release"]["log"].update(checkpoint="x"),
}


@check("AC-4/tampering", "Is a change of any part noticed by one who follows the instructions?")
def tampering(at: Service, now: datetime) -> str:
    client, profile = at.target()
    said, _ = at.artifact(client, profile)
    keys = at.trusted()
    try:
        follow(said, keys, client=client, profile=profile, now=now)
    except Failed as error:
        raise NotAsked(f"the artifact does not verify as it is: {error}") from None
    for region, change in REGIONS.items():
        changed = copy.deepcopy(said)
        try:
            change(changed)
            follow(changed, keys, client=client, profile=profile, now=now)
        except (Failed, KeyError, TypeError):
            continue
        raise Failed(f"a changed {region} is not noticed")
    for what, more, other in (
        ("another key", {"client": client, "profile": profile}, (create().public,)),
        ("another profile", {"client": client, "profile": f"{profile}-other"}, keys),
    ):
        try:
            follow(said, other, now=now, **more)
        except Failed:
            continue
        raise Failed(f"{what} is accepted")
    return f"{len(REGIONS) + 2} changes noticed"


@check("AC-4/freshness", "Does an artifact say until when it may be taken, not more than a year ahead?")
def freshness(at: Service, now: datetime) -> str:
    said, _ = at.artifact()
    try:
        issued, until = (datetime.fromisoformat(str(said[name])) for name in ("issuedAt", "validUntil"))
    except (KeyError, ValueError):
        raise Failed("it does not say from when to when it may be taken") from None
    if not issued < until or (until - issued).days > 366:
        raise Failed(f"it may be taken from {said['issuedAt']} to {said['validUntil']}")
    return f"for {(until - issued).days} days"


@check("AC-5/documentation", "Are schema references, the policy model and an operator's runbook published?")
def documentation(at: Service, now: datetime) -> str:
    links = at.discovery.get("documentation")
    if not isinstance(links, dict):
        raise Failed("the discovery document names no documentation")
    for name in ("schemas", "policyModel", "runbook"):
        if not links.get(name):
            raise Failed(f"the documentation has no {name}")
        found = at.ask("GET", str(links[name]))
        if found.status != 200 or len(found.body) < 200:
            raise Failed(f"{name} at {links[name]} is answered {found.status} with {len(found.body)} bytes")
    return ", ".join(links)


@check("AC-5/runbook", "Does the runbook say how to revert, to rotate keys and to mirror?")
def runbook(at: Service, now: datetime) -> str:
    text = at.ask("GET", str((at.discovery.get("documentation") or {}).get("runbook"))).body.decode("utf-8", "replace").lower()
    for word in ("revert", "rotat", "mirror"):
        if word not in text:
            raise Failed(f"the runbook does not say anything of {word!r}")
    return "revert, rotation, mirror"


@check("AC-5/schemas", "Is every schema that is listed a schema?")
def schemas(at: Service, now: datetime) -> str:
    count = 0
    for one in at.clients():
        for each in one["schemas"]:
            schema = at.good("GET", at.path("GetSchema", str(one["clientId"]), str(each.get("version") or each["schemaRef"])))
            try:
                jsonschema_rs.validator_for(schema, offline=True)
            except (ValueError, TypeError) as error:
                raise Failed(f"{each['schemaRef']} is no schema: {str(error)[:100]}") from None
            if schema in ({}, True):
                raise Failed(f"{each['schemaRef']} allows everything")
            count += 1
    return f"{count} schemas"
