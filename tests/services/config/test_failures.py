"""What fails around the service: keys that are revoked, replicas that are behind, lie or are gone, a full disk, a crash."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from arcops.errors import Refused, Unavailable
from arcops.seen.signatures import RevocationsSeen, Revoked
from artifacts.vouch import Grounds
from capabilities.client.applying import ApplyClientConfig, apply_client_config
from capabilities.client.place import freshen, freshness_here, rows_here
from capabilities.client.publishing import PublishClientConfig, publish_client_config
from capabilities.client.serving import exported, served_here
from services.config.fresh import newest
from services.config.publishing import Publisher
from services.config.reading import Reading
from services.config.replica import Folder
from services.config.rows import Chosen, State
from services.config.taking import taken
from tests.services.config.folders import Machine, machine
from tests.services.config.place import DRAFT, Site, site, version

pytestmark = pytest.mark.requirement("CONF-UC/use-cases-work", "CONF-SEC/roles-and-keys", "CONF-NFR/replicas-take-over")


@pytest.fixture
def approved(tmp_path: Path) -> Iterator[Site]:
    made = site(tmp_path, approvals=1)
    yield made
    made.database.close()
    made.store.close()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = machine(tmp_path)
    monkeypatch.setenv("HOME", str(made.home))
    return made


def publish(here: Machine, draft: bytes = DRAFT) -> str:
    return (
        publish_client_config(PublishClientConfig(draft=draft.decode(), changelog="It changes."), here.at)
        .records[0]
        .artifact_id
    )


def apply(here: Machine, **more: Any) -> Any:
    return apply_client_config(ApplyClientConfig(client="claude-code", profile="dev", without_client=True, **more), here.at)


def revoking(made: Site, key: str) -> Grounds:
    entry = Revoked(key=key, at=made.now, reason="lost")
    return Grounds(
        keys=made.publisher().ground.keys,
        revocations=(RevocationsSeen(path="list", sha256="0" * 64, issued_at=made.now, revoked=(entry,)),),
    )


class TestKeys:
    def without(self, made: Site, key: str) -> Publisher:
        publisher = made.publisher()
        publisher.ground = revoking(made, key)
        return publisher

    def test_an_approver_whose_key_was_revoked_does_not_count_while_it_waits(self, approved: Site) -> None:
        one = approved.publisher().publish(DRAFT, changelog="First.", signer=approved.publisher_key).publication
        key = approved.approver_key
        done = self.without(approved, key.public.id).approve(one.id, log=approved.publisher_key, approver=key)
        assert done.publication.state is State.WAITING
        assert not approved.rows.list(Chosen())

    def test_a_machine_that_knows_of_the_revocation_does_not_take_it(self, approved: Site) -> None:
        one = approved.publisher().publish(DRAFT, changelog="First.", signer=approved.publisher_key).publication
        approved.publisher().approve(one.id, log=approved.publisher_key, approver=approved.approver_key)
        document = approved.rows.list(Chosen())[0].document.encode()
        given = {"client": "claude-code", "profile": "dev"}
        assert taken(document, approved.publisher().ground, approved.roles, approved.now, **given)
        for key, why in ((approved.approver_key, "0 approval"), (approved.publisher_key, "did not sign|revoked")):
            with pytest.raises(Refused, match=why):
                taken(document, revoking(approved, key.public.id), approved.roles, approved.now, **given)

    def test_a_checkpoint_by_a_key_that_may_not_sign_the_log_proves_nothing(self, approved: Site) -> None:
        """A publisher could otherwise show a log of their own to one machine."""
        one = approved.publisher().publish(DRAFT, changelog="First.", signer=approved.publisher_key).publication
        approved.publisher().approve(one.id, log=approved.publisher_key, approver=approved.approver_key)
        document, ground = approved.rows.list(Chosen())[0].document.encode(), approved.publisher().ground
        given = {"client": "claude-code", "profile": "dev"}
        for logs in ((), (approved.publisher_key.public.id,), (approved.other_key.public.id, approved.publisher_key.public.id)):
            assert taken(document, ground, replace(approved.roles, logs=logs), approved.now, **given)
        for key in (approved.other_key, approved.approver_key):
            with pytest.raises(Refused):
                taken(document, ground, replace(approved.roles, logs=(key.public.id,)), approved.now, **given)

    def test_a_publisher_whose_key_was_revoked_releases_nothing(self, approved: Site) -> None:
        with pytest.raises(Refused):
            self.without(approved, approved.publisher_key.public.id).publish(
                DRAFT, changelog="x", signer=approved.publisher_key
            )
        assert not approved.rows.waiting()


class TestReplicas:
    def given_root(self, here: Machine, folder: Path) -> None:
        shutil.copy(folder / "metadata" / "1.root.json", here.at.settings.trust / "client-root.json")

    def test_one_that_is_behind_is_noticed_by_a_machine_that_had_the_newer(self, here: Machine, tmp_path: Path) -> None:
        publish(here)
        exported(here.at, tmp_path / "behind")
        self.given_root(here, tmp_path / "behind")
        publish(here, version("1.1.0"))
        exported(here.at, tmp_path / "newest")
        assert apply(here, mirror=tmp_path / "newest").version == "1.1.0"
        with pytest.raises(Refused):
            apply(here, mirror=tmp_path / "behind")

    @pytest.mark.parametrize(
        "lie", ["another payload", "an older release as the newest", "another profile's", "metadata of another"]
    )
    def test_one_that_lies_is_refused(self, here: Machine, tmp_path: Path, lie: str) -> None:
        publish(here)
        exported(here.at, tmp_path / "old")
        publish(here, version("1.1.0"))
        publish(here, version("5.0.0", DRAFT.replace(b"profile: dev", b"profile: prod")))
        folder = tmp_path / "replica"
        exported(here.at, folder)
        self.given_root(here, folder)
        first, second, third = sorted(folder.glob("0*.json"))
        said = json.loads(second.read_bytes())
        if lie == "another payload":
            document = json.loads(said["document"])
            document["payload"] = document["payload"].replace("uvx", "evil")
            said["document"] = json.dumps(document)
        elif lie == "an older release as the newest":
            said["document"] = json.loads(first.read_bytes())["document"]
        elif lie == "another profile's":
            said["document"] = json.loads(third.read_bytes())["document"]
        else:
            shutil.rmtree(folder / "metadata")
            shutil.copytree(tmp_path / "old" / "metadata", folder / "metadata")
        second.write_text(json.dumps(said))
        with pytest.raises(Refused):
            apply(here, mirror=folder)
        assert not (here.home / ".claude.json").exists()

    def test_one_whose_folder_is_gone_serves_what_it_read(self, here: Machine, tmp_path: Path) -> None:
        publish(here)
        exported(here.at, tmp_path / "replica")
        served = served_here(here.at, tmp_path / "replica")
        assert served.healthy() == ""
        before = served.reading.get("claude-code", "dev").body
        shutil.rmtree(tmp_path / "replica")
        assert "cannot be read" in served.healthy()
        assert served.reading.get("claude-code", "dev").body == before
        with pytest.raises(Refused):
            served.metadata("timestamp.json")

    def test_old_metadata_is_not_carried_on(self, here: Machine, tmp_path: Path) -> None:
        publish(here)
        exported(here.at, tmp_path / "replica")
        (tmp_path / "replica" / "metadata" / "0.snapshot.json").write_text("{}")
        publish(here, version("1.1.0"))
        exported(here.at, tmp_path / "replica")
        assert set(freshness_here(here.at).files()) == {one.name for one in (tmp_path / "replica" / "metadata").iterdir()}


class TestDisk:
    def test_a_full_disk_at_any_write_leaves_all_or_nothing(self, here: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each wait for the disk fails once; then it is published, and everything verifies."""
        publish(here)
        whole, count, calls = os.fsync, 0, [0]

        def full(descriptor: int) -> None:
            calls[0] += 1
            if calls[0] == count:
                raise OSError(errno.ENOSPC, "No space left on device")

        outcomes: set[str] = set()
        for count in range(1, 40):
            calls[0] = 0
            monkeypatch.setattr(os, "fsync", full)
            try:
                publish(here, version(f"1.{count}.0"))
                outcomes.add("released")
            except (Unavailable, Refused):
                outcomes.add("refused")
            except OSError:
                outcomes.add("raw")
            monkeypatch.setattr(os, "fsync", whole)
            if calls[0] < count:
                break
        else:
            pytest.fail("more waits for the disk than were tried")
        assert "raw" not in outcomes, "an error is told in a sentence"
        assert "refused" in outcomes
        publish(here, version("2.0.0"))
        assert apply(here).version == "2.0.0"
        with rows_here(here.at) as rows:
            reading = Reading(rows)
            reading.refresh()
            assert len({one.row.record for one in reading.heads()}) == 1
            assert freshen(here.at, rows) == 0


class TestCrashes:
    def test_what_was_released_before_its_metadata_is_in_the_next(self, here: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        """Also of other profiles than the one that is published next."""
        from capabilities.client import place

        publish(here)
        monkeypatch.setattr(place, "freshen", lambda *_: 0)
        publish(here, DRAFT.replace(b"profile: dev", b"profile: prod"))
        publish(here, DRAFT.replace(b"[claude-code]", b"[codex]"))
        monkeypatch.undo()
        publish(here, version("1.1.0"))
        made = freshness_here(here.at)
        root = made.file("1.root.json")
        for number, (client, profile) in enumerate((("claude-code", "prod"), ("codex", "dev"), ("claude-code", "dev"))):
            known = here.home / f"known-{number}"
            found = newest(made.file, root, known, here.at.now(), client=client, profile=profile, version="1.0.0")
            with rows_here(here.at) as rows:
                assert found.record == rows.list(Chosen(client=client, profile=profile))[0].record

    def test_a_database_from_a_copy_makes_all_of_the_metadata_again(self, here: Machine, tmp_path: Path) -> None:
        """Its newest release is older than what the metadata covers."""
        publish(here)
        with rows_here(here.at) as rows:
            made = freshness_here(here.at)
            made.write({}, here.key, here.at.now(), position=99, count=9, some=True)
            assert freshen(here.at, rows) > 0
            covered = made.covered()
        assert covered is not None
        assert (covered.position, covered.count) == (0, 1)

    def test_a_folder_is_read_again_from_where_it_was(self, here: Machine, tmp_path: Path) -> None:
        publish(here)
        exported(here.at, tmp_path / "replica")
        reading = Reading(Folder(tmp_path / "replica"))
        assert (reading.refresh(), reading.refresh()) == (1, 0)
        token = reading.token()
        publish(here, version("1.1.0"))
        exported(here.at, tmp_path / "replica")
        assert reading.refresh() == 1
        events, _ = Reading(Folder(tmp_path / "replica")), reading.poll(token)
        events.refresh()
        assert [one["version"] for one in events.poll(token)[0]] == ["1.1.0"], "the token of before a restart"
