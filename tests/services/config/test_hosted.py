"""Verdicts about hosted servers that a draft names: missing, RED, revoked or expired, it is not released."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from arcops.errors import Refused
from arcops.seen.signatures import RevocationsSeen, Revoked
from artifacts.private_key import create
from artifacts.vouch import Grounds
from capabilities.client.checking import CheckClientDraft, ValidateClientDraft, check_client_draft, validate_client_draft
from services.config.publishing import Published, Publisher
from services.config.rows import Chosen, State
from services.config.validating import rules_from
from tests.services.config.folders import machine
from tests.services.config.hosted import judge, naming
from tests.services.config.place import DRAFT, RULES, Site, site

pytestmark = pytest.mark.requirement("CONF-6-7-8/publishing-is-checked", "CONF-POL/policies-are-deterministic")
OTHER = f"sha256:{'7' * 64}"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    made = site(tmp_path)
    yield made
    made.database.close()
    made.store.close()


def publish(here: Site, draft: bytes | None = None, publisher: Publisher | None = None) -> Published:
    by = publisher or here.publisher()
    return by.publish(draft or naming(), changelog="x", signer=here.publisher_key)


def refused(here: Site, match: str, draft: bytes | None = None, publisher: Publisher | None = None) -> None:
    with pytest.raises(Refused, match=match):
        publish(here, draft, publisher)
    assert not here.rows.list(Chosen())


def test_a_server_that_was_judged_well_is_released(here: Site) -> None:
    judge(here)
    done = publish(here)
    assert done.publication.state is State.RELEASED
    assert done.verdict.value == "GREEN", done.findings


def test_without_a_verdict_nothing_is_released(here: Site) -> None:
    refused(here, "holds no verdict")
    judge(here, lock=OTHER)
    refused(here, "holds no verdict")
    judge(here, name="another")
    refused(here, "holds no verdict")
    judge(here)
    publish(here)


def test_a_red_verdict_and_one_that_came_later(here: Site) -> None:
    judge(here)
    judge(here, allowed="", at=here.now + timedelta(seconds=1))
    here.later(minutes=1)
    refused(here, "its verdict is RED")
    judge(here)
    publish(here)


def test_an_expired_verdict(here: Site) -> None:
    judge(here)
    here.later(days=8)
    refused(here, "was valid until")


def test_the_signer_or_the_verdict_itself_was_revoked(here: Site) -> None:
    artifact = judge(here, signer=here.other_key)
    for entry in (
        Revoked(key=here.other_key.public.id, at=here.now, reason="lost"),
        Revoked(sha256=artifact.removeprefix("sha256:"), at=here.now, reason="wrong"),
    ):
        listed = RevocationsSeen(path="list", sha256="0" * 64, issued_at=here.now, revoked=(entry,))
        publisher = here.publisher()
        publisher.ground = replace(publisher.ground, revocations=(listed,))
        refused(here, "does not count", publisher=publisher)


def test_a_verdict_that_no_trusted_key_signed_says_nothing(here: Site) -> None:
    judge(here, signer=create())
    refused(here, "that a trusted key signed")
    judge(here, at=here.now + timedelta(seconds=1))
    judge(here, signer=create(), allowed="", at=here.now + timedelta(seconds=2))
    here.later(minutes=1)
    publish(here)


def test_a_key_that_is_trusted_no_more(here: Site) -> None:
    judge(here, signer=here.other_key)
    publisher = here.publisher()
    publisher.ground = Grounds(keys=(here.publisher_key.public, here.approver_key.public))
    refused(here, "that a trusted key signed", publisher=publisher)


def test_what_was_judged_cannot_be_read_any_more(here: Site) -> None:
    """It may be a RED one about this very lock."""
    judge(here)
    judge(here, lock=OTHER, allowed="", with_body=False, at=here.now + timedelta(seconds=1))
    here.later(minutes=1)
    refused(here, "cannot be read")


def test_a_command_beside_the_verdict(here: Site) -> None:
    """What it starts was not judged."""
    judge(here)
    draft = naming(draft=DRAFT).replace(b'package: "pypi:mcp-server-time==2026.10.10", ', b"command: x, ")
    refused(here, "it would be a command", draft)


def test_a_remote_server_that_is_hosted(here: Site) -> None:
    draft = DRAFT.replace(
        b"mcp.example.com/mcp\n", b'mcp.example.com/mcp\n    hosted: {name: far, lock: "' + OTHER.encode() + b'"}\n'
    )
    refused(here, "holds no verdict", draft)
    judge(here, name="far", lock=OTHER)
    publish(here, draft)


def test_another_package_than_the_one_that_was_judged(here: Site) -> None:
    judge(here, package="pypi:mcp-server-time==2026.10.9")
    refused(here, "was judged, and the draft names")


def test_a_rule_that_pins_another_version(here: Site) -> None:
    """What would be released then was not judged."""
    judge(here)
    pin = b'  - {id: p, action: pin, pins: [{package: "pypi:mcp-server-time", version: 2026.1.1}], strip: true}\n'
    here.rules = rules_from(RULES + pin)
    refused(here, "another version, by a rule")


def test_a_rule_can_ask_for_verdicts(here: Site) -> None:
    here.rules = rules_from(RULES + b"  - {id: judged, action: require, servers: [time], keys: [{name: hosted}]}\n")
    refused(here, "lacks hosted, which is required", DRAFT)
    judge(here)
    publish(here)


def test_it_is_asked_again_when_someone_approves(tmp_path: Path) -> None:
    here = site(tmp_path, approvals=1)
    judge(here)
    one = publish(here).publication
    here.later(days=8)
    with pytest.raises(Refused, match="was valid until"):
        here.publisher().approve(one.id, log=here.publisher_key, approver=here.approver_key)
    here.database.close()
    here.store.close()


@pytest.mark.parametrize("wrong", ["hosted: {name: clock, lock: latest}", 'hosted: {name: "a b", lock: "sha256:0"}'])
def test_a_lock_that_is_none(here: Site, wrong: str) -> None:
    draft = DRAFT.replace(b'2026.10.10"}', f'2026.10.10", {wrong}}}'.encode())
    refused(here, "which hosted server it is", draft)


def test_both_ways_to_judge_a_draft_ask_the_store(tmp_path: Path) -> None:
    """In memory ('conf preview') and as a check that leaves an artifact ('conf validate')."""
    from types import SimpleNamespace
    from typing import Any, cast

    from artifacts.store import Store

    here = machine(tmp_path)
    draft, rules = tmp_path / "draft.yaml", tmp_path / "rules.yaml"
    draft.write_bytes(naming())
    rules.write_bytes(RULES)
    preview, check = ValidateClientDraft(draft=naming().decode()), CheckClientDraft(target=draft, rules=rules)
    place = replace(here.at, roots=None)
    assert validate_client_draft(preview, place).verdict == "RED"
    assert check_client_draft(check, place).report.verdict.value == "RED"
    with Store.at(here.at.settings) as store:
        now = here.at.now()
        judge(cast(Any, SimpleNamespace(store=store, publisher_key=here.key, now=now)))
    assert validate_client_draft(preview, place).verdict == "GREEN"
    assert check_client_draft(check, place).report.verdict.value == "GREEN"
