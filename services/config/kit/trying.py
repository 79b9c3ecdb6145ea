"""What the checks that write share: the draft that was given, and a release of it as a new version."""

from __future__ import annotations

import json
import tomllib

import yaml

from services.config.kit.asking import Failed, NotAsked, Service


def draft_of(at: Service) -> str:
    """The draft that the kit may publish. Raises `NotAsked` if none was given."""
    if not at.draft:
        raise NotAsked("no draft was given (--draft)")
    return at.draft


def publish_next(at: Service, client: str, profile: str) -> None:
    """Publish the given draft with one server more, as a new version."""
    draft = yaml.safe_load(draft_of(at))
    if draft.get("profile") != profile or client not in draft.get("clients", []):
        raise NotAsked(f"the given draft is not for {client} in {profile}")
    said, _ = at.artifact(client, profile)
    number = int(str(said["version"]).split(".")[1]) + 1 if str(said["version"]).count(".") == 2 else 1
    number = at.number = max(number, at.number + 1)  # after a revert the newest version is not the highest
    draft["version"] = f"{str(said['version']).split('.')[0]}.{number}.0"
    draft["servers"] = [
        *(one for one in draft["servers"] if not one["name"].startswith("kit-")),
        {"name": f"kit-{number}", "package": f"npm:kit-{number}@1.0.0"},
    ]
    found = at.ask(
        "POST", at.path("Publish"), role="publisher", body={"draft": yaml.safe_dump(draft), "changelog": f"Number {number}."}
    )
    if not 200 <= found.status < 300:
        raise Failed(f"a good draft is answered {found.status}: {found.body[:200].decode('utf-8', 'replace')}")
    if found.json().get("state") == "waiting":
        raise NotAsked("the service waits for approvals, which the kit does not give")
    for _ in range(200):
        if at.artifact(client, profile)[0]["version"] == draft["version"]:
            return
    raise Failed("what was published is not what GetConfig gives")


def parsed(text: str, media: str) -> object:
    """The payload *text* of the type *media*. Raises `Failed` if it is not of that type."""
    try:
        if "toml" in media:
            return tomllib.loads(text)
        return yaml.safe_load(text) if "yaml" in media else json.loads(text)
    except (ValueError, yaml.YAMLError):
        raise Failed(f"the payload is not {media}") from None
