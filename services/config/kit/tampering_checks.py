"""AC-4: one who follows the published instructions notices every change."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import datetime
from typing import Any

from artifacts.private_key import create
from services.config.kit.asking import Failed, NotAsked, Service
from services.config.kit.declaring import NOTHING, check
from services.config.kit.following import STEPS, follow
from services.config.kit.trying import publish_next


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


@check("AC-4/rollback", "Does a release make newer metadata, so that an older state can be told from it?", writes=True)
def rollback(at: Service, now: datetime) -> str:
    if "GetFreshness" not in at.discovery["operations"]:
        raise NotAsked("the service names no operation GetFreshness")
    client, profile = at.target()

    def stamp() -> dict[str, Any]:
        said = at.good("GET", at.path("GetFreshness", "timestamp.json"))
        signed = said.get("signed")
        if not isinstance(signed, dict) or not said.get("signatures") or not isinstance(signed.get("version"), int):
            raise Failed("the timestamp is not signed, or has no version")
        return signed

    before = stamp()
    publish_next(at, client, profile)
    for _ in range(200):
        after = stamp()
        if after["version"] > before["version"]:
            break
    else:
        raise Failed("after a release the metadata is not newer")
    if datetime.fromisoformat(str(after["expires"])) <= now:
        raise Failed("the metadata is expired")
    return f"version {before['version']} became {after['version']}"
