"""Signatures that public projects published, verified offline by their own keys and identities.

Three ride in `tests/published` as they were found; the others are read from the vectors if these are there.
"""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from arcops.evidence import Seen
from arcops.request import Request
from arcops.seen.attestations import AttestationSeen
from arcops.seen.content import Content
from arcops.seen.signatures import SignatureSeen
from arcops.seen.tree import FileSeen, Tree
from arcops.tier import Tier
from artifacts.public_key import load_public_key
from tasks.model.attestations import _attestations, _File
from tasks.model.signature_file import read_signature
from tasks.model.tree import look
from tasks.signing.bundles import open_bundle
from tasks.signing.candidate import Candidate
from tasks.signing.trust import Trust, load_trust
from tasks.signing.trusted_root import parse_root
from tests.signing import trust_folder
from tests.tasks.test_signatures_conformance import IDENTITY, ISSUER, public_good
from tests.vectors import vectors

PUBLISHED = Path(__file__).resolve().parents[1] / "published"

# NVIDIA/skills: an agent skill, signed in the format of OpenSSF Model Signing with a certificate of NVIDIA's own authority.

SKILL = {
    "BENCHMARK.md": "7d8d72421dbd34d7279abee63b787ef59016aef0f673868af1a98256d06aff29",
    "SKILL.md": "df43b57f2081a6d437605353dd436765e0010856311c7ff2761b83fddcaf2ed0",
    "evals/evals.json": "6705be519e151004ed6d5466cc9165474d631f6a4728ba7aeef06f831f1a22e4",
    "scripts/check.py": "893a7576d555a516ddca5a04a07b4756e21bfc49a0a7a9f6d522afe6d99d4cc1",
    "skill-card.md": "e14c489effec2200b33cb0b2514ace6a674ccf9e71a605a6b0bc6d22d5554b44",
}
ROOT_SHA256 = "6f1bb875b77aea3fc878a7a3237497235c53657601375c0ef4bdcde69e843782"


def _skill(tmp_path: Path, data: bytes) -> SignatureSeen:
    document = json.loads(data)
    chain = document["verificationMaterial"]["x509CertificateChain"]["certificates"]
    root = base64.b64decode(chain[-1]["rawBytes"])
    assert hashlib.sha256(root).hexdigest() == ROOT_SHA256
    pem = x509.load_der_x509_certificate(root).public_bytes(Encoding.PEM)
    trust = load_trust(trust_folder(tmp_path / "trust", files={"authorities/nvidia.pem": pem}))
    other = Content(format="other")
    files = [FileSeen(path=path, size=1, sha256=sha, executable=False, content=other) for path, sha in SKILL.items()]
    tree = Tree(root="0" * 64, files=tuple(files))
    now = datetime(2026, 11, 29, tzinfo=UTC)
    request = Request(
        target=tmp_path, kind="model", tier=Tier.AIR_GAPPED, now=now, trust=tmp_path, data=tmp_path, cache=tmp_path
    )
    seen = read_signature(Candidate(path="skill.oms.sig", data=data, attached=False, sha256="1" * 64), request, tree, trust)
    assert seen is not None
    return seen


@pytest.mark.requirement("ARC-A1/model-signatures-verify")
def test_a_skill_of_nvidia_verifies_by_nvidias_authority(tmp_path: Path) -> None:
    seen = _skill(tmp_path, (PUBLISHED / "nvidia-skill.oms.sig").read_bytes())
    assert seen.problem == ""
    assert seen.format == "model-signing-1.0"
    assert [signer.identity for signer in seen.signers] == ["CN=NVIDIA Agent Skills Signing 001,O=NVIDIA Corporation,C=US"]
    assert [signer.issuer for signer in seen.signers] == ["CN=NVIDIA Agent Capabilities CA,O=NVIDIA Corporation,C=US"]
    assert {covered.path: covered.sha256 for covered in seen.covers} == SKILL
    assert seen.untimed, "it carries neither a log entry nor a timestamp"
    assert seen.ignored == (".git", ".gitattributes", ".github", ".gitignore")


@pytest.mark.requirement("ARC-A1/model-signatures-verify")
@pytest.mark.parametrize("part", ["payload", "signature", "certificate"])
def test_a_changed_skill_of_nvidia_proves_nothing(tmp_path: Path, part: str) -> None:
    document = json.loads((PUBLISHED / "nvidia-skill.oms.sig").read_bytes())
    holder, name = {
        "payload": (document["dsseEnvelope"], "payload"),
        "signature": (document["dsseEnvelope"]["signatures"][0], "sig"),
        "certificate": (document["verificationMaterial"]["x509CertificateChain"]["certificates"][0], "rawBytes"),
    }[part]
    raw = bytearray(base64.b64decode(holder[name]))
    raw[-2] ^= 1
    holder[name] = base64.b64encode(raw).decode()
    seen = _skill(tmp_path, json.dumps(document).encode())
    assert "proves nothing" in seen.problem
    assert not seen.signers


# npm: the statement that it published version 1.3.0 of Sigstore's JavaScript client.

NPM_KEY = (
    b"-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE1Olb3zMAFFxXKHiIkQO5cJ3Yhl5i6UPp+IhuteBJbuHcA5UogKo0EWtl"
    b"WwW6KSaKoTNEYL7JlCQiVnkhBktUgg==\n-----END PUBLIC KEY-----\n"
)


@pytest.mark.requirement("ARC-A1/sigstore-bundles-verify")
def test_npms_statement_of_publication_verifies_by_npms_key() -> None:
    trust = Trust(digest="sha256:0", keys=(load_public_key(NPM_KEY, where="npm"),))
    data = (PUBLISHED / "npm-sigstore-1.3.0.dsse.json").read_bytes()
    (seen,) = _attestations(_File(path="it.dsse.json", sha256="", attached=True, data=data), trust)
    assert (seen.problem, [signer.key for signer in seen.signers]) == ("", [trust.keys[0].id])
    assert [subject.name for subject in seen.subjects] == ["pkg:npm/sigstore@1.3.0"]
    changed = json.loads(data)
    changed["payload"] = base64.b64encode(base64.b64decode(changed["payload"]).replace(b"1.3.0", b"1.3.1")).decode()
    (seen,) = _attestations(_File(path="it.dsse.json", sha256="", attached=True, data=json.dumps(changed).encode()), trust)
    assert "proves nothing" in seen.problem


# sigstore-js: the provenance of a release, as its own library wrote the bundle, verified by its workflow's identity.

RELEASE = "https://github.com/sigstore/sigstore-js/.github/workflows/release.yml@refs/heads/main"


def _release(data: bytes) -> AttestationSeen:
    trust = Trust(digest="sha256:0", roots=(public_good(),))
    (seen,) = _attestations(_File(path="it.sigstore.json", sha256="", attached=True, data=data), trust)
    return seen


@pytest.mark.requirement("ARC-A1/sigstore-bundles-verify")
def test_provenance_of_sigstore_js_verifies_by_its_workflow() -> None:
    seen = _release((PUBLISHED / "npm-sigstore-2.2.0.sigstore.json").read_bytes())
    assert seen.problem == ""
    assert [(signer.identity, signer.issuer) for signer in seen.signers] == [(RELEASE, ISSUER)]
    assert [subject.name for subject in seen.subjects] == ["pkg:npm/sigstore@2.2.0"]
    assert seen.provenance is not None
    assert seen.provenance.builder == "https://github.com/actions/runner/github-hosted"


@pytest.mark.requirement("ARC-A1/sigstore-bundles-verify")
@pytest.mark.parametrize("part", ["payload", "proof", "time"])
def test_changed_provenance_of_sigstore_js_proves_nothing(part: str) -> None:
    document = json.loads((PUBLISHED / "npm-sigstore-2.2.0.sigstore.json").read_bytes())
    entry = document["verificationMaterial"]["tlogEntries"][0]
    match part:
        case "payload":
            said = base64.b64decode(document["dsseEnvelope"]["payload"]).replace(b"2.2.0", b"2.2.1")
            document["dsseEnvelope"]["payload"] = base64.b64encode(said).decode()
        case "proof":
            entry["inclusionProof"]["hashes"].reverse()
        case _:
            entry["integratedTime"] = str(int(entry["integratedTime"]) + 3600)
    seen = _release(json.dumps(document).encode())
    assert "proves nothing" in seen.problem
    assert not seen.signers


# busybeaver/homelab-shared: a project signs the file of its public key by that key, with cosign.

COSIGN_SHA256 = "c5905f796789e76f7a384f4acb67589d527e39e5e0566d6b7809cbcd4654e7e5"


def _cosigned(tmp_path: Path, data: bytes, signature: bytes, key: bytes) -> SignatureSeen:
    model = tmp_path / "model"
    model.mkdir()
    (model / "cosign.pub").write_bytes(data)
    (model / "cosign.pub.sig").write_bytes(signature)
    trust = load_trust(trust_folder(tmp_path / "trust", files={"keys/homelab.pub": key}))
    now = datetime(2026, 11, 29, tzinfo=UTC)
    request = Request(
        target=model, kind="model", tier=Tier.AIR_GAPPED, now=now, trust=tmp_path, data=tmp_path, cache=tmp_path / "cache"
    )
    tree = look.look(request, Seen({}, at=now, subject_name="model")).body
    sha256 = hashlib.sha256(signature).hexdigest()
    seen = read_signature(Candidate(path="cosign.pub.sig", data=signature, attached=False, sha256=sha256), request, tree, trust)
    assert seen is not None
    return seen


@pytest.mark.requirement("ARC-A1/cosign-signatures-verify")
def test_a_file_that_a_project_signed_by_cosign_verifies_by_its_own_key(tmp_path: Path) -> None:
    key, signature = ((PUBLISHED / name).read_bytes() for name in ("homelab-cosign.pub", "homelab-cosign.pub.sig"))
    assert hashlib.sha256(key).hexdigest() == COSIGN_SHA256
    seen = _cosigned(tmp_path, key, signature, key)
    assert seen.problem == ""
    assert [signer.key for signer in seen.signers] == [load_public_key(key, where="it").id]
    assert {covered.path: covered.sha256 for covered in seen.covers} == {"cosign.pub": COSIGN_SHA256}


@pytest.mark.requirement("ARC-A1/cosign-signatures-verify")
@pytest.mark.parametrize("part", ["file", "signature", "key"])
def test_a_changed_file_that_a_project_signed_by_cosign_proves_nothing(tmp_path: Path, part: str) -> None:
    key, signature = ((PUBLISHED / name).read_bytes() for name in ("homelab-cosign.pub", "homelab-cosign.pub.sig"))
    data, trusted = key, key
    match part:
        case "file":
            data = key + b"\n"
        case "signature":
            raw = bytearray(base64.b64decode(signature))
            raw[-2] ^= 1
            signature = base64.b64encode(raw)
        case _:
            trusted = NPM_KEY
    seen = _cosigned(tmp_path, data, signature, trusted)
    assert seen.problem
    assert not seen.signers


# From the vectors: the identity and the statement of each project, as it published them.


@pytest.mark.requirement("ARC-A1/sigstore-bundles-verify")
def test_slsa_provenance_of_sigstores_conformance_verifies_by_its_workflow() -> None:
    case = vectors("sigstore-conformance") / "intoto-with-custom-trust-root"
    trust = Trust(digest="sha256:0", roots=(parse_root((case / "trusted_root.json").read_bytes(), where="root"),))
    data = (case / "bundle.sigstore.json").read_bytes()
    (seen,) = _attestations(_File(path="it.sigstore.json", sha256="", attached=True, data=data), trust)
    assert seen.problem == ""
    assert [signer.identity for signer in seen.signers] == [IDENTITY]
    assert seen.provenance is not None
    assert seen.provenance.builder == "https://github.com/actions/runner/github-hosted"


@pytest.mark.requirement("ARC-A1/sigstore-bundles-verify")
def test_a_keyless_blob_of_sigstores_beacon_verifies_by_its_workflow() -> None:
    corpus = vectors("sigstore-conformance")
    data, blob = (corpus / "happy-path-v0.3/bundle.sigstore.json").read_bytes(), (corpus / "a.txt").read_bytes()
    trust = Trust(digest="sha256:0", roots=(public_good(),))
    (signer,) = open_bundle(data, trust, artifact=blob, where="it").signers
    assert (signer.identity, signer.issuer) == (IDENTITY, ISSUER)
