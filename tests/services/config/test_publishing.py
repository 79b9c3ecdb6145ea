"""Publishing: judged, signed, approved by others, in the log; and what a crash at any step leaves."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from arcops.errors import Refused
from artifacts.client_release import ReleaseKind
from artifacts.log.checkpoint import open_checkpoint
from artifacts.log.merkle import leaf_hash, verify_inclusion
from artifacts.private_key import Algorithm, create
from services.config.envelopes import opened, signed
from services.config.rows import Chosen, State
from services.config.validating import rules_from
from tests.services.config.place import DRAFT, RULES, Site, site, version

pytestmark = pytest.mark.requirement(
    "CONF-6-7-8/publishing-is-checked", "CONF-12-13/releases-are-immutable", "CONF-SEC/roles-and-keys"
)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    made = site(tmp_path)
    yield made
    made.database.close()
    made.store.close()


@pytest.fixture
def approved(tmp_path: Path) -> Iterator[Site]:
    made = site(tmp_path, approvals=1)
    yield made
    made.database.close()
    made.store.close()


def test_a_release_is_signed_and_in_the_log(here: Site) -> None:
    done = here.publisher().publish(DRAFT, changelog="First.", signer=here.publisher_key)
    assert done.publication.state is State.RELEASED
    (row,) = here.rows.list(Chosen())
    said = json.loads(row.document)
    assert f"sha256:{hashlib.sha256(said['payload'].encode()).hexdigest()}" == said["artifactId"] == row.artifact
    assert json.loads(said["payload"])["mcpServers"]["github"]["headers"] == {"Authorization": "Bearer ${GITHUB_TOKEN}"}
    log = said["release"]["log"]
    known = open_checkpoint(log["checkpoint"].encode(), [here.publisher_key.public])
    line = base64.b64decode(log["line"])
    path = tuple(map(bytes.fromhex, log["path"]))
    assert verify_inclusion(leaf=leaf_hash(line), index=log["position"], size=known.size, proof=path, root=known.root)
    assert said["release"]["record"] in line.decode()
    assert said["inputs"] == ["GITHUB_TOKEN"]


def test_a_red_draft_leaves_nothing(here: Site) -> None:
    bad = DRAFT.replace(b"name: time", b"name: my-shell")
    with pytest.raises(Refused, match="no-shell"):
        here.publisher().publish(bad, changelog="x", signer=here.publisher_key)
    assert not here.rows.list(Chosen())
    assert not here.rows.waiting()
    assert not here.store.list()


@pytest.mark.parametrize(
    "changelog",
    [
        "Adds ghp_" + "x7Kq2mW9" * 4 + "AbCd",
        "PGPASSWORD=hunter22 works now",
        "Z2hwX3g3S3EybVc5eDdLcTJtVzl4N0txMm1XOXg3S3EybVc5QWJDZA==",
    ],
)
def test_a_secret_in_what_users_are_told_is_refused(here: Site, changelog: str) -> None:
    """It would be signed, logged and shown to everyone, and it is not in the draft."""
    with pytest.raises(Refused, match="the changelog holds") as error:
        here.publisher().publish(DRAFT, changelog=changelog, signer=here.publisher_key)
    assert "hunter22" not in str(error.value)
    here.publisher().publish(DRAFT, changelog="First.", signer=here.publisher_key)
    (first,) = here.rows.list(Chosen())
    with pytest.raises(Refused, match="the reason holds"):
        here.publisher().revert("claude-code", "dev", first.artifact, reason=changelog, signer=here.publisher_key)


def test_only_a_publisher_publishes(here: Site) -> None:
    with pytest.raises(Refused, match="may not publish"):
        here.publisher().publish(DRAFT, changelog="x", signer=here.approver_key)
    assert not here.rows.waiting()


class TestApprovals:
    def test_it_waits_until_another_one_approves(self, approved: Site) -> None:
        done = approved.publisher().publish(DRAFT, changelog="First.", signer=approved.publisher_key)
        assert done.publication.state is State.WAITING
        assert not approved.rows.list(Chosen())
        given = done.publication.id[:10]
        with pytest.raises(Refused, match="published it cannot approve"):
            approved.publisher().approve(given, log=approved.publisher_key, approver=approved.publisher_key)
        with pytest.raises(Refused, match="may not approve"):
            approved.publisher().approve(given, log=approved.publisher_key, approver=approved.other_key)
        after = approved.publisher().approve(given, log=approved.publisher_key, approver=approved.approver_key)
        assert after.publication.state is State.RELEASED
        assert json.loads(approved.rows.list(Chosen())[0].document)["provenance"]["approvers"] == [
            approved.approver_key.public.id
        ]
        with pytest.raises(Refused, match="no more approvals"):
            approved.publisher().approve(given, log=approved.publisher_key, approver=approved.approver_key)

    def test_a_signature_that_was_made_elsewhere(self, approved: Site) -> None:
        one = approved.publisher().publish(DRAFT, changelog="First.", signer=approved.publisher_key).publication
        (statement,) = (opened(data.encode()).payload for data in one.envelopes)
        wrong = base64.b64encode(signed(statement + b" ", approved.approver_key).signature).decode()
        with pytest.raises(Refused, match="no trusted key"):
            approved.publisher().approve(one.id, log=approved.publisher_key, signatures=(wrong,))
        with pytest.raises(Refused, match="sign each"):
            approved.publisher().approve(one.id, log=approved.publisher_key, signatures=())
        right = base64.b64encode(signed(statement, approved.approver_key).signature).decode()
        done = approved.publisher().approve(one.id, log=approved.publisher_key, signatures=(right,))
        assert done.publication.state is State.RELEASED

    def test_two_approvals_are_of_two_people(self, approved: Site) -> None:
        approved.roles = replace(
            approved.roles, approvers=(approved.approver_key.public.id, approved.other_key.public.id), approvals=2
        )
        one = approved.publisher().publish(DRAFT, changelog="First.", signer=approved.publisher_key).publication
        for _ in range(2):
            done = approved.publisher().approve(one.id, log=approved.publisher_key, approver=approved.approver_key)
            assert done.publication.state is State.WAITING
        done = approved.publisher().approve(one.id, log=approved.publisher_key, approver=approved.other_key)
        assert done.publication.state is State.RELEASED

    def test_rules_that_changed_while_it_waited(self, approved: Site) -> None:
        one = approved.publisher().publish(DRAFT, changelog="First.", signer=approved.publisher_key).publication
        approved.rules = rules_from(RULES.replace(b"version: 1.0.0", b"version: 1.1.0"))
        with pytest.raises(Refused, match="rules changed"):
            approved.publisher().approve(one.id, log=approved.publisher_key, approver=approved.approver_key)

    def test_an_approver_who_lost_the_role_does_not_count(self, approved: Site) -> None:
        approved.roles = replace(
            approved.roles, approvers=(approved.approver_key.public.id, approved.other_key.public.id), approvals=2
        )
        one = approved.publisher().publish(DRAFT, changelog="First.", signer=approved.publisher_key).publication
        approved.publisher().approve(one.id, log=approved.publisher_key, approver=approved.approver_key)
        approved.roles = replace(approved.roles, approvers=(approved.other_key.public.id,), approvals=1)
        approved.roles = replace(approved.roles, approvers=(approved.other_key.public.id, f"sha256:{'0' * 64}"), approvals=2)
        done = approved.publisher().approve(one.id, log=approved.publisher_key, approver=approved.other_key)
        assert done.publication.state is State.WAITING

    def test_what_was_withdrawn_is_gone(self, approved: Site) -> None:
        one = approved.publisher().publish(DRAFT, changelog="First.", signer=approved.publisher_key).publication
        approved.publisher().withdraw(one.id)
        with pytest.raises(Refused, match="withdrawn"):
            approved.publisher().approve(one.id, log=approved.publisher_key, approver=approved.approver_key)


def test_a_rule_that_began_while_it_waited(approved: Site) -> None:
    """The rules are the same bytes, but what they do depends on the time."""
    later = approved.now.replace(day=approved.now.day + 1).isoformat()
    timed = f"  - {{id: t, action: deny, servers: [time], strip: true, when: {{since: '{later}'}}}}\n"
    approved.rules = rules_from(RULES + timed.encode())
    one = approved.publisher().publish(DRAFT, changelog="First.", signer=approved.publisher_key).publication
    approved.later(days=2)
    with pytest.raises(Refused, match="began or ended"):
        approved.publisher().approve(one.id, log=approved.publisher_key, approver=approved.approver_key)


def test_a_revert_goes_back_in_every_version_of_the_schema(here: Site) -> None:
    both = DRAFT.replace(b"[claude-code]", b"[opencode]")
    here.publisher().publish(both, changelog="First.", signer=here.publisher_key)
    first = {one.schema: one.artifact for one in here.rows.list(Chosen())}
    assert len(first) == 2
    here.publisher().publish(version("1.1.0", both), changelog="Second.", signer=here.publisher_key)
    here.publisher().revert("opencode", "dev", next(iter(first.values())), reason="x", signer=here.publisher_key)
    assert {one.schema: one.artifact for one in here.rows.list(Chosen(limit=2))} == first


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_keys_of_each_algorithm_and_their_rotation(tmp_path: Path, algorithm: Algorithm) -> None:
    """A new key takes over while something waits: what the old one signed does not count any more."""
    made = site(tmp_path, approvals=1)
    made.other_key = create(algorithm)
    both = (made.publisher_key.public.id, made.other_key.public.id)
    made.roles = replace(made.roles, publishers=both)
    one = made.publisher().publish(DRAFT, changelog="First.", signer=made.publisher_key).publication
    made.roles = replace(made.roles, publishers=both[1:])
    with pytest.raises(Refused, match="may not publish"):
        made.publisher().approve(one.id, log=made.other_key, approver=made.approver_key)
    made.publisher().withdraw(one.id)
    again = made.publisher().publish(DRAFT, changelog="First.", signer=made.other_key).publication
    done = made.publisher().approve(again.id, log=made.other_key, approver=made.approver_key)
    assert done.publication.state is State.RELEASED
    said = json.loads(made.rows.list(Chosen())[0].document)
    assert said["signature"]["alg"] == {"ed25519": "Ed25519", "ecdsa-p256": "ECDSA-SHA256"}[algorithm.value]
    made.database.close()
    made.store.close()


class TestRevertAndCanary:
    def test_a_revert_issues_the_same_artifact_again(self, here: Site) -> None:
        here.publisher().publish(DRAFT, changelog="First.", signer=here.publisher_key)
        (first,) = here.rows.list(Chosen())
        here.later(days=1)
        here.publisher().publish(version("1.1.0"), changelog="Second.", signer=here.publisher_key)
        here.later(days=1)
        here.publisher().revert("claude-code", "dev", first.artifact, reason="1.1.0 breaks", signer=here.publisher_key)
        newest, second, _ = here.rows.list(Chosen())
        said = json.loads(newest.document)
        assert (newest.artifact, newest.version) == (first.artifact, "1.0.0")
        assert said["release"]["kind"] == ReleaseKind.REVERT.value
        assert said["release"]["reason"] == "1.1.0 breaks"
        assert said["release"]["supersedes"] == second.record
        with pytest.raises(Refused, match="never released"):
            here.publisher().revert("claude-code", "dev", f"sha256:{'0' * 64}", reason="x", signer=here.publisher_key)

    def test_a_revert_to_what_the_rules_now_refuse_is_refused(self, here: Site) -> None:
        here.publisher().publish(DRAFT, changelog="First.", signer=here.publisher_key)
        (first,) = here.rows.list(Chosen())
        here.rules = rules_from(RULES.replace(b'["*shell*"]', b'["github"]'))
        with pytest.raises(Refused, match="RED"):
            here.publisher().revert("claude-code", "dev", first.artifact, reason="x", signer=here.publisher_key)
        here.rules = rules_from(RULES.replace(b'["*shell*"]', b'["github"], strip: true'))
        with pytest.raises(Refused, match="other bytes"):
            here.publisher().revert("claude-code", "dev", first.artifact, reason="x", signer=here.publisher_key)

    def test_a_canary_grows_and_keeps_its_clients(self, here: Site) -> None:
        here.publisher().publish(DRAFT, changelog="First.", signer=here.publisher_key)
        here.publisher().publish(version("1.1.0"), changelog="Second.", signer=here.publisher_key, percent=5)
        canary = here.rows.list(Chosen())[0]
        salt = json.loads(canary.document)["release"]["salt"]
        for percent in (4, 5, 101):
            with pytest.raises(Refused):
                here.publisher().widen("claude-code", "dev", canary.artifact, percent=percent, signer=here.publisher_key)
        here.publisher().widen("claude-code", "dev", canary.artifact, percent=50, signer=here.publisher_key)
        wider = here.rows.list(Chosen())[0]
        assert (wider.artifact, wider.percent) == (canary.artifact, 50)
        assert json.loads(wider.document)["release"]["salt"] == salt
        here.publisher().widen("claude-code", "dev", canary.artifact, percent=100, signer=here.publisher_key)
        assert here.rows.list(Chosen())[0].percent == 100


class Crash(Exception):
    """The process ended here."""


STEPS = ("signed", "waiting", "in the log", "before the rows are kept", "released")


@pytest.mark.parametrize("stop", STEPS)
def test_a_crash_between_any_two_steps_leaves_nothing_half_released(here: Site, stop: str) -> None:
    """Before the entry in the log there is no release, and after it the next publishing completes it."""

    def step(word: str) -> None:
        if word == stop:
            raise Crash

    here.step = step
    draft = DRAFT.replace(b"[claude-code]", b"[claude-code, vscode]")
    with pytest.raises(Crash):
        here.publisher().publish(draft, changelog="First.", signer=here.publisher_key)
    here.step = lambda _: None
    assert len(here.rows.list(Chosen())) == (2 if stop == "released" else 0)
    logged = len(here.store.list())
    assert here.publisher().settle(here.publisher_key) == (1 if stop in ("in the log", "before the rows are kept") else 0)
    found = here.rows.list(Chosen())
    assert len(found) == (2 if logged else 0)
    assert not here.store.check([here.publisher_key.public])
    here.publisher().publish(version("1.1.0", draft), changelog="Second.", signer=here.publisher_key)
    for client in ("claude-code", "vscode"):
        newest = here.rows.list(Chosen(client=client))[0]
        before = [one.record for one in found if one.client == client]
        assert json.loads(newest.document)["release"]["supersedes"] == (before[0] if before else "")


def test_of_two_that_were_approved_only_the_first_is_released(approved: Site) -> None:
    """The second was made on top of what the first replaced."""
    first = approved.publisher().publish(DRAFT, changelog="First.", signer=approved.publisher_key).publication
    second = approved.publisher().publish(version("1.1.0"), changelog="Second.", signer=approved.publisher_key).publication
    approved.publisher().approve(first.id, log=approved.publisher_key, approver=approved.approver_key)
    with pytest.raises(Refused, match="something else was released"):
        approved.publisher().approve(second.id, log=approved.publisher_key, approver=approved.approver_key)
    assert len(approved.rows.list(Chosen())) == 1


def test_a_clock_that_was_set_back_releases_nothing(here: Site) -> None:
    from arcops.errors import Unavailable

    here.publisher().publish(DRAFT, changelog="First.", signer=here.publisher_key)
    here.later(days=-2)
    with pytest.raises(Unavailable, match="clock"):
        here.publisher().publish(version("1.1.0"), changelog="Second.", signer=here.publisher_key)
    assert len(here.rows.list(Chosen())) == 1


def test_the_same_inputs_give_the_same_bytes(tmp_path: Path) -> None:
    from arcops.tier import Tier
    from services.config.validating import validated
    from tests.evidence import NOW

    rules = rules_from(RULES)
    made = [validated(DRAFT, rules, at=NOW, tier=Tier.AIR_GAPPED).body.made for _ in range(2)]
    assert made[0] == made[1]


def test_two_publishers_at_once_make_one_chain(here: Site) -> None:
    """Each release supersedes the one before it: one of two that were made on the same one is refused."""
    two_at_once(here)


@pytest.mark.site
def test_two_publishers_at_once_at_postgresql(tmp_path: Path) -> None:
    """It lets in many writers, so releasing takes a lock of its own there."""
    from foundation.database.migrating import ready
    from tests.foundation.database.open_here import Server, at_server, hurried
    from tests.postgres import postgres

    with postgres() as url:
        address = Server(url.replace("asyncpg", "psycopg").removesuffix("/prefect")).new()
        made = site(tmp_path)
        made.database.close()
        made.database = ready(hurried(at_server(address)))
        two_at_once(made)
        made.database.close()
        made.store.close()


def two_at_once(here: Site) -> None:
    import threading

    here.publisher().publish(DRAFT, changelog="First.", signer=here.publisher_key)
    both = threading.Barrier(2, timeout=30)
    refused: list[str] = []

    def step(word: str) -> None:
        if word == "signed":
            both.wait()

    here.step = step

    def publish(number: str) -> None:
        try:
            here.publisher().publish(version(number), changelog="More.", signer=here.publisher_key)
        except Refused as error:
            refused.append(str(error))

    threads = [threading.Thread(target=publish, args=(f"1.{number}.0",)) for number in (1, 2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    found = here.rows.list(Chosen())
    assert len(found) + len(refused) == 3
    assert len(refused) == 1
    chain = [json.loads(one.document)["release"]["supersedes"] for one in found]
    assert chain == [found[1].record, ""]
    assert not here.store.check([here.publisher_key.public])


def test_a_full_disk_releases_nothing_and_it_can_be_published_again(here: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from arcops.errors import Unavailable
    from artifacts.store import Store

    whole = Store.put

    def full(*_: object, **__: object) -> None:
        raise Unavailable("the disk is full")

    monkeypatch.setattr(Store, "put", full)
    with pytest.raises(Unavailable, match="full"):
        here.publisher().publish(DRAFT, changelog="First.", signer=here.publisher_key)
    assert not here.rows.list(Chosen())
    monkeypatch.setattr(Store, "put", whole)
    assert here.publisher().settle(here.publisher_key) == 0, "what is not in the log was never released"
    here.publisher().publish(DRAFT, changelog="First.", signer=here.publisher_key)
    assert len(here.rows.list(Chosen())) == 1
