"""A policy denies a caller over MCP one check: a release does not do it for them either."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest

from adapters.http.app import DoorPart, front
from adapters.http.bound import bind
from adapters.http.protocol import protocol
from adapters.http.serve import listen
from adapters.mcp.app import endpoint
from capabilities.access.known import known_objects
from capabilities.policy.policy import RegisterPolicy, register_policy
from foundation.authorization.authorizing import Authorization
from foundation.identity.accepting import Accepting
from tests.adapters.doors import door_for
from tests.adapters.loopback import loopback
from tests.adapters.test_callers import Believing, body, headers
from tests.flows.release.conftest import World, world

pytestmark = [
    pytest.mark.requirement("ARC-R1/one-signed-release-verdict", "BASE-3/roles-down-to-a-tool"),
    pytest.mark.xdist_group("callers"),
]
__all__ = ["world"]
ALL = "permit (principal, action, resource);\n"
BUT_MODELS = 'forbid (principal, action, resource == Object::"check_model");\n'


@pytest.fixture
def served(world: World, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of a front that serves the release's folder, and the folder of its access policy."""
    own = world.at()
    for name in ("policy.yaml", "short.yaml", "release.policy.yaml"):
        register_policy(RegisterPolicy(text=(tmp_path / name).read_text()), own)
    access = tmp_path / "access"
    access.mkdir()
    (access / "site.cedar").write_text(ALL)
    place = replace(own, own=False, roots=(tmp_path,))
    listening = listen("127.0.0.1", 0)
    bound = bind("127.0.0.1", listening.getsockname()[1], place.settings, certificate=None, key=None, behind_proxy=False)
    authorization = Authorization(access, known_objects())
    door = replace(door_for(), accepting=cast(Accepting, Believing()), authorization=authorization)
    found = endpoint(place, resource=f"{bound.url}/mcp", door=door)
    app = front([DoorPart(routes=found.routes, running=found.running)], bound)
    with loopback(app, protocol(), lifespan="on", at=listening):
        yield bound.url, access


def check(url: str, world: World) -> dict[str, Any]:
    arguments = {"description": str(world.file), "policy": "ours"}
    message = body("tools/call", name="check_release", arguments=arguments)
    asked = headers("ada+read+check+connect", "tools/call", "check_release")
    answer = httpx2.post(f"{url}/mcp", json=message, headers=asked, timeout=600)
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json() if answer.text.startswith("{") else json.loads(answer.text.partition("data: ")[2])
    return said["result"]


def test_a_release_checks_no_part_whose_own_tool_is_denied(served: tuple[str, Path], world: World) -> None:
    url, access = served
    text = world.file.read_text()
    for name, registered in (("policy", "bench"), ("short", "short")):
        text = text.replace(f"{world.file.parent}/{name}.yaml", registered)
    world.file.write_text(text)
    (access / "site.cedar").write_text(ALL + BUT_MODELS)
    denied = check(url, world)
    assert "may not check it by check_model" in json.dumps(denied)
    assert world.kept() == 1, "no part left an artifact"
    (access / "site.cedar").write_text(ALL)
    assert '"GREEN"' in json.dumps(check(url, world))
    assert world.kept() == 4
