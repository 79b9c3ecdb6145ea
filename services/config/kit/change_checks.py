"""AC-2: what is said of what a client has, and how changes are followed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.config.kit.asking import Failed, NotAsked, Service
from services.config.kit.declaring import NOTHING, check
from services.config.kit.trying import publish_next


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


@check("AC-2/other-client", "Does it never say 'up-to-date' of what was released for another client?")
def other_client(at: Service, now: datetime) -> str:
    client, profile = at.target()
    if _status(at, NOTHING).get("status") == "up-to-date":
        raise NotAsked("it says so of what does not exist, too")
    for one in at.clients():
        if one["clientId"] == client or not one.get("profiles"):
            continue
        other, _ = at.artifact(str(one["clientId"]), str(one["profiles"][0]))
        if other["artifactId"] == at.artifact(client, profile)[0]["artifactId"]:
            continue  # two clients may read the same bytes
        found = _status(at, other["artifactId"])
        if found.get("status") not in ("unknown", "outdated"):
            raise Failed(f"of the artifact of {one['clientId']} it says {found.get('status')!r}")
        return f"{one['clientId']}: {found['status']}"
    raise NotAsked("nothing else is released for another client")


@check("AC-2/reverted", "After a revert, is the earlier artifact the newest again, and the later one outdated?", writes=True)
def reverted(at: Service, now: datetime) -> str:
    if "Revert" not in at.discovery["operations"]:
        raise NotAsked("the service names no operation Revert")
    client, profile = at.target()
    before, _ = at.artifact(client, profile)
    publish_next(at, client, profile)
    after, _ = at.artifact(client, profile)
    if [_status(at, one["artifactId"]).get("status") for one in (before, after)] != ["outdated", "up-to-date"]:
        raise NotAsked("it is wrong before a revert, too")
    body = {"client": client, "profile": profile, "to": before["artifactId"], "reason": "A check goes back."}
    said = at.good("POST", at.path("Revert"), role="publisher", body=body)
    if said.get("state") == "waiting":
        raise NotAsked("the service waits for approvals, which the kit does not give")
    for _ in range(200):
        if at.artifact(client, profile)[0]["artifactId"] == before["artifactId"]:
            break
    else:
        raise Failed("GetConfig does not give the artifact that was gone back to")
    for artifact, wanted in ((before["artifactId"], "up-to-date"), (after["artifactId"], "outdated")):
        if (status := _status(at, artifact).get("status")) != wanted:
            raise Failed(f"after a revert it says {status!r} and not {wanted!r}")
    return "the earlier one is up-to-date"
