"""AC-1: an artifact is complete, signed and valid by its schema; and what it is asked with."""

from __future__ import annotations

from datetime import datetime

import jsonschema_rs

from services.config.kit.asking import Failed, Service
from services.config.kit.declaring import SECRET, check
from services.config.kit.following import follow
from services.config.kit.trying import parsed


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
