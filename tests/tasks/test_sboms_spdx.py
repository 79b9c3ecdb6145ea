"""SPDX 2.2, 2.3 and 3.0.1 are read by their specifications."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.seen.sboms import SbomSeen
from arcops.subject import Digest
from tasks.model.sboms._document import Document
from tasks.model.sboms._reading import read

pytestmark = pytest.mark.requirement("ARC-A3/spdx-is-read")

SHA = "b" * 64
SHA1 = "c" * 40


def seen(content: bytes | dict[str, Any]) -> SbomSeen:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    document = Document(path="sbom.spdx.json", sha256=hashlib.sha256(data).hexdigest(), data=data)
    found = read(document)
    assert found is not None
    return found


def spdx2(version: str = "2.3") -> dict[str, Any]:
    document: dict[str, Any] = {
        "spdxVersion": f"SPDX-{version}",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "model",
        "documentNamespace": "https://example.org/spdx/model-1",
        "creationInfo": {
            "created": "2026-11-20T09:00:00Z",
            "creators": ["Tool: maker-2", "Organization: Acme (mail@example.org)", "Person: Ada"],
        },
        "packages": [
            {
                "SPDXID": "SPDXRef-Model",
                "name": "model",
                "versionInfo": "1.0",
                "downloadLocation": "NOASSERTION",
                "licenseConcluded": "NOASSERTION",
                "licenseDeclared": "Apache-2.0",
                "copyrightText": "NOASSERTION",
                "supplier": "Organization: Acme (mail@example.org)",
                "filesAnalyzed": False,
                "checksums": [{"algorithm": "SHA256", "checksumValue": SHA}],
                "externalRefs": [
                    {
                        "referenceCategory": "PACKAGE-MANAGER",
                        "referenceType": "purl",
                        "referenceLocator": "pkg:generic/model@1.0",
                    },
                    {"referenceCategory": "SECURITY", "referenceType": "cpe23Type", "referenceLocator": "cpe:2.3:a:acme:model"},
                ],
            }
        ],
        "files": [
            {
                "SPDXID": "SPDXRef-Weights",
                "fileName": "./weights/model.safetensors",
                "checksums": [{"algorithm": "SHA1", "checksumValue": SHA1}, {"algorithm": "SHA256", "checksumValue": SHA}],
                "licenseConcluded": "NOASSERTION",
                "licenseInfoInFiles": ["NOASSERTION"],
                "copyrightText": "NOASSERTION",
            }
        ],
        "relationships": [
            {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-Model"},
            {"spdxElementId": "SPDXRef-Weights", "relationshipType": "CONTAINED_BY", "relatedSpdxElement": "SPDXRef-Model"},
        ],
    }
    return document


@pytest.mark.parametrize("version", ["2.2", "2.3"])
def test_spdx_2_in_our_shape(version: str) -> None:
    found = seen(spdx2(version))
    assert (found.format, found.spec_version, found.problems) == ("SPDX", version, ())
    assert found.created == datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    assert (found.authors, found.tools) == (("Acme", "Ada"), ("maker-2",))
    root = found.root
    assert root is not None
    assert (root.name, root.version, root.supplier, root.purl) == ("model", "1.0", "Acme", "pkg:generic/model@1.0")
    assert (root.licences, root.identifiers) == (("Apache-2.0",), ("cpe:2.3:a:acme:model",))
    (weights,) = found.components
    assert (weights.kind, weights.path) == ("file", "weights/model.safetensors")
    assert Digest(algorithm="sha256", value=SHA) in weights.digests
    assert [(edge.ref, edge.on) for edge in found.dependencies] == [("SPDXRef-Model", ("SPDXRef-Weights",))]


Change = Callable[[dict[str, Any]], object]

SPDX2_FAULTS: dict[str, Change] = {
    "spdxVersion": lambda d: d.update(spdxVersion="SPDX-2.9"),
    "dataLicense": lambda d: d.update(dataLicense="MIT"),
    "creationInfo.created": lambda d: d["creationInfo"].update(created="2026-11-20"),
    "creationInfo.creators[0]": lambda d: d["creationInfo"].update(creators=["Acme"]),
    "documentNamespace": lambda d: d.pop("documentNamespace"),
    "packages[0].SPDXID": lambda d: d["packages"][0].update(SPDXID="Model"),
    "packages[0].supplier": lambda d: d["packages"][0].update(supplier="Acme"),
    "packages[0].checksums[0]": lambda d: d["packages"][0]["checksums"][0].update(checksumValue="ab"),
    "downloadLocation": lambda d: d["packages"][0].pop("downloadLocation"),
    "'unheard' was unexpected": lambda d: d["packages"][0].update(unheard=1),
    "files[0].checksums": lambda d: d["files"][0].update(checksums=[]),
    "relationshipType": lambda d: d["relationships"][1].update(relationshipType="LIKES"),
    "not the SPDXID of any element": lambda d: d["relationships"][1].update(relatedSpdxElement="SPDXRef-Ghost"),
    "must be unique": lambda d: d["files"][0].update(SPDXID="SPDXRef-Model"),
}  # fmt: skip


@pytest.mark.parametrize("expected", SPDX2_FAULTS)
def test_one_fault_in_spdx_2_is_one_problem(expected: str) -> None:
    document = spdx2()
    SPDX2_FAULTS[expected](document)
    problems = seen(document).problems
    assert any(expected in problem for problem in problems), problems


def test_what_only_2_3_allows_is_a_problem_in_2_2() -> None:
    for change in (
        lambda d: d["packages"][0].update(primaryPackagePurpose="LIBRARY"),
        lambda d: d["packages"][0].pop("licenseConcluded"),
        lambda d: d["packages"][0]["checksums"][0].update(algorithm="SHA3-256"),
    ):
        newer, older = spdx2("2.3"), spdx2("2.2")
        change(newer)
        change(older)
        assert seen(newer).problems == ()
        assert seen(older).problems


TAG_VALUE = f"""# made by hand
SPDXVersion: SPDX-2.3
DataLicense: CC0-1.0
SPDXID: SPDXRef-DOCUMENT
DocumentName: model
DocumentNamespace: https://example.org/spdx/model-1
Creator: Tool: maker-2
Creator: Organization: Acme (mail@example.org)
Creator: Person: Ada
Created: 2026-11-20T09:00:00Z

PackageName: model
SPDXID: SPDXRef-Model
PackageVersion: 1.0
PackageDownloadLocation: NOASSERTION
PackageSupplier: Organization: Acme (mail@example.org)
FilesAnalyzed: false
PackageLicenseConcluded: NOASSERTION
PackageLicenseDeclared: Apache-2.0
PackageCopyrightText: <text>NOASSERTION</text>
PackageChecksum: SHA256: {SHA}
ExternalRef: PACKAGE-MANAGER purl pkg:generic/model@1.0
ExternalRef: SECURITY cpe23Type cpe:2.3:a:acme:model
PackageDescription: <text>two
lines</text>

FileName: ./weights/model.safetensors
SPDXID: SPDXRef-Weights
FileChecksum: SHA1: {SHA1}
FileChecksum: SHA256: {SHA}
LicenseConcluded: NOASSERTION
LicenseInfoInFile: NOASSERTION
FileCopyrightText: NOASSERTION

Relationship: SPDXRef-DOCUMENT DESCRIBES SPDXRef-Model
Relationship: SPDXRef-Weights CONTAINED_BY SPDXRef-Model
"""


def test_tag_value_says_the_same_as_json() -> None:
    same = {"sha256": "", "encoding": ""}
    assert seen(TAG_VALUE.encode()).problems == ()
    assert replace(seen(TAG_VALUE.encode()), **same) == replace(seen(spdx2()), **same)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("PackageVersion", "PackageVresion"),
        ("Created: 2026", "Created: x"),
        ("<text>two", "<text>tw</text"),
        ("SHA256: b", "SHA256: z"),
    ],
)
def test_one_fault_in_tag_value_is_a_problem(old: str, new: str) -> None:
    damaged = TAG_VALUE.replace(old, new, 1).replace("lines</text>", "lines" if "two" in old else "lines</text>")
    assert seen(damaged.encode()).problems


def spdx3() -> dict[str, Any]:
    base = "https://example.org/model#"
    info = {"creationInfo": "_:made"}

    def relation(number: int, left: str, kind: str, right: str) -> dict[str, Any]:
        names = {"from": f"{base}{left}", "relationshipType": kind, "to": [right if ":" in right else f"{base}{right}"]}
        return {"type": "Relationship", "spdxId": f"{base}relation-{number}", **info, **names}

    graph: list[dict[str, Any]] = [
        {"type": "CreationInfo", "@id": "_:made", "specVersion": "3.0.1", "created": "2026-11-20T09:00:00Z",
         "createdBy": [f"{base}acme"], "createdUsing": [f"{base}maker"]},
        {"type": "Organization", "spdxId": f"{base}acme", "name": "Acme", **info},
        {"type": "Tool", "spdxId": f"{base}maker", "name": "maker", **info},
        {"type": "SpdxDocument", "spdxId": f"{base}document", "rootElement": [f"{base}sbom"],
         "profileConformance": ["core", "software", "ai"], **info},
        {"type": "software_Sbom", "spdxId": f"{base}sbom", "rootElement": [f"{base}model"],
         "software_sbomType": ["build"], **info},
        {"type": "ai_AIPackage", "spdxId": f"{base}model", "name": "model", "software_packageVersion": "1.0",
         "software_packageUrl": "pkg:generic/model@1.0", "suppliedBy": f"{base}acme", "ai_domain": ["text"],
         "software_downloadLocation": "https://example.org/model", "releaseTime": "2026-11-20T09:00:00Z",
         "software_primaryPurpose": "model",
         "verifiedUsing": [{"type": "Hash", "algorithm": "sha256", "hashValue": SHA}], **info},
        {"type": "software_File", "spdxId": f"{base}weights", "name": "weights/model.safetensors",
         "verifiedUsing": [{"type": "Hash", "algorithm": "sha256", "hashValue": SHA}], **info},
        {"type": "simplelicensing_LicenseExpression", "spdxId": f"{base}licence",
         "simplelicensing_licenseExpression": "Apache-2.0", **info},
        relation(1, "model", "contains", "weights"),
        relation(2, "model", "hasDeclaredLicense", "licence"),
        relation(3, "model", "hasConcludedLicense", "https://spdx.org/licenses/MIT"),
    ]  # fmt: skip
    return {"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": graph}


def test_spdx_3_with_the_ai_profile_in_our_shape() -> None:
    found = seen(spdx3())
    assert found.problems == ()
    assert (found.format, found.spec_version, found.encoding) == ("SPDX", "3.0.1", "json-ld")
    assert found.created == datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    assert (found.authors, found.tools, found.contexts) == (("Acme",), ("maker",), ("build",))
    root = found.root
    assert root is not None
    assert (root.name, root.kind, root.version, root.supplier) == ("model", "machine-learning-model", "1.0", "Acme")
    assert (root.purl, root.licences) == ("pkg:generic/model@1.0", ("Apache-2.0", "MIT"))
    assert root.digests == (Digest(algorithm="sha256", value=SHA),)
    (weights,) = found.components
    assert (weights.kind, weights.path) == ("file", "weights/model.safetensors")
    assert [(edge.ref, edge.on) for edge in found.dependencies] == [(root.ref, (weights.ref,))]


SPDX3_FAULTS: dict[str, Change] = {
    "@context": lambda d: d.update({"@context": "https://spdx.org/rdf/9.9.9/spdx-context.jsonld"}),
    "does not match": lambda d: d["@graph"][5].update(software_primaryPurpose="toy"),
    "unheard": lambda d: d["@graph"][5].update(unheard="1"),
    "createdBy is required": lambda d: d["@graph"][0].pop("createdBy"),
    "specVersion": lambda d: d["@graph"][0].update(specVersion="3.0.0"),
    "no SpdxDocument": lambda d: d["@graph"].pop(3),
    "must be unique": lambda d: d["@graph"].append(copy.deepcopy(d["@graph"][6])),
    "neither in the document": lambda d: d["@graph"][8].update({"to": ["https://example.org/ghost"]}),
    "creationInfo is required": lambda d: d["@graph"][5].pop("creationInfo"),
    "hashValue": lambda d: d["@graph"][6]["verifiedUsing"][0].pop("hashValue"),
}  # fmt: skip


@pytest.mark.parametrize("expected", SPDX3_FAULTS)
def test_one_fault_in_spdx_3_is_one_problem(expected: str) -> None:
    document = spdx3()
    SPDX3_FAULTS[expected](document)
    problems = seen(document).problems
    assert any(expected in problem for problem in problems), problems


_WHOLE = [json.dumps(spdx2()).encode(), json.dumps(spdx3()).encode(), TAG_VALUE.encode()]


@given(st.sampled_from(_WHOLE), st.integers(0, 10_000), st.binary(max_size=3))
def test_a_damaged_document_never_crashes(whole: bytes, at: int, put: bytes) -> None:
    at %= len(whole)
    assert seen(whole[:at] + put + whole[at + 1 :]).sha256
