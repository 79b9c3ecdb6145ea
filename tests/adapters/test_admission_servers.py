"""The webhook about MCPServer resources: verdicts on images, unsafe pods, policies; and nothing locks anyone out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.admission.app import SERVERS
from arcops.errors import Refused, Unavailable
from arcops.finding import Outcome
from arcops.seen.server import Installation, Launching
from arcops.verdict import Verdict
from artifacts.store import Store
from artifacts.wire import to_json
from capabilities.operator import images
from capabilities.operator.images import JudgedImages
from services.operator.admitting import Admission, admission
from services.operator.verdicts import Verdicts
from tests.adapters.test_admission import Webhook, serving
from tests.kept import checkpoint, emptied, finding, keep, report, result
from tests.models import CLOCK, Bench, bench
from tests.services.operator.cases import DIGEST, GREEN, IMAGE, NOW, VERDICTS, written

pytestmark = pytest.mark.requirement("OPER-7/unsafe-pods-are-refused")
PERMIT = "permit (principal, action, resource);"


def asked(
    value: Any, operation: str = "CREATE", before: Any = None, verdicts: Verdicts = VERDICTS, now: datetime = NOW
) -> Admission:
    return admission(operation, value, before, lambda: verdicts, now)


def inline(*policies: str, **more: Any) -> dict[str, Any]:
    return {"type": "inline", "inline": {"policies": list(policies), **more}}


def test_a_green_image_is_taken() -> None:
    assert asked(written()) == Admission()
    assert asked(written(authzConfig=inline(PERMIT))) == Admission()


@pytest.mark.parametrize(
    ("spec", "verdicts", "why"),
    [
        ({"image": "registry.example/mcp/tools:v1"}, VERDICTS, "names no image by its digest"),
        (
            {"image": "registry.example/mcp/tools:v1"},
            replace(VERDICTS, tags={"registry.example/mcp/tools:v1": DIGEST}),
            f"@{DIGEST}",
        ),
        ({"image": f"registry.example/x@sha256:{'9' * 64}"}, VERDICTS, "no artifact of the gate says anything"),
        ({}, replace(VERDICTS, images={DIGEST: replace(GREEN, verdict=Verdict.RED)}), "RED"),
        ({}, replace(VERDICTS, images={DIGEST: replace(GREEN, verdict=Verdict.AMBER)}), "AMBER"),
        ({}, replace(VERDICTS, images={DIGEST: replace(GREEN, trusted=False)}), "who may not judge images here"),
        ({}, replace(VERDICTS, images={DIGEST: replace(GREEN, valid_until=NOW)}), "judge it again"),
        ({}, Verdicts(), "no artifact of the gate"),
        ({"volumes": [{"name": "v", "image": {"reference": "registry.example/more:v1"}}]}, VERDICTS, "more:v1 names no image"),
        ({"podTemplateSpec": {"spec": {"hostNetwork": True}}}, VERDICTS, "hostNetwork"),
        ({"podTemplateSpec": {"spec": {"containers": [{"name": "x", "image": "y"}]}}}, VERDICTS, "podTemplateSpec"),
        ({"authzConfig": inline("permit (principal, action")}, VERDICTS, "not in the policy language Cedar"),
        ({"authzConfig": inline('forbid (principal in Team::"x", action, resource);')}, VERDICTS, "protects nothing"),
        ({"authzConfig": inline(PERMIT, entitiesJSON="[{]")}, VERDICTS, "entitiesJSON"),
        ({"replicas": 3}, VERDICTS, "replicas"),
        ({"nonsense": 1}, VERDICTS, "nonsense"),
    ],
)
def test_what_may_not_run_is_refused(spec: dict[str, Any], verdicts: Verdicts, why: str) -> None:
    found = asked(written(**spec), verdicts=verdicts)
    assert why in "; ".join(found.refused)


def test_amber_is_taken_only_if_the_site_says_so() -> None:
    amber = replace(VERDICTS, images={DIGEST: replace(GREEN, verdict=Verdict.AMBER)})
    assert asked(written(), verdicts=amber).refused
    assert not asked(written(), verdicts=replace(amber, amber_passes=True)).refused


def test_nothing_is_locked_out() -> None:
    later = NOW + timedelta(days=100)
    leaving = written()
    leaving["metadata"]["deletionTimestamp"] = "2026-11-30T12:00:00Z"
    assert asked(None, "DELETE", written(), Verdicts()) == Admission()
    assert asked(leaving, "UPDATE", written(port=9000), Verdicts()) == Admission()
    assert asked(written(), "UPDATE", written(), Verdicts(), later) == Admission(), "its spec is as it was"
    found = asked(written(toolsFilter=["a"]), "UPDATE", written(), VERDICTS, later)
    assert not found.refused
    assert "it runs already" in found.told[0]
    other = {"image": f"registry.example/x@sha256:{'9' * 64}"}
    assert asked(written(**other), "UPDATE", written()).refused
    assert asked(written(podTemplateSpec={"spec": {"hostPID": True}}), "UPDATE", written()).refused


def test_a_permit_that_lets_no_one_in_is_told() -> None:
    found = asked(written(authzConfig=inline(PERMIT, 'permit (principal, action == Action::"query", resource);')))
    assert not found.refused
    assert "lets no one in" in found.told[0]


def test_policies_elsewhere_are_told_of() -> None:
    found = asked(written(authzConfig={"type": "configMap", "configMap": {"name": "rules"}}))
    assert "the policies in the ConfigMap rules" in found.told[0]


def test_a_remote_server_has_no_image() -> None:
    value = written(type="Remote", url="https://mcp.example/mcp", transport="streamable-http")
    del value["spec"]["image"]
    assert asked(value, verdicts=Verdicts()) == Admission()


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="module")
def webhook(here: Bench, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webhook]:
    now = datetime.now(UTC).replace(microsecond=0)
    with serving(lambda: here.place(now=now), tmp_path_factory.mktemp("tls"), policy=str(here.admission)) as found:
        yield found


def review(value: Any, operation: str = "CREATE", before: Any = None) -> dict[str, Any]:
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {"uid": "u", "operation": operation, "object": value, "oldObject": before},
    }


def said(webhook: Webhook, body: object) -> dict[str, Any]:
    status, text = webhook.post(json.dumps(body).encode(), path=SERVERS)
    assert status == 200, text
    response: dict[str, Any] = json.loads(text)["response"]
    assert response["uid"] == "u"
    return response


def test_over_tls_as_an_api_server_asks(webhook: Webhook) -> None:
    refused = said(webhook, review(written()))
    assert refused["allowed"] is False
    assert refused["status"]["code"] in (403, 500)
    assert said(webhook, review(None, "DELETE", written()))["allowed"] is True
    for wrong in (review([]), review(None), {**review(written()), "apiVersion": "v2"}):
        assert said(webhook, wrong)["allowed"] is False


def test_a_store_that_is_gone_lets_nothing_in_and_everything_out(tmp_path: Path) -> None:
    def lost() -> Any:
        raise Unavailable("there is no store")

    with serving(lost, tmp_path) as door:
        assert said(door, review(written()))["allowed"] is False
        assert said(door, review(None, "DELETE", written()))["allowed"] is True


def test_the_image_is_that_of_the_resource() -> None:
    assert IMAGE.endswith(DIGEST)


def keep_image(here: Bench, digest: str = DIGEST, outcome: Outcome = Outcome.PASS, at: datetime = CLOCK, **more: Any) -> str:
    """An artifact of the gate about an image, sealed by the bench's own key, or by another one."""
    body = Installation(
        package=f"oci:/images/tools@{digest}",
        source="oci",
        runtime="",
        lock=f"sha256:{'4' * 64}",
        tree=f"sha256:{'5' * 64}",
        sealed=f"sha256:{'5' * 64}",
        launch=f"sha256:{'6' * 64}",
        launching=Launching(package=f"oci:/images/tools@{digest}"),
    )
    evidence = {Installation.KIND: to_json(body)}
    one = result("server-origin", finding("server-origin/installed", outcome))
    said = report(f"tools-{at:%H%M%S}", one, kind="mcp-server", at=at, evidence=evidence)
    artifact = keep(here, said, evidence=evidence, **more)
    checkpoint(here)
    return artifact


def verdicts(here: Bench, *signers: str, now: datetime = CLOCK) -> Verdicts:
    return JudgedImages(signers=signers).at(here.place(now=now))


def test_the_newest_artifact_about_an_image_counts(here: Bench, tmp_path: Path) -> None:
    own = emptied(here, tmp_path)
    artifact = keep_image(own)
    found = verdicts(own)
    assert found.refusal(IMAGE, CLOCK) == ""
    assert found.images[DIGEST].artifact == artifact
    assert "no artifact" in found.refusal(f"x@sha256:{'9' * 64}", CLOCK)
    keep_image(own, outcome=Outcome.FAIL, at=CLOCK + timedelta(minutes=1))
    later = CLOCK + timedelta(minutes=2)
    assert "RED" in verdicts(own, now=later).refusal(IMAGE, later)


def test_the_word_of_others_does_not_count(here: Bench, tmp_path: Path) -> None:
    own = emptied(here, tmp_path)
    keep_image(own)
    assert "who may not judge images here" in verdicts(own, f"sha256:{'7' * 64}").refusal(IMAGE, CLOCK)
    far = CLOCK + timedelta(days=400)
    assert verdicts(own, now=far).refusal(IMAGE, far)


def test_a_log_that_is_not_whole_says_nothing(here: Bench, tmp_path: Path) -> None:
    own = emptied(here, tmp_path)
    with pytest.raises(Refused, match="there is no store"):
        verdicts(own)
    artifact = keep_image(own)
    with Store(own.settings.store, memory=own.settings.memory) as store:
        path = store.path(artifact)
    path.chmod(0o644)
    path.write_bytes(b"{}")
    with pytest.raises((Refused, Unavailable)):
        verdicts(own)


def test_an_artifact_is_vouched_for_once_and_a_new_one_alone(
    here: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = emptied(here, tmp_path)
    vouched: list[bytes] = []
    real = images.vouch_report
    monkeypatch.setattr(images, "vouch_report", lambda data, *words: (vouched.append(data), real(data, *words))[1])
    keep_image(own)
    shared = JudgedImages()
    for _ in range(3):
        assert shared.at(own.place(now=CLOCK)).refusal(IMAGE, CLOCK) == ""
    assert len(vouched) == 1
    keep_image(own, outcome=Outcome.FAIL, at=CLOCK + timedelta(seconds=1))
    later = CLOCK + timedelta(seconds=2)
    assert "RED" in shared.at(own.place(now=later)).refusal(IMAGE, later)
    assert len(vouched) == 2, "the first one is known"
    much_later = CLOCK + timedelta(hours=1)
    shared.at(own.place(now=much_later))
    assert len(vouched) == 4, "a list of revocations may be too old by now"
    shared.at(own.place(now=CLOCK))
    assert len(vouched) == 6, "a clock that was set back says nothing"


def test_a_key_that_is_trusted_no_more_judges_nothing_at_once(here: Bench, tmp_path: Path) -> None:
    own = emptied(here, tmp_path)
    keep_image(own)
    shared = JudgedImages()
    assert shared.at(own.place(now=CLOCK)).images
    (key,) = (own.settings.trust / "keys").glob("*.pub")
    (other,) = (bench(tmp_path / "other").settings.trust / "keys").glob("*.pub")
    key.write_bytes(other.read_bytes())
    assert not shared.at(own.place(now=CLOCK)).images


def test_what_decides_about_no_image_asks_for_no_verdict() -> None:
    def never() -> Verdicts:
        raise AssertionError("the store was read")

    assert admission("DELETE", None, written(), never, NOW) == Admission()
    assert admission("UPDATE", written(), written(), never, NOW) == Admission()
    far = written(type="Remote", url="https://mcp.example.com/mcp", transport="streamable-http")
    del far["spec"]["image"]
    assert admission("CREATE", far, None, never, NOW) == Admission()


@pytest.mark.requirement("OPER-11/versions-convert")
def test_it_converts_between_the_versions(webhook: Webhook) -> None:
    value = written()
    body = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "ConversionReview",
        "request": {"uid": "7", "desiredAPIVersion": "ome.io/v1", "objects": [value]},
    }
    status, text = webhook.post(json.dumps(body).encode(), path="/convert")
    answer = json.loads(text)["response"]
    assert (status, answer["uid"], answer["result"]) == (200, "7", {"status": "Success"})
    assert answer["convertedObjects"] == [{**value, "apiVersion": "ome.io/v1"}]
    for wrong in (b"{", b"[]", b'{"request": {}}'):
        assert webhook.post(wrong, path="/convert")[0] == 400
    assert webhook.post(b"{}", kind="text/plain", path="/convert")[0] == 415
