"""VEX documents among the attestations: read into one form, with the reason if a statement does not count."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused
from arcops.evidence import Seen
from arcops.seen.attestations import Attestations, AttestationSeen
from arcops.seen.vex import Status, Vex, VexStatement
from arcops.signer import ProvenSigner
from tasks.model.vex import vex
from tests.evidence import NOW, evidence
from tests.sketch import request

pytestmark = pytest.mark.requirement("ARC-A4/vex-is-applied")

SIGNER = ProvenSigner(key=f"sha256:{'5' * 64}")
PURL = "pkg:pypi/thing@1.5"


def openvex(**changes: Any) -> dict[str, Any]:
    statement = {
        "vulnerability": {"name": "CVE-2026-1", "aliases": ["GHSA-1"]},
        "products": [{"@id": PURL}],
        "status": "not_affected",
        "justification": "vulnerable_code_not_in_execute_path",
        "timestamp": "2026-11-20T00:00:00Z",
        **changes,
    }
    return {"@context": "https://openvex.dev/ns/v0.2.0", "timestamp": "2026-11-19T00:00:00Z", "statements": [statement]}


def cyclonedx(**changes: Any) -> dict[str, Any]:
    entry = {
        "id": "CVE-2026-1",
        "analysis": {"state": "not_affected", "justification": "code_not_reachable", "lastUpdated": "2026-11-20T00:00:00Z"},
        "affects": [{"ref": "t"}],
        **changes,
    }
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "components": [{"type": "library", "name": "thing", "bom-ref": "t", "purl": PURL}],
        "vulnerabilities": [entry],
    }


def attested(predicate: object, kind: str = "https://openvex.dev/ns/v0.2.0", **changes: Any) -> AttestationSeen:
    seen = AttestationSeen(
        path="vex.sigstore.json", sha256="11" * 32, predicate_type=kind, predicate=json.dumps(predicate), signers=(SIGNER,)
    )
    return replace(seen, **changes)


def look(folder: Path, *attestations: AttestationSeen, attached: tuple[Path, ...] = ()) -> Vex:
    body = Attestations(attestations=attestations)
    seen = Seen({body.KIND: evidence(body)}, at=NOW, subject_name="model")
    return vex.look(replace(request(folder), attached=attached), seen).body


def statement(folder: Path, predicate: object, kind: str = "https://openvex.dev/ns/v0.2.0") -> VexStatement:
    (document,) = look(folder, attested(predicate, kind)).documents
    (said,) = document.statements
    return said


@pytest.mark.parametrize(
    ("predicate", "kind"), [(openvex(), "https://openvex.dev/ns/v0.2.0"), (cyclonedx(), "https://cyclonedx.org/vex")]
)
def test_both_formats_say_the_same_thing(tmp_path: Path, predicate: object, kind: str) -> None:
    (document,) = look(tmp_path, attested(predicate, kind)).documents
    (said,) = document.statements
    assert document.signers == (SIGNER,)
    assert "CVE-2026-1" in said.vulnerabilities
    assert [product.purl for product in said.products] == [PURL]
    assert said.status is Status.NOT_AFFECTED
    assert said.why
    assert not said.problem


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "fine"},
        {"status": None},
        {"vulnerability": None},
        {"products": [{"@id": "thing"}]},
        {"justification": None},
        {"subcomponents": [{"@id": PURL}]},
        {"timestamp": "yesterday"},
    ],
)
def test_a_statement_that_cannot_count_says_why(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert statement(tmp_path, openvex(**changes)).problem


def test_a_subcomponent_narrows_the_statement(tmp_path: Path) -> None:
    inside = openvex(products=[{"@id": "pkg:oci/app@sha256:00", "subcomponents": [{"@id": PURL}]}])
    (product,) = statement(tmp_path, inside).products
    assert product.subcomponents == (PURL,)


def test_an_unproven_document_has_no_signer_and_a_problem(tmp_path: Path) -> None:
    (document,) = look(tmp_path, attested(openvex(), signers=(), problem="It is not signed.")).documents
    assert document.signers == ()
    assert document.problem


def test_an_attached_document_without_a_signature_is_named(tmp_path: Path) -> None:
    bare = tmp_path / "bare.openvex.json"
    bare.write_text(json.dumps(openvex()))
    documents = look(tmp_path, attested(openvex()), attached=(bare,)).documents
    assert [document.signers for document in documents if document.path.endswith("bare.openvex.json")] == [()]


def test_other_attestations_are_no_vex(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        look(tmp_path, attested({}, "https://slsa.dev/provenance/v1"))


@given(
    text=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*openvex(), *openvex()["statements"][0]]), inner),
    )
)
def test_no_predicate_crashes_the_reader_or_excuses_anything(text: object, tmp_path_factory: pytest.TempPathFactory) -> None:
    (document,) = look(tmp_path_factory.getbasetemp(), attested(text)).documents
    excusing = (Status.NOT_AFFECTED, Status.FIXED)
    assert not any(said.status in excusing and not said.problem and said.products for said in document.statements)
