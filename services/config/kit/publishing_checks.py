"""AC-3: publishing enforces the policy, and leaves a record that cannot be changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.config.kit.asking import Failed, NotAsked, Service
from services.config.kit.declaring import SECRET, check
from services.config.kit.trying import draft_of, publish_next


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


@check("AC-3/separate", "May a reader, or someone who is not known, neither publish nor revert?", writes=True)
def separate(at: Service, now: datetime) -> str:
    if not at.tokens.get("reader") or at.tokens.get("reader") == at.tokens.get("publisher"):
        raise NotAsked("no token of a reader alone was given")
    client, profile = at.target()
    before, _ = at.artifact(client, profile)
    asked: dict[str, dict[str, str]] = {"Publish": {"draft": draft_of(at), "changelog": "A check."}}
    if "Revert" in at.discovery["operations"]:
        asked["Revert"] = {"client": client, "profile": profile, "to": before["artifactId"], "reason": "A check."}
    for operation, body in asked.items():
        for who, token in (("a reader", at.tokens["reader"]), ("no one", ""), ("an unknown caller", "not-a-token")):
            found = at.ask_as(token, "POST", at.path(operation), body=body)
            if found.status not in (401, 403):
                raise Failed(f"{operation} by {who} is answered {found.status}")
    if at.artifact(client, profile)[0]["artifactId"] != before["artifactId"]:
        raise Failed("what was refused is released")
    return f"refused: {', '.join(asked)}, by a reader, without a token, and with an unknown one"


@check("AC-3/report", "Does ValidateDraft give a report with what is wrong, and publish nothing?")
def report(at: Service, now: datetime) -> str:
    good, client_profile = draft_of(at), at.target()
    before, _ = at.artifact(*client_profile)
    bad = good.replace("servers:\n", f"servers:\n  - {{name: leak, command: {SECRET}}}\n", 1)
    reports = []
    for draft in (good, bad):
        found = at.ask("POST", at.path("ValidateDraft"), role="publisher", body={"draft": draft})
        said = found.json()
        if found.status >= 500 or not isinstance(said, dict):
            raise Failed(f"a draft is answered {found.status} and no report")
        if SECRET.encode() in found.body:
            raise Failed("the report says the secret back")
        reports.append(said)
    lists = [value for value in reports[1].values() if isinstance(value, list) and value]
    if not lists or reports[0] == reports[1]:
        raise Failed("the report on a draft with a secret names nothing that is wrong")
    if at.artifact(*client_profile)[0]["artifactId"] != before["artifactId"]:
        raise Failed("a draft that was only to be validated is released")
    return f"{len(lists[0])} findings"


@check("AC-3/queries", "Does the audit answer by client, profile, version and time?")
def queries(at: Service, now: datetime) -> str:
    client, profile = at.target()
    said, _ = at.artifact(client, profile)

    def asked(**query: str) -> list[dict[str, Any]]:
        found = at.ask("GET", at.path("GetAudit", **query), role="auditor")
        records = found.json().get("releases") if found.status == 200 else []
        return records if isinstance(records, list) else []

    def has(records: list[dict[str, Any]]) -> bool:
        return any(one.get("artifactId") == said["artifactId"] for one in records)

    if not has(asked()):
        raise NotAsked("the newest release is not in the audit at all")
    if not has(asked(client=client, profile=profile, version=str(said["version"]))):
        raise Failed("the newest release is not found by its client, profile and version")
    for query in (
        {"client": "no-such-client"},
        {"profile": "no-such-profile"},
        {"version": "99999.0.0"},
        {"since": "2999-01-01T00:00:00Z"},
        {"until": "1999-01-01T00:00:00Z"},
    ):
        if asked(**query):
            raise Failed(f"asked for {query}, it gives records that are of something else")
    return "client, profile, version, since, until"


@check("AC-3/self-approval", "May a publisher not approve what they published themselves?", writes=True)
def self_approval(at: Service, now: datetime) -> str:
    client, profile = at.target()
    before, _ = at.artifact(client, profile)
    draft = draft_of(at).replace("servers:\n", "servers:\n  - {name: kit-self, package: 'npm:kit-self@1.0.0'}\n", 1)
    made = at.good("POST", at.path("Publish"), role="publisher", body={"draft": draft, "changelog": "A check."})
    if made.get("state") != "waiting":
        raise NotAsked("the service asks for no approvals")
    found = at.ask("POST", at.path("Approve"), role="publisher", body={"id": made["id"]})
    if 200 <= found.status < 300 or at.artifact(client, profile)[0]["artifactId"] != before["artifactId"]:
        raise Failed("the one who published it approved it")
    if "Withdraw" in at.discovery["operations"]:
        at.ask("POST", at.path("Withdraw"), role="publisher", body={"id": made["id"]})
    return f"refused with {found.status}"
