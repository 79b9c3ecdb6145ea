"""Every parser of ArcOps that reads what somebody else wrote, with sound bytes to begin from. A new one is added here."""

from __future__ import annotations

import asyncio
import atexit
import io
import json
import pickle
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from cryptography.hazmat.primitives.serialization import Encoding

import policies
import tests
from adapters.admission.review import read_review
from arcops.licence import parse_licence
from arcops.request import Request, silent
from arcops.seen.attestations import AttestationSeen
from arcops.seen.content import Content
from arcops.seen.sboms import Component
from arcops.seen.tree import FileSeen, Tree
from arcops.seen.trivy import Scan
from arcops.slsa import PROVENANCE_V1, parse_provenance
from arcops.tier import Tier
from artifacts.baseline import baseline_from
from artifacts.bundle import open_statement, seal
from artifacts.canonical import canonical
from artifacts.entries import read_line
from artifacts.envelope import parse_envelope, strict_json
from artifacts.log.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from artifacts.log.merkle import Frontier
from artifacts.mirror import read_mirror
from artifacts.private_key import PrivateKey
from artifacts.public_key import load_public_key
from artifacts.revocation import parse_revocations
from artifacts.said import said
from artifacts.statement import from_statement, to_statement
from flows.policies.reading import parse_policy, read_policy
from foundation.audit.record import Outcome, Record, read_record
from foundation.audit.seals import note_in
from foundation.audit.seals import seal as audit_seal
from foundation.identity.introspecting import judged as introspected
from foundation.identity.issuers import Introspected, Issuer
from foundation.identity.reviewing import judged as reviewed
from foundation.issuing import key_set
from foundation.strict_yaml import load_all
from tasks.cluster.workloads import _documents, _objects, _workload
from tasks.gpu.gpu_log import _RECORD, _entries
from tasks.gpu.gpu_profiles import parse_profile
from tasks.gpu.kernel_faults import faults
from tasks.inference import recognising
from tasks.inference.events import Route, StreamedAnswer
from tasks.inference.tokens import refuse_ended
from tasks.kubernetes.manifests.nodes import documents
from tasks.model.attestations import _attestations, _File
from tasks.model.card import _fields
from tasks.model.content import _read
from tasks.model.content.draft import Draft
from tasks.model.content.naming import named
from tasks.model.content.window import Window
from tasks.model.front_matter import read_card, shown
from tasks.model.licence_text import recognise, recognise_notice
from tasks.model.osv.archive import open_export
from tasks.model.osv.importing import import_osv
from tasks.model.osv.package_urls import package_of
from tasks.model.osv.ranges import Coverage
from tasks.model.sboms._document import Document
from tasks.model.sboms._reading import read as read_sbom
from tasks.model.signature_file import _read as read_signature
from tasks.model.trivy_report import parse_log, parse_metadata, parse_report
from tasks.model.versions import scheme
from tasks.model.vex import _attested
from tasks.network.index import read_index
from tasks.network.network import network_of
from tasks.signing.bundles import open_bundle
from tasks.signing.candidate import Candidate
from tasks.signing.certificates import load as load_certificate
from tasks.signing.model_signing import parse_manifest
from tasks.signing.oci_layout import image_signatures
from tasks.signing.statement import parse_statement
from tasks.signing.timestamps import stamps
from tasks.signing.trust import Trust, TrustFile, _authorities
from tasks.signing.trusted_root import parse_root
from tests.artifacts.reports import full_report
from tests.artifacts.test_mirror import KEY as MIRRORED
from tests.artifacts.test_mirror import mirrored
from tests.deep.fit_readers import fit_readers
from tests.evidence import NOW
from tests.private_sigstore import PrivateSigstore
from tests.signing import Key, envelope, keyed_bundle, manifest

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SHA = "a" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Parser:
    """``read`` raises one of `REFUSALS` or nothing. A slow reader gets a ``share`` of the inputs. ``vectors`` names
    the corpus of others that its sound inputs are from, if they are.
    """

    name: str
    read: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    share: float = 1.0
    vectors: str = ""


@cache
def private() -> PrivateSigstore:
    return PrivateSigstore()


@cache
def key() -> Key:
    return Key()


@cache
def trust() -> Trust:
    root = parse_root(private().root, where="root.json")
    return Trust(digest=f"sha256:{SHA}", keys=(key().public,), roots=(root,), authorities=root.authorities[0].chain)


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _tree(*names: str) -> Tree:
    files = [FileSeen(path=name, size=1, sha256=SHA, executable=False, content=Content(format="other")) for name in names]
    return Tree(root=SHA, files=tuple(files))


STATEMENT = {
    "_type": "https://in-toto.io/Statement/v1",
    "subject": [{"name": "model", "digest": {"sha256": SHA}}],
    "predicateType": PROVENANCE_V1,
    "predicate": {
        "buildDefinition": {
            "buildType": "https://example.org/build/v1",
            "externalParameters": {"ref": "main"},
            "resolvedDependencies": [{"uri": "git+https://example.org/x", "digest": {"gitCommit": "b" * 40}}],
        },
        "runDetails": {"builder": {"id": "https://example.org/builder"}, "metadata": {"startedOn": "2026-11-20T00:00:00Z"}},
    },
}
ADVISORY = {
    "schema_version": "1.6.0",
    "id": "PYSEC-2026-1",
    "modified": "2026-11-20T00:00:00Z",
    "aliases": ["CVE-2026-1"],
    "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "thing"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "1.0"}, {"fixed": "2.0"}]}],
            "versions": ["1.1", "1.2.post3"],
        }
    ],
}
CYCLONEDX = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "version": 1,
    "metadata": {
        "timestamp": "2026-11-20T00:00:00Z",
        "component": {"type": "machine-learning-model", "name": "m", "bom-ref": "r"},
    },
    "components": [{"type": "library", "name": "thing", "version": "1", "bom-ref": "t", "purl": "pkg:pypi/thing@1"}],
    "dependencies": [{"ref": "r", "dependsOn": ["t"]}],
    "vulnerabilities": [{"id": "CVE-2026-1", "analysis": {"state": "not_affected", "justification": "code_not_reachable"}}],
}
XML = b"""<?xml version="1.0"?>
<bom xmlns="http://cyclonedx.org/schema/bom/1.6" version="1"><components>
<component type="library" bom-ref="t"><name>thing</name><version>1</version><purl>pkg:pypi/thing@1</purl></component>
</components><dependencies><dependency ref="t"/></dependencies></bom>"""
SPDX2 = {
    "spdxVersion": "SPDX-2.3",
    "dataLicense": "CC0-1.0",
    "SPDXID": "SPDXRef-DOCUMENT",
    "name": "model",
    "documentNamespace": "https://example.org/spdx/model-1",
    "creationInfo": {"created": "2026-11-20T09:00:00Z", "creators": ["Tool: maker-2"]},
    "packages": [
        {
            "SPDXID": "SPDXRef-Model",
            "name": "model",
            "versionInfo": "1.0",
            "downloadLocation": "NOASSERTION",
            "checksums": [{"algorithm": "SHA256", "checksumValue": SHA}],
            "externalRefs": [
                {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "pkg:pypi/thing@1"}
            ],
        }
    ],
    "relationships": [
        {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-Model"}
    ],
}
SPDX3 = {
    "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld",
    "@graph": [
        {
            "type": "CreationInfo",
            "@id": "_:c",
            "specVersion": "3.0.1",
            "created": "2026-11-20T09:00:00Z",
            "createdBy": ["urn:a"],
        },
        {"type": "Person", "spdxId": "urn:a", "name": "Ada", "creationInfo": "_:c"},
        {"type": "SpdxDocument", "spdxId": "urn:d", "creationInfo": "_:c", "rootElement": ["urn:p"], "element": ["urn:p"]},
        {"type": "software_Package", "spdxId": "urn:p", "name": "thing", "creationInfo": "_:c", "software_packageVersion": "1"},
    ],
}
TAG_VALUE = b"""SPDXVersion: SPDX-2.3
DataLicense: CC0-1.0
SPDXID: SPDXRef-DOCUMENT
DocumentName: model
DocumentNamespace: https://example.org/spdx/model-1
Creator: Tool: maker-2
Created: 2026-11-20T09:00:00Z
PackageName: thing
SPDXID: SPDXRef-Model
PackageVersion: 1
PackageDownloadLocation: NOASSERTION
PackageComment: <text>two
lines</text>
Relationship: SPDXRef-DOCUMENT DESCRIBES SPDXRef-Model
"""
MANIFESTS = b"""apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {a: "b"}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, labels: &l {app: web}}
spec:
  replicas: 0x2
  selector: {matchLabels: *l}
  template:
    metadata: {labels: {app: web}, annotations: {arcops.dev/models: "sha256:%s"}}
    spec: {containers: [{name: web, image: a, ports: [{containerPort: 80, name: http}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: n, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}], ports: [{port: http, protocol: TCP}]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: v, namespace: shop}
spec: {hosts: [a.example.org], http: [{match: [{uri: {prefix: /}}], route: [{destination: {host: web, port: {number: 80}}}]}]}
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: c, namespace: shop}
spec: {endpointSelector: {}, egress: [{toFQDNs: [{matchPattern: "*.example.org"}]}]}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: frobs.example.org}
spec:
  group: example.org
  names: {kind: Frob, plural: frobs}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties: {spec: {type: object,
          properties: {size: {type: integer, maximum: 3}, at: {type: string, format: date-time}},
          x-kubernetes-validations: [{rule: "self.size < 3"}]}}
---
apiVersion: example.org/v1
kind: Frob
metadata: {name: f, namespace: shop}
spec: {size: 1, at: "2026-11-20T00:00:00Z"}
""" % SHA.encode()
LIST = _json({"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}]})
REVIEW = {
    "apiVersion": "admission.k8s.io/v1",
    "kind": "AdmissionReview",
    "request": {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": {"kind": "Pod"},
        "object": {"kind": "Pod", "metadata": {"name": "a", "annotations": {"arcops.dev/models": f"sha256:{SHA}"}}},
    },
}
POLICY = b"""name: site
validFor: P7D
gates:
  integrity: {}
  signatures: {}
"""
CARD = b"---\nlicense: apache-2.0\ntags: [a, b]\nmodel-index:\n- name: x\n  results: [{task: {type: t}}]\n---\n# A model\n"
INDEX = {
    "apiVersion": "arcops.dev/v1",
    "kind": "NetworkSnapshot",
    "context": "c",
    "server": "https://a",
    "lists": [{"title": "pods", "at": "2026-11-20T00:00:00Z", "sha256": SHA, "missing": ""}],
    "left": ["services"],
}
EVENTS = (
    b'data: {"choices":[{"delta":{"content":"a"},"finish_reason":null}]}\n\n'
    b'data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"completion_tokens":1}}\n\ndata: [DONE]\n\n'
)
TRIVY = {
    "SchemaVersion": 2,
    "ArtifactName": "m",
    "CreatedAt": "2026-11-20T00:00:00Z",
    "Results": [
        {
            "Target": "t",
            "Class": "lang-pkgs",
            "Type": "pip",
            "Packages": [{"Name": "a"}],
            "Vulnerabilities": [
                {
                    "VulnerabilityID": "CVE-1",
                    "PkgName": "a",
                    "PkgIdentifier": {"PURL": "pkg:pypi/a@1"},
                    "InstalledVersion": "1",
                    "Severity": "HIGH",
                    "Status": "affected",
                }
            ],
            "Misconfigurations": [{"ID": "x", "Status": "FAIL", "Severity": "LOW"}],
            "Secrets": [{"RuleID": "r", "Severity": "LOW"}],
        }
    ],
}
KERNEL = b"6,0,0,-;Linux version 6.8.0\n4,9,123456,-;NVRM: Xid (PCI:0000:01:00): 79, pid=1, GPU has fallen off the bus.\n"
JOURNAL = _json({"MESSAGE": "NVRM: Xid (PCI:0000:01:00): 79, GPU", "_SOURCE_MONOTONIC_TIMESTAMP": "123456"}) + b"\n"


def _zip(**files: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "/"), data)
    return held.getvalue()


def _mirror() -> bytes:
    with tempfile.TemporaryDirectory(prefix="arcops-deep-") as folder:
        return mirrored(Path(folder), "ab")


def shipped() -> tuple[bytes, ...]:
    return tuple(read_policy(name) for name in ("sovereign", "gpu"))


def _tar() -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in ("checkpoint", "mirror.json"):
            member = tarfile.TarInfo(name)
            member.size = 3
            archive.addfile(member, io.BytesIO(b"abc"))
    return held.getvalue()


@cache
def contents() -> tuple[bytes, ...]:
    import gzip

    from tests.tasks import test_archives, test_data_formats, test_joblib
    from tests.tasks import test_readers as sound

    array = b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}".ljust(117) + b"\n" + bytes(8)
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("storages"), io.BytesIO())
    keras = {"class_name": "Functional", "config": {"layers": [{"module": "keras.layers", "class_name": "Dense"}]}}
    return (
        sound.tensors({"__metadata__": {"format": "pt"}, "a": sound.one()}, bytes(16)),
        sound.gguf(sound.PAIRS, sound.INFOS, 66),
        sound.onnx(sound.field(5, sound.external("model.onnx_data")), domain=b"com.acme"),
        sound.nested(5),
        pickle.dumps({"a": [1, 2.0, "b", b"c", (None, True)]}, protocol=4),
        pickle.dumps({"a": [1, 2.0, "b", b"c", datetime]}, protocol=0),
        _zip(
            a__data_pkl=b"x",
            **{"archive__data.pkl": pickle.dumps({}), "archive__version": b"3\n", "archive__data__0": bytes(4)},
        ),
        _zip(**{"config.json": _json(keras), "metadata.json": b"{}", "model.weights.h5": b"\x89HDF\r\n\x1a\n" + bytes(64)}),
        _zip(**{"a.npy": array}),
        array,
        held.getvalue(),
        b"\x89HDF\r\n\x1a\n" + bytes(200),
        _json({"auto_map": {"AutoModel": "a.B"}, "weight_map": {"a": "model-00001.safetensors"}}),
        b'{"chat_template": "{% for m in messages %}{{ m.content }}{% endfor %}"}',
        test_joblib.SAMPLE,
        test_data_formats.tflite({0: (32, 1), 1: "Flex"}),
        test_data_formats.CUSTOM_PARTS["an operation"][0],
        test_data_formats.blobs(b"1" * 100, b"2"),
        test_data_formats.LFS,
        test_archives.tarred(test_archives.SOUND),
        gzip.compress(test_archives.tarred(test_archives.SOUND)),
        *test_archives.layout(b"").values(),
        _json({"peft_type": "LORA", "base_model_name_or_path": "a/b", "auto_map": {"a": "b/c--d.E"}}),
        b"#!/bin/sh\nexit 0\n",
        b"import os\n",
    )


_ISSUER = Issuer(
    name="https://i.example",
    audience="a",
    keys="",
    tier=Tier.RESTRICTED,
    introspected=Introspected(endpoint="", client="c", secret="env:S"),
)
NAMES = ("model.bin", "config.json", "model.safetensors.index.json", "tokenizer_config.json", "model.pt", "a.npz", "m.keras")


def content(data: bytes) -> object:
    found: list[object] = []
    for name in () if not data else NAMES[len(data) % 7 :] + NAMES[:1]:
        draft = Draft("other")
        try:
            _read(Window.over(data), name, named(name), draft)
        except REFUSALS as error:
            draft.problem(str(error))
        found.append(draft.done())
        if data.lstrip()[:1] != b"{":
            break
    return found


def in_file(read: Callable[[Path], object]) -> Callable[[bytes], object]:
    """*read* of a file that holds the data, below a folder that is its own."""

    def reading(data: bytes) -> object:
        with tempfile.TemporaryDirectory(prefix="arcops-deep-") as folder:
            path = Path(folder) / "file"
            path.write_bytes(data)
            return read(path)

    return reading


@cache
def folder() -> Path:
    """A folder with two files, for readers that look at a model on disk."""
    made = Path(tempfile.mkdtemp(prefix="arcops-deep-"))
    atexit.register(shutil.rmtree, made)
    (made / "b").mkdir()
    for name in ("a", "b/c"):
        (made / name).write_bytes(b"x")
    return made


def _export(path: Path) -> object:
    with open_export(path) as export:
        return [len(data) for _, data in export.members()]


def _import(path: Path) -> object:
    archive = path.with_name("all.zip")
    archive.write_bytes(_zip(**{"A-1.json": path.read_bytes(), "A-2.json": _json({**ADVISORY, "id": "A-2"})}))
    (path.parent / "data").mkdir()
    return import_osv(archive, path.parent / "data", ecosystem="PyPI", now=AT).unreadable


def _request(target: Path) -> Request:
    nowhere = Path("/nowhere")
    return Request(target=target, kind="model", tier=Tier.AIR_GAPPED, now=NOW, trust=nowhere, data=nowhere, cache=nowhere)


def _layout(path: Path) -> object:
    import hashlib

    folder = path.parent / "image"
    (folder / "blobs" / "sha256").mkdir(parents=True)
    parts = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}'}
    data = path.read_bytes()
    name = hashlib.sha256(data).hexdigest()
    parts[f"blobs/sha256/{name}"] = data
    parts["index.json"] = _json({"manifests": [{"digest": f"sha256:{name}", "size": len(data)}]})
    files = []
    for place, text in sorted(parts.items()):
        (folder / place).write_bytes(text)
        digest = hashlib.sha256(text).hexdigest()
        files.append(FileSeen(path=place, size=len(text), sha256=digest, executable=False, content=Content(format="other")))
    return image_signatures(_request(folder), Tree(root=SHA, files=tuple(files)), trust())


def _signature(data: bytes) -> object:
    from arcops.seen.signatures import SignatureSeen

    request = SimpleNamespace(target=Path("/nonexistent"), progress=silent)
    blank = SignatureSeen(path="a.sig", sha256=SHA, attached=False, format="unknown")
    candidate = Candidate(path="a.sig", data=data, attached=False, sha256=SHA)
    return read_signature(candidate, blank, cast(Any, request), _tree("a.sig"), trust())


def _vex(data: bytes) -> object:
    found = []
    for kind in ("https://openvex.dev/ns/v0.2.0", "https://cyclonedx.org/bom"):
        seen = AttestationSeen(path="v", sha256=SHA, predicate_type=kind, predicate=data.decode("utf-8", "replace"))
        found.append(_attested(seen))
    return found


def _networks(data: bytes) -> object:
    return network_of([("all.yaml", data)]).unread


def _answer(data: bytes) -> object:
    found = []
    for route in (Route.CHAT, Route.COMPLETIONS):
        answer = StreamedAnswer(route=route, most_events=1000)
        for at in range(0, len(data), 7):
            answer.feed(data[at : at + 7], at)
        found.append((answer.finish, answer.tokens))
    return found


def _recognised(data: bytes) -> object:
    async def fetch(*_: object, **__: object) -> bytes:
        return data

    kept = recognising.fetch
    recognising.fetch = fetch  # type: ignore[assignment]  # a server that gives one answer to all
    try:
        return asyncio.run(recognising.recognised(cast(Any, None), 1.0))
    finally:
        recognising.fetch = kept


def _versions(data: bytes) -> object:
    text = data.decode("utf-8", "replace")
    found = []
    for ecosystem in (
        "PyPI",
        "npm",
        "Maven",
        "Debian",
        "crates.io",
        "Go",
        "RubyGems",
        "NuGet",
        "Packagist",
        "Alpine",
        "Red Hat",
    ):
        order = scheme(ecosystem)
        for key_of in (order.key, order.lenient) if order is not None else ():
            try:
                found.append(key_of(text))
            except REFUSALS:
                found.append(None)
    return None


def _kernel(data: bytes) -> object:
    lines = [match for match in map(_RECORD.fullmatch, data.decode("utf-8", "replace").split("\n")) if match]
    return faults([(int(match[2]) // 1_000_000, match[3]) for match in lines])


def _configured(data: bytes) -> object:
    return [shown(str(value)) for value in _fields(data.decode("utf-8", "replace"), "c").values()]


def _workloads(data: bytes) -> object:
    return [_workload("", "Pod", one) for one in _objects(_documents(data, "it"), "it")]


def _statement_sound(data: bytes) -> object:
    return canonical(cast(Any, strict_json(data, "it")))


def _osv_ranges(data: bytes) -> object:
    from tasks.model.osv.advisory import read_advisory

    found = read_advisory(data)
    for entry in found.affected:
        coverage = Coverage(ecosystem=entry.ecosystem, ranges=entry.ranges, versions=entry.versions, enumerated=True)
        for version in ("1.5", "0", "x y"):
            coverage.of(version), coverage.fixes(version)
    return found


@cache
def parsers() -> tuple[Parser, ...]:
    """All of them."""
    statement = _json(STATEMENT)
    signed = _json(envelope(statement, key()))
    sigstore = private().bundle(statement)
    sealing = PrivateKey(public=key().public, raw=key().private)
    sealed = seal(full_report(), sealing)
    stated = to_statement(full_report())
    certificate = private().certificate()
    der, pem = certificate.public_bytes(Encoding.DER), private().authority.public_bytes(Encoding.PEM)
    model = manifest({"a": b"a", "b/c": b"b"})
    openvex = {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "statements": [
            {
                "vulnerability": {"name": "CVE-1", "aliases": ["GHSA-1"]},
                "products": [{"@id": "pkg:pypi/a@1"}],
                "status": "not_affected",
                "justification": "vulnerable_code_not_present",
                "timestamp": "2026-11-20T00:00:00Z",
            }
        ],
    }
    revoked = {
        **STATEMENT,
        "predicateType": "https://arcops.dev/predicates/revocations/v1",
        "predicate": {
            "issuedAt": "2026-11-20T00:00:00Z",
            "revoked": [{"key": "", "identity": "", "sha256": SHA, "reason": "r", "at": "2026-11-20T00:00:00Z"}],
        },
    }
    oci = _json({"layers": [{"mediaType": "application/vnd.dev.cosign.simplesigning.v1+json", "digest": f"sha256:{SHA}"}]})
    note = sign_checkpoint(Checkpoint(origin="arcops.example/log", size=3, root=bytes(32)), sealing)
    entry = canonical({"artifact": f"sha256:{SHA}", "at": "2026-11-20T00:00:00Z", "evidence": []})
    yamls = (POLICY, MANIFESTS, b"a: {b: [1, 0x2, 0o3, 1.5e3, ~, true]}\n---\n'x': |\n  y\n", b"? a\n: - b\n  - c: !!str d\n")
    return (
        Parser(name="json", read=lambda data: strict_json(data, "it"), seeds=(statement, b'[1, -2.5e3, "a\\n", null, true]')),
        Parser(name="canonical", read=_statement_sound, seeds=(statement, stated, b'{"\\u00e9": 1.5, "a": [1e21]}')),
        Parser(name="yaml", read=lambda data: load_all(data, what="it"), seeds=yamls, share=0.3),
        Parser(name="policy", read=lambda data: parse_policy(data, where="it"), seeds=(POLICY, *shipped()), share=0.3),
        Parser(name="manifest", read=lambda data: list(documents(data)), seeds=(MANIFESTS, LIST), share=0.5),
        Parser(name="network", read=_networks, seeds=(MANIFESTS, LIST), share=0.15),
        Parser(name="workload", read=_workloads, seeds=(_json(REVIEW), MANIFESTS, LIST), share=0.3),
        Parser(name="review", read=read_review, seeds=(_json(REVIEW),)),
        Parser(name="card", read=lambda data: read_card(data.decode("utf-8", "replace")), seeds=(CARD,)),
        Parser(
            name="configuration",
            read=_configured,
            seeds=(b'{"license": "mit"}',),
        ),
        Parser(
            name="licence",
            read=lambda data: parse_licence(data.decode("utf-8", "replace")),
            seeds=(b"(MIT OR Apache-2.0) AND X",),
        ),
        Parser(
            name="licence-text",
            read=lambda data: (recognise(data.decode("latin-1")), recognise_notice(data.decode("latin-1"))),
            seeds=(b"Apache License\nVersion 2.0, January 2004\n", b"MIT License\n\nPermission is hereby granted\n"),
        ),
        Parser(name="content", read=content, seeds=contents(), share=2.0),
        Parser(name="envelope", read=parse_envelope, seeds=(signed,)),
        Parser(name="artifact", read=lambda data: open_statement(data, [key().public]), seeds=(sealed,)),
        Parser(name="said", read=said, seeds=(sealed,), share=0.5),
        Parser(name="statement", read=from_statement, seeds=(stated,), share=0.5),
        Parser(
            name="baseline",
            read=baseline_from,
            seeds=((Path(tests.__file__).parent / "artifacts" / "goldens" / "benchmark-baseline-v1.json").read_bytes(),),
        ),
        Parser(name="revocations", read=parse_revocations, seeds=(_json(revoked),)),
        Parser(name="log-entry", read=read_line, seeds=(entry,)),
        Parser(name="audit-record", read=read_record, seeds=(Record(at=AT, action="tools/call", outcome=Outcome.DONE).line,)),
        Parser(name="audit-checkpoint", read=note_in, seeds=(audit_seal(Frontier(), "arcops.local/audit/a-0001", sealing),)),
        Parser(name="checkpoint", read=lambda data: open_checkpoint(data, [key().public]), seeds=(note,)),
        Parser(name="mirror", read=in_file(lambda path: read_mirror(path, [MIRRORED.public])), seeds=(_mirror(), _tar())),
        Parser(name="public-key", read=lambda data: load_public_key(data, where="it"), seeds=(key().pem, pem)),
        Parser(name="certificate", read=load_certificate, seeds=(der, private().authority.public_bytes(Encoding.DER))),
        Parser(
            name="authority",
            read=lambda data: _authorities(TrustFile(path="a.pem", data=data)),
            seeds=(pem, certificate.public_bytes(Encoding.PEM)),
        ),
        Parser(name="trusted-root", read=lambda data: parse_root(data, where="it"), seeds=(private().root,), share=0.5),
        Parser(
            name="timestamp",
            read=lambda data: stamps([data], b"s", trust().roots[0].timestampers),
            seeds=(b"\x30\x05\x30\x03\x02\x01\x00", b"\x30\x05\x30\x03\x02\x01\x02", *tokens()),
            vectors="sigstore-conformance",
        ),
        Parser(
            name="bundle",
            read=lambda data: open_bundle(data, trust(), where="it", untimed=True),
            seeds=(sigstore, keyed_bundle(statement, key()), signed),
            share=0.3,
        ),
        Parser(name="signature", read=_signature, seeds=(sigstore, signed, b"AAAA", b'{"base64Signature": "AAAA"}'), share=0.3),
        Parser(
            name="attestation",
            read=lambda data: list(_attestations(_File(path="a.intoto.jsonl", sha256=SHA, attached=False, data=data), trust())),
            seeds=(signed, sigstore),
            share=0.3,
        ),
        Parser(name="in-toto", read=parse_statement, seeds=(statement,)),
        Parser(
            name="provenance",
            read=lambda data: parse_provenance(PROVENANCE_V1, strict_json(data, "it")),
            seeds=(_json(STATEMENT["predicate"]),),
        ),
        Parser(
            name="model-signature",
            read=lambda data: parse_manifest(data, _tree("a", "b/c"), _request(folder())),
            seeds=(model, manifest({"a": b"a"}, method="shards")),
        ),
        Parser(
            name="image-layout",
            read=in_file(_layout),
            seeds=(oci, _json({"manifests": [{"digest": f"sha256:{SHA}"}]})),
            share=0.3,
        ),
        Parser(name="vex", read=_vex, seeds=(_json(openvex), _json(CYCLONEDX))),
        Parser(
            name="sbom",
            read=lambda data: read_sbom(Document(path="a", sha256=SHA, data=data)),
            seeds=(_json(CYCLONEDX), XML, _json(SPDX2), _json(SPDX3), TAG_VALUE),
            share=0.5,
        ),
        Parser(
            name="purl",
            read=lambda data: package_of(Component(ref="a", name="a", kind="library", purl=data.decode("utf-8", "replace"))),
            seeds=(
                b"pkg:deb/debian/a@1?arch=source&distro=debian-12",
                b"pkg:maven/a/b@1",
                b"pkg:rpm/redhat/a@1-2?epoch=1&upstream=b-1-2.src.rpm",
            ),
        ),
        Parser(name="version", read=_versions, seeds=(b"1!2.3rc1.post4.dev5+x.6", b"1:2.3~rc1-4", b"v1.2.3-alpha.1+b")),
        Parser(name="osv-advisory", read=_osv_ranges, seeds=(_json(ADVISORY),)),
        Parser(name="osv-import", read=in_file(_import), seeds=(_json(ADVISORY),), share=0.05),
        Parser(name="osv-export", read=in_file(_export), seeds=(_zip(**{"A-1.json": b"{}"}), _zip(**{"A-1.json": b"{}" * 99}))),
        Parser(
            name="trivy-log",
            read=lambda data: parse_log(data, Scan(mode="fs", path="."), {}),
            seeds=(b"2026-11-29T08:00:00Z\tWARN\t[pip] Unable to find\terr=x\n2026-11-29T08:00:01Z\tINFO\tdone\n",),
        ),
        Parser(name="trivy-report", read=lambda data: parse_report(data, Scan(mode="fs", path=".")), seeds=(_json(TRIVY),)),
        Parser(
            name="trivy-metadata",
            read=lambda data: parse_metadata("db", data),
            seeds=(b'{"Version": 2, "UpdatedAt": "2026-11-20T00:00:00Z"}',),
        ),
        Parser(name="snapshot-index", read=read_index, seeds=(_json(INDEX),)),
        Parser(name="kernel-buffer", read=_kernel, seeds=(KERNEL,)),
        Parser(name="kernel-journal", read=lambda data: faults(_entries(data.splitlines())), seeds=(JOURNAL,)),
        Parser(
            name="gpu-profile",
            read=lambda data: parse_profile(data, what="it"),
            seeds=((Path(policies.__file__).parent / "skus" / "a10.yaml").read_bytes(),),
            share=0.3,
        ),
        Parser(name="inference-stream", read=_answer, seeds=(EVENTS,)),
        Parser(
            name="inference-server",
            read=_recognised,
            seeds=(b'{"data": [{"id": "a", "owned_by": "vllm"}]}', b'["a"]', b'{"id": "a"}'),
            share=0.2,
        ),
        Parser(
            name="issuer-keys",
            read=key_set,
            seeds=(
                _json(
                    {
                        "keys": [
                            {
                                "kty": "OKP",
                                "crv": "Ed25519",
                                "kid": "a",
                                "use": "sig",
                                "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                            }
                        ]
                    }
                ),
            ),
            share=0.5,
        ),
        Parser(
            name="introspection",
            read=lambda data: introspected(data, _ISSUER, 1_800_000_000),
            seeds=(
                _json(
                    {
                        "active": True,
                        "iss": _ISSUER.name,
                        "aud": "a",
                        "sub": "ada",
                        "exp": 1_800_000_600,
                        "scope": "arcops:read",
                    }
                ),
            ),
        ),
        Parser(
            name="token-review",
            read=lambda data: reviewed(
                data, {"sub": "system:serviceaccount:a:b", "exp": 1_800_000_600}, _ISSUER, 1_800_000_000
            ),
            seeds=(
                _json(
                    {
                        "kind": "TokenReview",
                        "apiVersion": "authentication.k8s.io/v1",
                        "status": {
                            "authenticated": True,
                            "audiences": ["a"],
                            "user": {"username": "system:serviceaccount:a:b", "uid": "u", "groups": ["g"]},
                        },
                    }
                ),
            ),
        ),
        Parser(
            name="access-token",
            read=lambda data: refuse_ended(data.decode("latin-1"), AT),
            seeds=(b"e30.eyJleHAiOiAxOTAwMDAwMDAwfQ.AA",),
        ),
        *(Parser(name=name, read=read, seeds=seeds) for name, (read, seeds) in fit_readers().items()),
    )


@cache
def tokens() -> tuple[bytes, ...]:
    """Timestamp tokens that others made, if they are there."""
    import base64

    from tests.vectors import VECTORS

    found = []
    for path in sorted(VECTORS.glob("sigstore-conformance/*timestamp*/bundle.sigstore.json"))[:2]:
        data = json.loads(path.read_bytes())["verificationMaterial"].get("timestampVerificationData", {})
        found += [base64.b64decode(one["signedTimestamp"]) for one in data.get("rfc3161Timestamps", ())]
    return tuple(found)


def refusals() -> tuple[type[Exception], ...]:
    from arcops.errors import ArcOpsError
    from tasks.inference.events import BadAnswer
    from tasks.model.content.window import Malformed

    return (ArcOpsError, Malformed, BadAnswer)


REFUSALS = refusals()
