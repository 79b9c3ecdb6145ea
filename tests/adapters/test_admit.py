"""The admission check: a workload runs only models whose newest artifact is GREEN, valid, and signed by who may."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.adapters.typed import Done, typed
from tests.models import Bench, bench, good_model

pytestmark = pytest.mark.requirement("ARC-D2/admission-needs-a-green-artifact", "ARC-4/a-missing-signature-is-red")

GREEN, USAGE, RED = 0, 2, 3


def deployment(*models: str) -> str:
    return json.dumps(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "search", "namespace": "shop"},
            "spec": {"template": {"metadata": {"annotations": {"arcops.dev/models": ",".join(models)} if models else {}}}},
        }
    )


def admit(here: Bench, text: str, *more: str, **environment: str) -> Done:
    surroundings = {**os.environ, **here.environment, **environment}
    return typed("admit", "-", "--policy", here.admission, *more, environment=surroundings, fed=text)


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def cleared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bench, Path, str]:
    """A bench whose store clears one model, the model, and its digest."""
    here = bench(tmp_path_factory.mktemp("bench"))
    model = good_model(here, now=now())
    return here, model, str(here.check(model, now=now()).report.subject.digests[0])


def test_a_cleared_model_is_admitted(cleared: tuple[Bench, Path, str]) -> None:
    here, _, digest = cleared
    done = admit(here, deployment(digest))
    assert done.returncode == GREEN, done.stdout + done.stderr


@pytest.mark.parametrize("text", [deployment(), deployment("latest"), deployment(f"sha256:{'0' * 64}")])
def test_what_names_no_cleared_model_is_refused(cleared: tuple[Bench, Path, str], text: str) -> None:
    assert admit(cleared[0], text).returncode == RED


def test_one_cleared_model_does_not_clear_another(cleared: tuple[Bench, Path, str]) -> None:
    here, _, digest = cleared
    assert admit(here, deployment(digest, f"sha256:{'0' * 64}")).returncode == RED


def test_a_manifest_without_workloads_is_refused(cleared: tuple[Bench, Path, str]) -> None:
    assert admit(cleared[0], '{"kind": "ConfigMap", "metadata": {"name": "x"}}').returncode == RED


def test_an_older_green_that_ran_out_is_refused(tmp_path: Path) -> None:
    here = bench(tmp_path)
    then = now() - timedelta(days=30)
    digest = here.check(good_model(here, now=then), now=then).report.subject.digests[0]
    assert admit(here, deployment(str(digest))).returncode == RED


def test_an_artifact_of_an_untrusted_key_is_refused(tmp_path: Path, cleared: tuple[Bench, Path, str]) -> None:
    here, _, digest = cleared
    outsider = bench(tmp_path)
    assert admit(here, deployment(digest), ARCOPS_TRUST=str(outsider.settings.trust)).returncode == RED


@pytest.mark.parametrize("well", [True, False])
def test_an_api_server_gets_its_answer(cleared: tuple[Bench, Path, str], well: bool) -> None:
    here, _, digest = cleared
    asked = {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {"uid": "abc", "object": json.loads(deployment(digest) if well else deployment())},
    }
    done = admit(here, json.dumps(asked), "--review")
    response = json.loads(done.stdout)["response"]
    assert response["uid"] == "abc"
    assert response["allowed"] is well
    assert well or "annotation" in response["status"]["message"]


@pytest.mark.parametrize("text", ["", "[1, 2]", "{", "kind: Pod\nkind: Pod", "a: &a 1\nb: *a"])
def test_what_is_no_manifest_is_never_admitted(cleared: tuple[Bench, Path, str], text: str) -> None:
    done = admit(cleared[0], text)
    assert done.returncode == RED
    assert "Traceback" not in done.stderr
