"""Taking a release and writing it: each step of verification bites, and nothing of the user's is lost."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from arcops.errors import Refused, Unavailable
from artifacts.private_key import create
from capabilities.client.applying import ApplyClientConfig, apply_client_config
from capabilities.client.looking import GetClientConfig, get_client_config
from capabilities.client.publishing import (
    ApproveClientConfig,
    PublishClientConfig,
    approve_client_config,
    publish_client_config,
)
from capabilities.client.serving import exported, packed_mirror
from services.config.roles import read_roles
from services.config.taking import taken
from tasks.signing.grounds import grounds
from tests.evidence import NOW
from tests.services.config.folders import Machine, machine
from tests.services.config.place import DRAFT, version

pytestmark = pytest.mark.requirement(
    "CONF-APPLY/the-applier-changes-owned-keys-only", "CONF-UC/use-cases-work", "CONF-4-5/configurations-are-complete"
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = machine(tmp_path)
    monkeypatch.setenv("HOME", str(made.home))
    return made


def publish(here: Machine, draft: bytes = DRAFT) -> str:
    done = publish_client_config(PublishClientConfig(draft=draft.decode(), changelog="It changes."), here.at)
    return done.records[0].artifact_id


def apply(here: Machine, **more: Any) -> Any:
    asked: dict[str, Any] = {"client": "claude-code", "profile": "dev", "without_client": True} | more
    return apply_client_config(ApplyClientConfig(**asked), here.at)


def document(here: Machine) -> dict[str, Any]:
    asked = GetClientConfig(client="claude-code", profile="dev")
    found: dict[str, Any] = json.loads(get_client_config(asked, here.at).document)
    return found


def checked(here: Machine, said: dict[str, Any], **more: Any) -> Any:
    ground, roles = grounds(here.at.settings.trust), read_roles(here.at.settings.trust)
    given = {"client": "claude-code", "profile": "dev"} | more
    return taken(json.dumps(said).encode(), ground, roles, NOW, **given)


def flipped(text: str) -> str:
    """*text* with one bit of its middle changed, still base64."""
    data = bytearray(base64.b64decode(text))
    data[len(data) // 2] ^= 1
    return base64.b64encode(bytes(data)).decode()


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "payload": lambda said: said.update(payload=said["payload"].replace("uvx", "evil")),
    "artifactId": lambda said: said.update(artifactId=f"sha256:{'0' * 64}"),
    "clientId": lambda said: said.update(clientId="codex"),
    "profile": lambda said: said.update(profile="prod"),
    "schemaRef": lambda said: said.update(schemaRef="https://arcops.dev/schemas/client/claude-code/9.0.0"),
    "version": lambda said: said.update(version="9.0.0"),
    "issuedAt": lambda said: said.update(issuedAt="2030-01-01T00:00:00Z"),
    "validUntil": lambda said: said.update(validUntil="2030-01-01T00:00:00Z"),
    "policySetId": lambda said: said.update(policySetId="none@1.0.0"),
    "changelog": lambda said: said.update(changelog="Nothing."),
    "record": lambda said: said["release"].update(record=f"sha256:{'0' * 64}"),
    "sealed": lambda said: said["release"].update(sealed=flipped(said["release"]["sealed"])),
    "no sealed": lambda said: said["release"].pop("sealed"),
    "no release": lambda said: said.pop("release"),
    "line": lambda said: said["release"]["log"].update(line=flipped(said["release"]["log"]["line"])),
    "position": lambda said: said["release"]["log"].update(position=7),
    "path": lambda said: said["release"]["log"].update(path=["00" * 32]),
    "no log": lambda said: said["release"].pop("log"),
    "checkpoint": lambda said: said["release"]["log"].update(
        checkpoint=said["release"]["log"]["checkpoint"].replace("arcops.local", "other.local")
    ),
}


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> tuple[Machine, str]:
    """A machine, and an artifact that it takes."""
    made = machine(tmp_path_factory.mktemp("released"))
    publish(made)
    return made, json.dumps(document(made))


@pytest.mark.parametrize("what", CHANGES)
def test_each_change_of_an_artifact_is_noticed(released: tuple[Machine, str], what: str) -> None:
    made, text = released
    said = json.loads(text)
    assert checked(made, said).release.artifact == said["artifactId"]
    CHANGES[what](said)
    with pytest.raises(Refused):
        checked(made, said)


def test_it_is_for_this_client_and_this_profile(here: Machine) -> None:
    publish(here)
    for more in ({"client": "codex"}, {"profile": "prod"}):
        with pytest.raises(Refused, match="not for"):
            checked(here, document(here), **more)


def test_a_key_without_its_role_does_not_count(here: Machine) -> None:
    publish(here)
    said = document(here)
    roles = read_roles(here.at.settings.trust)
    other = create().public.id
    with pytest.raises(Refused, match="may not publish"):
        taken(
            json.dumps(said).encode(),
            grounds(here.at.settings.trust),
            replace(roles, publishers=(other,)),
            NOW,
            client="claude-code",
            profile="dev",
        )
    ground = grounds(here.at.settings.trust)
    given: dict[str, Any] = {"client": "claude-code", "profile": "dev"}
    with pytest.raises(Refused, match="are needed"):
        taken(json.dumps(said).encode(), ground, replace(roles, approvals=1), NOW, **given)
    logs = replace(roles, logs=(here.key.public.id,))
    assert taken(json.dumps(said).encode(), ground, logs, NOW, **given).position == 0
    with pytest.raises(Refused, match="checkpoint"):
        taken(json.dumps(said).encode(), ground, replace(roles, logs=(here.approver.public.id,)), NOW, **given)


def test_a_publisher_releases_nothing_alone_by_calling_it_a_revert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The publisher's own machine asks for no approval, and signs what was never released as a revert."""
    from artifacts.client_release import ReleaseKind
    from services.config.publishing import Publisher

    here = machine(tmp_path)
    made = Publisher._release

    def reverting(self: Publisher, *given: Any) -> Any:
        return replace(made(self, *given), kind=ReleaseKind.REVERT, reason="emergency")

    monkeypatch.setattr(Publisher, "_release", reverting)
    publish(here)
    said, ground = document(here), grounds(here.at.settings.trust)
    mine = read_roles(here.at.settings.trust)
    assert taken(json.dumps(said).encode(), ground, mine, NOW, client="claude-code", profile="dev")
    for theirs in (replace(mine, approvals=1), replace(mine, approvals=1, emergency=1), replace(mine, emergency=1)):
        with pytest.raises(Refused, match="are needed"):
            taken(json.dumps(said).encode(), ground, theirs, NOW, client="claude-code", profile="dev")


class TestTheFile:
    def test_ours_stand_beside_the_users_own_and_go_again(self, here: Machine) -> None:
        publish(here)
        path = here.home / ".claude.json"
        before = '{\n    "numStartups": 7,\n    "mcpServers": {\n        "mine": {"command": "x"}\n    }\n}\n'
        path.write_text(before)
        path.chmod(0o640)
        done = apply(here)
        assert (done.status, done.servers) == ("applied", ("time", "github"))
        assert path.stat().st_mode & 0o777 == 0o640
        assert done.copy.read_text() == before
        assert path.read_text().startswith(before[: before.index('"x"}') + 4])
        assert apply(here).status == "current"
        fewer = DRAFT.replace(b'  - {name: time, package: "pypi:mcp-server-time==2026.10.10"}\n', b"")
        publish(here, fewer.replace(b"version: 1.0.0", b"version: 2.0.0"))
        assert apply(here).removed == ("time",)
        assert set(json.loads(path.read_text())["mcpServers"]) == {"mine", "github"}

    def test_a_new_file_has_the_bytes_of_the_artifact(self, here: Machine) -> None:
        artifact = publish(here)
        done = apply(here)
        import hashlib

        assert f"sha256:{hashlib.sha256(done.file.read_bytes()).hexdigest()}" == artifact == done.artifact_id

    def test_what_is_the_users_own_is_not_replaced_unasked(self, here: Machine) -> None:
        publish(here)
        path = here.home / ".claude.json"
        path.write_text('{"mcpServers": {"time": {"command": "mine"}}}')
        with pytest.raises(Refused, match="the user's own"):
            apply(here)
        assert apply(here, take=True).status == "applied"
        path.write_text(path.read_text().replace("uvx", "changed-by-hand"))
        with pytest.raises(Refused, match="changed since"):
            apply(here)

    @pytest.mark.parametrize("text", ["{", '{"mcpServers": []}', '{"mcpServers": {}} // x', '{"a": 1, "a": 2}', "\xff"])
    def test_what_the_client_could_not_read_is_left_alone(self, here: Machine, text: str) -> None:
        publish(here)
        path = here.home / ".claude.json"
        path.write_bytes(text.encode("latin-1"))
        with pytest.raises(Refused):
            apply(here)
        assert path.read_bytes() == text.encode("latin-1")
        assert sorted(one.name for one in here.home.iterdir()) == [".claude.json"]

    def test_a_link_stays_a_link(self, here: Machine) -> None:
        publish(here)
        real = here.home / "dotfiles"
        real.mkdir()
        (real / "claude.json").write_text("{}")
        (here.home / ".claude.json").symlink_to(real / "claude.json")
        apply(here)
        assert (here.home / ".claude.json").is_symlink()
        assert "github" in (real / "claude.json").read_text()

    def test_what_may_only_be_read_stays(self, here: Machine) -> None:
        """Mutation: a rename, which asks for no right to write the file itself."""
        publish(here)
        path = here.home / ".claude.json"
        path.write_text("{}")
        path.chmod(0o444)
        with pytest.raises(Refused, match="may only be read"):
            apply(here)
        assert path.read_text() == "{}"
        assert [one.name for one in here.home.iterdir()] == [".claude.json"]

    def test_a_change_meanwhile_is_not_lost(self, here: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        publish(here)
        path = here.home / ".claude.json"
        path.write_text("{}")
        synced = os.fsync

        def changing(descriptor: int) -> None:
            path.write_text('{"written": "by the client"}')
            synced(descriptor)

        monkeypatch.setattr(os, "fsync", changing)
        with pytest.raises(Unavailable, match="meanwhile"):
            apply(here)
        assert json.loads(path.read_text()) == {"written": "by the client"}

    def test_a_managed_file_is_whole(self, here: Machine) -> None:
        publish(here)
        path = here.home / "etc" / "client" / "managed-mcp.json"
        before = os.umask(0o077)
        try:
            done = apply(here, surface="managed", file=path)
        finally:
            os.umask(before)
        assert done.status == "applied"
        modes = [one.stat().st_mode & 0o777 for one in (path, path.parent, path.parent.parent)]
        assert modes == [0o644, 0o755, 0o755], "each user's client reads it"
        assert json.loads(path.read_text()).keys() == {"mcpServers"}
        path.write_text("{}")
        with pytest.raises(Refused, match="was changed since"):
            apply(here, surface="managed", file=path)

    def test_nothing_is_written_to_look(self, here: Machine) -> None:
        publish(here)
        assert apply(here, preview=True).status == "preview"
        assert not list(here.home.iterdir())


class TestFreshness:
    """With the root that a machine was given, what is not the newest release is refused."""

    def test_the_newest_of_a_mirror_is_taken(self, here: Machine, tmp_path: Path) -> None:
        publish(here)
        exported(here.at, tmp_path / "mirror")
        assert any("client-root.json" in one for one in apply(here, mirror=tmp_path / "mirror").remarks)
        shutil.copy(tmp_path / "mirror" / "metadata" / "1.root.json", here.at.settings.trust / "client-root.json")
        assert apply(here, mirror=tmp_path / "mirror").remarks == ()
        packed_mirror(tmp_path / "mirror", tmp_path / "site.tar")
        assert apply(here, mirror=tmp_path / "site.tar").remarks == ()

    def test_a_release_by_another_publisher_is_made_and_its_metadata_waits(self, here: Machine) -> None:
        publish(here)
        said: list[str] = []
        roles = here.at.settings.trust / "client-roles.yaml"
        roles.write_text(roles.read_text().replace("publishers:\n", f"publishers:\n- {here.approver.public.id}\n"))
        other = replace(here, at=replace(here.at, signer=lambda: here.approver, say=said.append))
        publish(other, version("1.1.0"))
        assert "another key" in said[0]
        assert apply(here).version == "1.1.0"

    def test_a_machine_that_is_new_is_not_shown_an_old_release(self, here: Machine, tmp_path: Path) -> None:
        publish(here)
        exported(here.at, tmp_path / "old")
        publish(here, version("1.1.0"))
        exported(here.at, tmp_path / "mirror")
        shutil.copy(tmp_path / "old" / "metadata" / "1.root.json", here.at.settings.trust / "client-root.json")
        newer = sorted((tmp_path / "mirror").glob("0*.json"))[-1]
        newer.unlink()
        with pytest.raises(Refused, match="newest"):
            apply(here, mirror=tmp_path / "mirror")
        late = replace(here, at=replace(here.at, now=lambda: NOW + timedelta(days=8)))
        with pytest.raises(Refused, match="STALE"):
            apply(late, mirror=tmp_path / "mirror")


class TestTime:
    def test_an_older_state_is_refused_and_a_revert_is_not(self, here: Machine, tmp_path: Path) -> None:
        publish(here)
        exported(here.at, tmp_path / "old")
        publish(here, version("1.1.0"))
        apply(here)
        with pytest.raises(Refused, match="older than"):
            apply(here, mirror=tmp_path / "old")

    def test_a_user_changes_the_profile_and_none_of_them_goes_back(self, here: Machine, tmp_path: Path) -> None:
        """What is older is said by the log only within one profile; a machine remembers each profile that it had."""
        prod = DRAFT.replace(b"profile: dev", b"profile: prod")
        publish(here, prod)
        publish(here)
        exported(here.at, tmp_path / "old")
        publish(here, version("1.1.0"))
        assert apply(here).version == "1.1.0"
        assert apply(here, profile="prod").status == "applied"
        assert apply(here, profile="prod").status == "current"
        with pytest.raises(Refused, match="older than"):
            apply(here, mirror=tmp_path / "old")
        assert apply(here).version == "1.1.0"
        publish(here, version("1.2.0", prod))
        assert apply(here, profile="prod").version == "1.2.0"
        with pytest.raises(Refused, match="older than"):
            apply(here, profile="prod", mirror=tmp_path / "old")

    def test_after_its_time_nothing_new_is_taken(self, here: Machine) -> None:
        publish(here)
        late = replace(here, at=replace(here.at, now=lambda: NOW + timedelta(days=31)))
        with pytest.raises(Refused, match="STALE"):
            apply(late)
        apply(here)
        assert apply(late).status == "stale"

    def test_a_mirror_is_verified_offline_and_a_cut_one_is_refused(self, here: Machine, tmp_path: Path) -> None:
        publish(here)
        publish(here, version("1.1.0"))
        folder, tar = tmp_path / "mirror", tmp_path / "site.tar"
        exported(here.at, folder)
        assert packed_mirror(folder, tar) == 2
        assert apply(here, mirror=tar).version == "1.1.0"
        whole = tar.read_bytes()
        end = len(whole.rstrip(b"\0"))
        for length in (-(-end // 512) * 512, end - 100, len(whole) // 2, 512, 100):
            cut = tmp_path / f"cut-{length}.tar"
            cut.write_bytes(whole[:length])
            with pytest.raises(Refused):
                apply(here, mirror=cut, client="claude-code")


def test_two_people_release_it_and_the_applier_counts_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = machine(tmp_path, approvals=1)
    monkeypatch.setenv("HOME", str(here.home))
    done = publish_client_config(PublishClientConfig(draft=DRAFT.decode(), changelog="First."), here.at)
    assert done.state == "waiting"
    with pytest.raises(Refused, match="cannot approve"):
        approve_client_config(ApproveClientConfig(id=done.id), here.at)
    other = replace(here.at, signer=lambda: here.approver)
    assert approve_client_config(ApproveClientConfig(id=done.id), other).state == "released"
    assert apply(here).status == "applied"


def test_over_the_network_nothing_is_applied(here: Machine) -> None:
    publish(here)
    with pytest.raises(Refused):
        apply_client_config(ApplyClientConfig(client="claude-code", profile="dev"), replace(here.at, own=False))
