"""The conformance kit: a second service passes, and each of many wrong ones fails exactly the check of its fault."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from services.config.kit.asking import Answer, Service
from services.config.kit.checks import CHECKS
from services.config.kit.running import Result, conforms, junit, page, run
from tests.services.config.peer import DRAFT, NOW, Peer

pytestmark = pytest.mark.requirement("CONF-AC/conformance-kit")

FAULTS: dict[str, str] = {
    "no capabilities": "AC-1/clients",
    "no versionRange": "AC-1/clients",
    "profile not listed": "AC-1/profiles",
    "no auditLogUri": "AC-1/fields",
    "no alg": "AC-1/fields",
    "no toolingVersion": "AC-1/fields",
    "payload changed": "AC-1/verified",
    "signed by another key": "AC-1/verified",
    "signed for another client": "AC-1/verified",
    "proof of another entry": "AC-1/verified",
    "payload breaks its schema": "AC-1/schema-valid",
    "schema not listed": "AC-1/schema-valid",
    "no tag": "AC-1/same-bytes",
    "tag is not asked": "AC-1/same-bytes",
    "other bytes each time": "AC-1/same-bytes",
    "value is accepted": "AC-1/inputs-by-name",
    "value is said back": "AC-1/inputs-by-name",
    "any client is served": "AC-1/unknown",
    "newest is outdated": "AC-2/up-to-date",
    "unknown is current": "AC-2/not-known",
    "another latest": "AC-2/not-known",
    "older is current": "AC-2/outdated",
    "no changelog of a difference": "AC-2/outdated",
    "change without policy": "AC-2/changes",
    "changes come twice": "AC-2/changes",
    "newest is no change": "AC-2/changes",
    "any token is taken": "AC-2/token",
    "secret is published": "AC-3/policy",
    "secret is said back": "AC-3/policy",
    "refused without a reason": "AC-3/policy",
    "unknown field is published": "AC-3/schema",
    "audit without it": "AC-3/audited",
    "audit names another": "AC-3/audited",
    "DELETE is answered": "AC-3/immutable",
    "a reader publishes": "AC-3/separate",
    "a reader reverts": "AC-3/separate",
    "no one publishes": "AC-3/separate",
    "any token publishes": "AC-3/separate",
    "refused and published": "AC-3/separate",
    "no step log": "AC-4/instructions",
    "no step signature": "AC-4/instructions",
    "for ten years": "AC-4/freshness",
    "another client's is current": "AC-2/other-client",
    "revert does nothing": "AC-2/reverted",
    "reverted is still current": "AC-2/reverted",
    "report is empty": "AC-3/report",
    "report with the secret": "AC-3/report",
    "validating publishes": "AC-3/report",
    "audit ignores the query": "AC-3/queries",
    "audit ignores the time": "AC-3/queries",
    "metadata stays": "AC-4/rollback",
    "metadata is expired": "AC-4/rollback",
    "metadata is not signed": "AC-4/rollback",
    "no policy model": "AC-5/documentation",
    "runbook is gone": "AC-5/documentation",
    "runbook without rotation": "AC-5/runbook",
    "schema allows everything": "AC-5/schemas",
}


def service(peer: Peer) -> Service:
    return Service(transport=peer, tokens={"reader": "r", "publisher": "p"}, draft=DRAFT)


def test_a_second_service_conforms() -> None:
    found = run(service(Peer()), NOW)
    assert [one.id for one in found if one.result is not Result.YES] == ["AC-3/self-approval"]
    assert conforms(found)
    assert {one.criterion for one in CHECKS} == {"AC-1", "AC-2", "AC-3", "AC-4", "AC-5"}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_fails_exactly_its_check(fault: str) -> None:
    found = run(service(Peer(fault=fault)), NOW)
    assert [one.id for one in found if one.result is Result.NO] == [FAULTS[fault]], [o for o in found if o.result is Result.NO]
    assert not conforms(found)


def test_there_are_many_faults_and_each_check_but_one_has_its_own() -> None:
    """The check of tampering is about the reader's own verification; it is tried on changed artifacts below."""
    assert len(FAULTS) >= 25
    assert {one.id for one in CHECKS} - set(FAULTS.values()) == {"AC-4/tampering", "AC-3/self-approval"}


def test_a_service_that_asks_for_approvals() -> None:
    """The kit approves nothing, so what it would publish is not asked; that a publisher cannot approve is."""
    found = {one.id: one.result for one in run(service(Peer(approvals=True)), NOW)}
    assert found["AC-3/self-approval"] is Result.YES
    assert found["AC-2/outdated"] is found["AC-2/reverted"] is found["AC-4/rollback"] is Result.NOT_ASKED
    assert Result.NO not in found.values()
    wrong = run(service(Peer(approvals=True, fault="a publisher approves it")), NOW)
    assert [one.id for one in wrong if one.result is Result.NO] == ["AC-3/self-approval"]


def test_tampering_that_a_reader_does_not_notice_is_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    from services.config.kit import tampering_checks

    monkeypatch.setitem(tampering_checks.REGIONS, "nothing", lambda said: None)
    found = {one.id: one for one in run(service(Peer()), NOW)}
    assert found["AC-4/tampering"].result is Result.NO


def test_what_was_not_asked_is_no_yes() -> None:
    peer = Peer()
    found = run(replace(service(peer), read_only=True), NOW)
    assert len(peer.artifacts) == 1, "nothing was published"
    assert {one.id for one in found if one.result is Result.NOT_ASKED} == {one.id for one in CHECKS if one.writes}
    assert conforms(found), "each criterion has a check that only reads"
    alone = run(Service(transport=Peer(), tokens={"publisher": "p"}, draft=DRAFT), NOW)
    assert next(one for one in alone if one.id == "AC-3/separate").result is Result.NOT_ASKED


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{}", b"\xff", b"<html>", b'{"operations": {}}', b'{"operations": 1}'])
def test_any_answer_gives_a_report(body: bytes) -> None:
    found = run(Service(transport=lambda *_: Answer(status=200, headers={}, body=body)), NOW)
    assert not conforms(found)
    assert not any(one.result is Result.YES for one in found if one.id.startswith("AC-1"))


def test_the_reports_are_of_their_form() -> None:
    found = run(service(Peer(fault="no tag")), NOW)
    suite = ET.fromstring(junit(found))  # noqa: S314  # made here
    assert suite.get("failures") == "1"
    assert len(suite.findall("testcase")) == len(found) == int(suite.get("tests", ""))
    text = page(found, "https://conf.example.com", NOW)
    assert "It does not conform." in text
    assert "| AC-1/same-bytes | Are the bytes the same each time, with a tag by which a cache asks? | no |" in text
