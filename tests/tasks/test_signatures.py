"""Signatures over models on disk: what verifies, and the smallest change to each that must not."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from arcops.errors import Refused
from arcops.finding import Outcome
from arcops.gate import Gate
from arcops.result import GateResult
from arcops.seen.signatures import Revoked
from arcops.signer import SignerRule
from arcops.verdict import Verdict
from artifacts.revocation import RevocationList, parse_revocations, revocation_statement
from gates.model.signatures.gate import signatures
from gates.model.signatures.policy import SignaturePolicy
from tests.evidence import NOW, judged
from tests.signing import Key, b64, collect, envelope, keyed_bundle, manifest, trust_folder
from tests.tasks.test_signatures_conformance import public_good_data
from tests.vectors import vectors

pytestmark = pytest.mark.requirement("ARC-A1/model-signatures-verify")

FILES = {"config.json": b"{}", "sub/weights.safetensors": b"weights"}
IBM = SignerRule(identity="stefanb@us.ibm.com", issuer="https://sigstore.verify.ibm.com/oauth2")
CERTIFIED = SignerRule(identity="CN=intermediate-ca", issuer="CN=root-ca")
ANY_KEY = SignerRule(key="*")
LENIENT = SignaturePolicy(signers=(ANY_KEY, IBM, CERTIFIED), require_revocations=False)


@pytest.fixture(name="key")
def _key() -> Key:
    return Key()


@pytest.fixture(name="model")
def _model(tmp_path: Path, key: Key) -> Path:
    """A model signed by *key*, with its trust beside it."""
    model = tmp_path / "model"
    for name, data in FILES.items():
        (model / name).parent.mkdir(parents=True, exist_ok=True)
        (model / name).write_bytes(data)
    (model / "model.sig").write_bytes(keyed_bundle(manifest(FILES, ignored=("model.sig",)), key))
    trust_folder(tmp_path / "trust", keys=(key,))
    return model


def judge_on_disk(model: Path, trust: Path, policy: SignaturePolicy = LENIENT, attached: tuple[Path, ...] = ()) -> GateResult:
    gate: Gate[object] = signatures  # type: ignore[assignment]  # the judge asks only for its own policy type
    return judged(gate, policy, collect(model, trust, attached=attached), subject_name=model.name)


def failed(result: GateResult) -> set[tuple[str, str]]:
    return {
        (finding.rule.removeprefix("signatures/"), finding.about)
        for finding in result.findings
        if finding.outcome in (Outcome.FAIL, Outcome.UNKNOWN)
    }


# The corpus of OpenSSF Model Signing.


@pytest.fixture(name="openssf")
def _openssf(tmp_path: Path) -> Path:
    corpus = vectors("model-signing")
    return trust_folder(
        tmp_path / "openssf",
        files={
            "keys/signing.pem": (corpus / "keys/signing-key-pub.pem").read_bytes(),
            "authorities/ca.pem": (corpus / "keys/ca-cert.pem").read_bytes(),
            "roots/public-good.json": public_good_data(),
        },
    )


@pytest.mark.parametrize(
    ("name", "unsigned", "untimed"),
    [
        ("v0.2.0-certificate", (), True),
        ("v0.3.1-elliptic-key", (), False),
        ("v1.0.0-sigstore", (), False),
        ("v1.1.0-certificate", ("ignore-me",), True),
        ("v1.1.0-elliptic-key", ("ignore-me",), False),
        ("v1.1.0-sigstore", ("ignore-me",), False),
    ],
)
def test_every_released_format_of_model_signing_verifies(
    openssf: Path, name: str, unsigned: tuple[str, ...], untimed: bool
) -> None:
    model = vectors("model-signing") / name
    policy = replace(LENIENT, unsigned_paths=unsigned, allow_untimed_certificates=untimed)
    assert judge_on_disk(model, openssf, policy).verdict is Verdict.GREEN
    if unsigned:
        assert failed(judge_on_disk(model, openssf, replace(policy, unsigned_paths=()))) == {("ignored-paths", "ignore-me")}
    if untimed:
        refused = failed(judge_on_disk(model, openssf, replace(policy, allow_untimed_certificates=False)))
        assert ("trusted-time", "model.sig") in refused


@pytest.mark.parametrize("name", ["v0.2.0-certificate", "v0.3.1-elliptic-key", "v1.0.0-sigstore", "v1.1.0-sigstore"])
def test_a_changed_file_of_the_corpus_is_red(openssf: Path, name: str, tmp_path: Path) -> None:
    model = tmp_path / name
    shutil.copytree(vectors("model-signing") / name, model)
    with (model / "signme-1").open("ab") as file:
        file.write(b"x")
    policy = replace(LENIENT, unsigned_paths=("ignore-me",), allow_untimed_certificates=True)
    assert ("matches", "signme-1") in failed(judge_on_disk(model, openssf, policy))


def test_a_file_signed_as_a_whole_model_verifies_alone(openssf: Path) -> None:
    folder = vectors("model-signing") / "v0.3.1-elliptic-key"
    assert judge_on_disk(folder / "signme-1", openssf, attached=(folder / "model.sig",)).verdict is Verdict.GREEN


# Our own rules on top.


def test_a_signed_model_is_green_and_no_one_is_allowed_by_default(model: Path, tmp_path: Path) -> None:
    assert judge_on_disk(model, tmp_path / "trust").verdict is Verdict.GREEN
    refused = failed(judge_on_disk(model, tmp_path / "trust", SignaturePolicy()))
    assert {("signer", ""), ("revocation-list", "")} <= refused


def _flip(path: str) -> Callable[[Path], None]:
    def flip(model: Path) -> None:
        data = bytearray((model / path).read_bytes())
        data[-1] ^= 1
        (model / path).write_bytes(data)

    return flip


def _remanifest(change: Callable[[dict[str, object]], None]) -> Callable[[Path], None]:
    def remake(model: Path) -> None:
        bundle = json.loads((model / "model.sig").read_bytes())
        statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
        change(statement)
        bundle["dsseEnvelope"]["payload"] = b64(json.dumps(statement).encode())
        (model / "model.sig").write_bytes(json.dumps(bundle).encode())

    return remake


def _drop_entry(statement: dict[str, object]) -> None:
    predicate = statement["predicate"]
    assert isinstance(predicate, dict)
    predicate["resources"].pop()


def _add_link(model: Path) -> None:
    (model / "link").symlink_to("config.json")


MUTATIONS: list[tuple[Callable[[Path], object], tuple[str, str]]] = [
    (_flip("sub/weights.safetensors"), ("matches", "sub/weights.safetensors")),
    (lambda model: (model / "config.json").unlink(), ("matches", "config.json")),
    (lambda model: (model / "evil.pkl").write_bytes(b"x"), ("complete", "evil.pkl")),
    (_add_link, ("complete", "link")),
    (_remanifest(_drop_entry), ("proven", "model.sig")),
    (lambda model: (model / "model.sig").write_bytes((model / "model.sig").read_bytes()[:-20]), ("proven", "model.sig")),
    (lambda model: (model / "second.sig").write_bytes(b"AAAA"), ("proven", "second.sig")),
]


@pytest.mark.parametrize(("mutate", "expected"), MUTATIONS, ids=[expected[0] + "-" + expected[1] for _, expected in MUTATIONS])
def test_the_smallest_change_is_red(
    model: Path, tmp_path: Path, mutate: Callable[[Path], object], expected: tuple[str, str]
) -> None:
    mutate(model)
    assert expected in failed(judge_on_disk(model, tmp_path / "trust"))


def test_a_file_that_the_signer_ignored_is_red_and_the_policy_may_name_it(model: Path, key: Key, tmp_path: Path) -> None:
    (model / "model.sig").write_bytes(keyed_bundle(manifest(FILES, ignored=("model.sig", ".git")), key))
    assert judge_on_disk(model, tmp_path / "trust").verdict is Verdict.GREEN
    (model / ".git").mkdir()
    (model / ".git/evil.pkl").write_bytes(b"x")
    assert failed(judge_on_disk(model, tmp_path / "trust")) == {("ignored-paths", ".git/evil.pkl")}
    named = replace(LENIENT, unsigned_paths=(".git",))
    assert judge_on_disk(model, tmp_path / "trust", named).verdict is Verdict.GREEN


def test_a_key_that_is_not_enrolled_proves_nothing(model: Path, tmp_path: Path) -> None:
    other = trust_folder(tmp_path / "other", keys=(Key(),))
    _, seen = collect(model, other)
    assert "a key that is not enrolled" in seen.signatures[0].problem
    assert not seen.signatures[0].signers


@pytest.mark.parametrize(
    "files",
    [{"../evil": b""}, {"/etc/passwd": b""}, {"a//b": b""}, {"a\\b": b""}, {"./a": b""}, {".": b"", "a": b""}],
    ids=str,
)
def test_a_manifest_that_names_paths_outside_is_refused(model: Path, key: Key, tmp_path: Path, files: dict[str, bytes]) -> None:
    (model / "model.sig").write_bytes(keyed_bundle(manifest(files), key))
    _, seen = collect(model, tmp_path / "trust")
    assert seen.signatures[0].problem


def test_a_manifest_whose_root_is_another_is_refused(model: Path, key: Key, tmp_path: Path) -> None:
    statement = json.loads(manifest(FILES))
    statement["subject"][0]["digest"]["sha256"] = "00" * 32
    (model / "model.sig").write_bytes(keyed_bundle(json.dumps(statement).encode(), key))
    assert ("proven", "model.sig") in failed(judge_on_disk(model, tmp_path / "trust"))


def _sharded(size: int) -> bytes:
    listed = []
    for name, data in sorted(FILES.items()):
        for start in range(0, len(data), size):
            end = min(start + size, len(data))
            listed.append((f"{name}:{start}:{end}", hashlib.blake2b(data[start:end]).digest()))
    statement = json.loads(manifest(FILES))
    statement["predicate"]["serialization"] |= {"method": "shards", "hash_type": "blake2", "shard_size": size}
    statement["predicate"]["resources"] = [{"name": n, "algorithm": "blake2b", "digest": d.hex()} for n, d in listed]
    statement["subject"][0]["digest"]["sha256"] = hashlib.sha256(b"".join(d for _, d in listed)).hexdigest()
    return json.dumps(statement).encode()


def test_shards_and_other_digests_are_held_against_the_bytes(model: Path, key: Key, tmp_path: Path) -> None:
    (model / "model.sig").write_bytes(keyed_bundle(_sharded(3), key))
    assert judge_on_disk(model, tmp_path / "trust").verdict is Verdict.GREEN
    with (model / "sub/weights.safetensors").open("ab") as file:
        file.write(b"more")
    assert ("matches", "sub/weights.safetensors") in failed(judge_on_disk(model, tmp_path / "trust"))


def test_the_expected_model_can_be_pinned(model: Path, tmp_path: Path) -> None:
    _, seen = collect(model, tmp_path / "trust")
    pinned = replace(LENIENT, expected_digest=f"sha256:{seen.signatures[0].model_digest}")
    assert judge_on_disk(model, tmp_path / "trust", pinned).verdict is Verdict.GREEN
    other = replace(LENIENT, expected_digest=f"sha256:{'00' * 32}")
    assert failed(judge_on_disk(model, tmp_path / "trust", other)) == {("expected-digest", "")}


def test_two_of_two_needs_two_different_keys(model: Path, key: Key, tmp_path: Path) -> None:
    second, two = Key(), replace(LENIENT, threshold=2)
    trust = trust_folder(tmp_path / "both", keys=(key, second))
    payload = manifest(FILES)
    for again, verdict in ((key, Verdict.RED), (second, Verdict.GREEN)):
        beside = tmp_path / "second.sig"
        beside.write_bytes(keyed_bundle(payload, again))
        assert judge_on_disk(model, trust, two, attached=(beside,)).verdict is verdict
    inside = model / "second.sig"
    inside.write_bytes(keyed_bundle(payload, second))
    assert judge_on_disk(model, trust, two).verdict is Verdict.GREEN
    inside.write_bytes(keyed_bundle(manifest({"config.json": FILES["config.json"]}), second))
    assert ("complete", "sub/weights.safetensors") in failed(judge_on_disk(model, trust, two))


def test_a_bare_envelope_by_enrolled_keys_counts_each_signer(model: Path, key: Key, tmp_path: Path) -> None:
    second = Key()
    trust = trust_folder(tmp_path / "both", keys=(key, second))
    (model / "model.sig").write_bytes(json.dumps(envelope(manifest(FILES), key, second)).encode())
    assert judge_on_disk(model, trust, replace(LENIENT, threshold=2)).verdict is Verdict.GREEN
    assert judge_on_disk(model, tmp_path / "trust", replace(LENIENT, threshold=2)).verdict is Verdict.RED


def test_no_signature_and_no_trust_are_refused(model: Path, tmp_path: Path) -> None:
    (model / "model.sig").unlink()
    with pytest.raises(Refused, match="no signature was found"):
        collect(model, tmp_path / "trust")
    with pytest.raises(Refused, match="does not exist or is not a folder"):
        collect(model, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(Refused, match="holds no trust"):
        collect(model, tmp_path / "empty")


def test_an_attestation_is_neither_counted_nor_called_broken(model: Path, key: Key, tmp_path: Path) -> None:
    statement = {"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://slsa.dev/provenance/v1"}
    beside = tmp_path / "provenance.sigstore.json"
    beside.write_bytes(keyed_bundle(json.dumps(statement).encode(), key))
    _, seen = collect(model, tmp_path / "trust", attached=(beside,))
    assert [signature.path for signature in seen.signatures] == ["model.sig"]


def test_an_attached_signature_needs_no_special_name(model: Path, tmp_path: Path) -> None:
    beside, sbom = tmp_path / "released", tmp_path / "sbom.json"
    (model / "model.sig").rename(beside)
    sbom.write_text("{}")
    assert judge_on_disk(model, tmp_path / "trust", attached=(beside, sbom)).verdict is Verdict.GREEN


# Single files.


def test_a_cosign_signature_beside_a_file(tmp_path: Path, key: Key) -> None:
    model, trust = tmp_path / "model", trust_folder(tmp_path / "trust", keys=(key,))
    model.mkdir()
    (model / "weights.gguf").write_bytes(b"weights")
    (model / "weights.gguf.sig").write_text(b64(key.sign(b"weights")) + "\n")
    assert judge_on_disk(model, trust).verdict is Verdict.GREEN
    (model / "weights.gguf").write_bytes(b"Weights")
    assert ("proven", "weights.gguf.sig") in failed(judge_on_disk(model, trust))


@pytest.mark.parametrize("changed", [b"weights", b"Weights"])
def test_a_key_bundle_over_a_single_file(tmp_path: Path, key: Key, changed: bytes) -> None:
    trust = trust_folder(tmp_path / "trust", keys=(key,))
    (tmp_path / "weights.gguf").write_bytes(changed)
    digest = {"algorithm": "SHA2_256", "digest": b64(hashlib.sha256(b"weights").digest())}
    bundle = json.loads(keyed_bundle(b"{}", key)) | {
        "messageSignature": {"messageDigest": digest, "signature": b64(key.sign(b"weights"))}
    }
    del bundle["dsseEnvelope"]
    (tmp_path / "weights.gguf.sigstore.json").write_text(json.dumps(bundle))
    result = judge_on_disk(tmp_path / "weights.gguf", trust, attached=(tmp_path / "weights.gguf.sigstore.json",))
    assert result.verdict is (Verdict.GREEN if changed == b"weights" else Verdict.RED)


# Revocation.


def _revoking(key: Key, listed: RevocationList) -> dict[str, bytes]:
    return {"revocations/list.json": json.dumps(envelope(revocation_statement(listed), key)).encode()}


def _demanding(key: Key) -> SignaturePolicy:
    return replace(LENIENT, require_revocations=True, revocation_signers=(SignerRule(key=key.public.id),))


def test_a_revocation_list_is_read_back_as_it_was_made() -> None:
    listed = RevocationList(issued_at=NOW, revoked=(Revoked(at=NOW, reason="lost", sha256="aa" * 32),))
    assert parse_revocations(revocation_statement(listed)) == listed


def test_a_fresh_list_is_demanded_and_a_stale_one_is_red(model: Path, key: Key, tmp_path: Path) -> None:
    for days, verdict in ((1, Verdict.GREEN), (8, Verdict.RED), (-1, Verdict.RED)):
        files = _revoking(key, RevocationList(issued_at=NOW - timedelta(days=days)))
        trust = trust_folder(tmp_path / "trust", keys=(key,), files=files)
        assert judge_on_disk(model, trust, _demanding(key)).verdict is verdict


@pytest.mark.parametrize("what", ["key", "file", "model"])
def test_what_is_revoked_never_counts(model: Path, key: Key, tmp_path: Path, what: str) -> None:
    _, seen = collect(model, tmp_path / "trust")
    entry = {
        "key": Revoked(at=NOW, reason="lost", key=key.public.id),
        "file": Revoked(at=NOW, reason="malware", sha256=hashlib.sha256(b"weights").hexdigest()),
        "model": Revoked(at=NOW, reason="withdrawn", sha256=seen.signatures[0].model_digest),
    }[what]
    officer = Key()
    files = _revoking(officer, RevocationList(issued_at=NOW - timedelta(hours=1), revoked=(entry,)))
    trust = trust_folder(tmp_path / "trust", keys=(key, officer), files=files)
    assert "revoked" in {rule for rule, _ in failed(judge_on_disk(model, trust, _demanding(officer)))}
    unknown = failed(judge_on_disk(model, trust, _demanding(key)))
    assert ("revocation-list", "revocations/list.json") in unknown
