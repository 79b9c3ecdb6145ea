"""The release of a client's configuration: what is signed, and what is refused when it is read."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from arcops.errors import Refused
from artifacts.canonical import canonical
from artifacts.client_release import ClientRelease, ReleaseKind, release_from, release_statement
from tests.artifacts.reports import AT

pytestmark = pytest.mark.requirement("CONF-12-13/releases-are-immutable")


def release() -> ClientRelease:
    return ClientRelease(
        kind=ReleaseKind.RELEASE,
        client="claude-code",
        profile="dev",
        schema="https://arcops.dev/schemas/client/claude-code/1.0.0",
        artifact=f"sha256:{'1' * 64}",
        version="1.4.0",
        issued_at=AT,
        valid_until=AT + timedelta(days=30),
        policy_set="corp@2.1.0",
        policy_digest=f"sha256:{'2' * 64}",
        draft_digest=f"sha256:{'3' * 64}",
        inputs=("GITHUB_TOKEN",),
        publisher=f"sha256:{'4' * 64}",
        tooling="arcops 0.1.0",
        changelog="Adds the server time.",
        reason="",
        percent=100,
        salt="c2FsdA",
        supersedes="",
    )


def test_it_comes_back_as_it_was() -> None:
    assert release_from(release_statement(release())) == release()


@pytest.mark.parametrize(
    "wrong",
    [
        replace(release(), percent=0),
        replace(release(), percent=101),
        replace(release(), valid_until=AT),
    ],
)
def test_what_cannot_be_is_refused(wrong: ClientRelease) -> None:
    with pytest.raises(Refused):
        release_from(release_statement(wrong))


@pytest.mark.parametrize("change", ["subject", "name", "artifact", "extra", "spelling"])
def test_what_contradicts_itself_is_refused(change: str) -> None:
    document = json.loads(release_statement(release()))
    match change:
        case "subject":
            document["subject"][0]["digest"] = {"sha256": "9" * 64}
        case "name":
            document["subject"][0]["name"] = "codex/dev"
        case "artifact":
            document["predicate"]["artifact"] = f"sha256:{'9' * 64}"
        case "extra":
            document["predicate"]["more"] = "x"
        case _:
            pass
    data = canonical(document) if change != "spelling" else json.dumps(document).encode()
    with pytest.raises(Refused):
        release_from(data)
