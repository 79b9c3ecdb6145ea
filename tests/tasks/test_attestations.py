"""The collector of attestations, on files on disk and with real keys: what it proves, what it reports, what it refuses."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused
from arcops.evidence import Seen
from arcops.finding import Outcome
from arcops.request import Request
from arcops.seen.attestations import Attestations, AttestationSeen
from arcops.seen.content import Content
from arcops.seen.signatures import Revoked
from arcops.seen.tree import FileSeen, Tree
from arcops.signer import ProvenSigner, SignerRule
from arcops.slsa import PROVENANCE_V1, SUMMARY_V1
from arcops.tier import Tier
from arcops.verdict import Verdict
from artifacts.envelope import IN_TOTO, pae
from artifacts.public_key import public_key
from artifacts.revocation import RevocationList, revocation_statement
from artifacts.wire import canonical, from_json, to_json
from gates.model.provenance.gate import provenance
from gates.model.provenance.policy import ProvenancePolicy, TrustedBuilder
from tasks.model.attestations import look
from tasks.signing.statement import parse_statement
from tests.arcops.test_slsa import SUMMARY, V1
from tests.evidence import NOW, evidence, judged
from tests.vectors import vectors

pytestmark = pytest.mark.requirement("ARC-A2/attestations-are-read")

WEIGHTS = b"weights"
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()


def statement(predicate: object = V1, kind: str = PROVENANCE_V1, **changes: object) -> dict[str, object]:
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "model.bin", "digest": {"sha256": SHA256}}],
        "predicateType": kind,
        "predicate": predicate,
    } | changes


def envelope(key: Ed25519PrivateKey, payload: object, kind: str = IN_TOTO) -> bytes:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    signature = base64.b64encode(key.sign(pae(kind, data))).decode()
    encoded = base64.b64encode(data).decode()
    return json.dumps({"payloadType": kind, "payload": encoded, "signatures": [{"sig": signature}]}).encode()


class Place:
    """A model, a trust directory with one key, and what lies beside the model."""

    def __init__(self, folder: Path) -> None:
        self.model, self.trust = folder / "model", folder / "trust"
        self.model.mkdir()
        (self.trust / "keys").mkdir(parents=True)
        (self.model / "model.bin").write_bytes(WEIGHTS)
        self.key = Ed25519PrivateKey.generate()
        own = public_key(self.key.public_key(), where="test")
        (self.trust / "keys" / "own.pub").write_bytes(own.pem)
        self.signer = ProvenSigner(key=own.id)

    def collected(self, files: Mapping[str, bytes], attached: tuple[Path, ...] = ()) -> tuple[AttestationSeen, ...]:
        for name, data in files.items():
            (self.model / name).write_bytes(data)
        return self.look(self.tree(), attached).attestations

    def tree(self) -> Tree:
        files = tuple(
            FileSeen(
                path=path.relative_to(self.model).as_posix(),
                size=path.stat().st_size,
                sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
                executable=False,
                content=Content(format="other" if path.name == "model.bin" else "json"),
            )
            for path in sorted(self.model.rglob("*"))
        )
        return Tree(root="00" * 32, files=files)

    def look(self, tree: Tree, attached: tuple[Path, ...] = ()) -> Attestations:
        request = Request(
            target=self.model,
            kind="model",
            tier=Tier.AIR_GAPPED,
            now=datetime(2026, 11, 21, tzinfo=UTC),
            trust=self.trust,
            data=self.trust,
            cache=self.trust,
            attached=attached,
        )
        sighting = look.look(request, Seen({Tree.KIND: evidence(tree)}, at=NOW, subject_name="model"))
        assert sighting.sources[0].digest.startswith("sha256:")
        return sighting.body


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_signed_provenance_is_proven_and_read(place: Place) -> None:
    (seen,) = place.collected({"model.intoto.jsonl": envelope(place.key, statement()) + b"\n"})
    assert (seen.signers, seen.problem, seen.misshapen, seen.line) == ((place.signer,), "", "", 1)
    assert seen.provenance is not None
    assert seen.provenance.builder == "https://builds.example/hosted"
    assert seen.subjects[0].digests[0].value == SHA256


def test_every_line_is_an_attestation_of_its_own(place: Place) -> None:
    lines = [envelope(place.key, statement()), b"", envelope(place.key, statement(SUMMARY, SUMMARY_V1)), b"{not json"]
    seen = place.collected({"model.intoto.jsonl": b"\n".join(lines)})
    assert [(each.line, bool(each.problem)) for each in seen] == [(1, False), (3, False), (4, True)]
    assert seen[1].summary is not None
    assert seen[1].about == "model.intoto.jsonl:3"


@pytest.mark.parametrize(
    "name", ["a.intoto.json", "a.dsse.json", "a.dsse", "a.att", "a.sigstore.json", "a.sigstore", "a.attestation.json"]
)
def test_attestations_are_found_by_name(place: Place, name: str) -> None:
    (seen,) = place.collected({name: envelope(place.key, statement())})
    assert (seen.path, seen.signers, seen.line) == (name, (place.signer,), 0)


def test_attached_files_are_found_by_name_or_by_content(place: Place, tmp_path: Path) -> None:
    named, plain, bom = tmp_path / "x.intoto.json", tmp_path / "y.json", tmp_path / "bom.json"
    named.write_bytes(envelope(place.key, statement()))
    plain.write_bytes(envelope(place.key, statement()))
    bom.write_text('{"bomFormat": "CycloneDX"}')
    seen = place.collected({}, attached=(named, plain, bom))
    assert [(each.path, each.attached) for each in seen] == [("x.intoto.json", True), ("y.json", True)]


def test_the_predicate_is_kept_exactly_as_signed(place: Place) -> None:
    text = '{"b":  1.50, "a": [true , "\\u00e9 }"]}'
    payload = f'{{ "predicateType" : "https://openvex.dev/ns/v0.2.0","subject":[{{"digest":{{"sha256":"{SHA256}"}}}}], \n "predicate": {text} ,"_type":"https://in-toto.io/Statement/v0.1"}}'  # noqa: E501  # one document
    (seen,) = place.collected({"vex.intoto.json": envelope(place.key, payload.encode())})
    assert (seen.predicate, seen.predicate_type, seen.problem) == (text, "https://openvex.dev/ns/v0.2.0", "")
    assert seen.provenance is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@given(_JSON, st.sampled_from([None, 1]))
def test_any_predicate_comes_back_as_its_own_text(predicate: object, indent: int | None) -> None:
    read = parse_statement(json.dumps(statement(predicate), indent=indent).encode())
    assert json.loads(read.text) == predicate == read.predicate


@given(st.binary(max_size=200))
def test_any_bytes_are_a_statement_or_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        parse_statement(data)


def _flipped(data: bytes) -> bytes:
    document = json.loads(data)
    payload = base64.b64decode(document["payload"]).replace(b"hosted", b"hoaxed")
    return json.dumps(document | {"payload": base64.b64encode(payload).decode()}).encode()


def test_what_cannot_be_proven_is_reported_and_never_signed(place: Place) -> None:
    good, other = envelope(place.key, statement()), Ed25519PrivateKey.generate()
    bad = {
        "changed": (_flipped(good), "enrolled key"),
        "other-key": (envelope(other, statement()), "enrolled key"),
        "truncated": (good[:-20], "not JSON"),
        "unsigned": (json.dumps(statement()).encode(), "without a signature"),
        "signatureless": (json.dumps(json.loads(good) | {"signatures": []}).encode(), "no signature"),
        "other-payload": (envelope(place.key, {}, "application/vnd.example"), "not an in-toto statement"),
        "no-statement": (envelope(place.key, {"_type": "https://in-toto.io/Statement/v9"}), "not an in-toto statement"),
        "no-subject": (envelope(place.key, statement(subject=[])), "has no subject"),
        "no-digest": (envelope(place.key, statement(subject=[{"name": "x", "digest": {}}])), "without a digest"),
        "odd-digest": (envelope(place.key, statement(subject=[{"digest": {"sha256": "QQ"}}])), "not lower-case hex"),
        "duplicate": (
            envelope(place.key, json.dumps(statement()).replace('"_type"', '"subject":1,"_type"').encode()),
            "duplicate",
        ),
        "empty": (b"", "not JSON"),
        "list": (b"[]", "not a JSON object"),
        "bundle": (json.dumps({"dsseEnvelope": json.loads(good), "mediaType": "x"}).encode(), "not that of a Sigstore bundle"),
    }
    for name, (data, _) in bad.items():
        folder = place.model / name
        folder.mkdir()
        (folder / "x.intoto.json").write_bytes(data)
    seen = {each.path.split("/")[0]: each for each in place.look(_only_files(place)).attestations}
    assert {name: why in seen[name].problem for name, (_, why) in bad.items()} == dict.fromkeys(bad, True)
    assert all(each.signers == () for each in seen.values())


def _only_files(place: Place) -> Tree:
    tree = []
    for path in sorted(place.model.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            tree.append(
                FileSeen(
                    path=path.relative_to(place.model).as_posix(),
                    size=len(data),
                    sha256=hashlib.sha256(data).hexdigest(),
                    executable=False,
                    content=Content(format="json"),
                )
            )
    return Tree(root="00" * 32, files=tuple(tree))


def test_a_signed_predicate_of_the_wrong_shape_says_so(place: Place) -> None:
    (seen,) = place.collected({"a.intoto.json": envelope(place.key, statement({"builder": {}}))})
    assert (seen.signers, seen.provenance) == ((place.signer,), None)
    assert "buildDefinition" in seen.misshapen


def test_signatures_over_files_and_models_are_left_to_their_own_collector(place: Place) -> None:
    model = statement({}, "https://model_signing/signature/v1.0")
    files = {
        "model.sigstore.json": envelope(place.key, model),
        "blob.sigstore.json": b'{"mediaType": "x", "messageSignature": {}}',
    }
    with pytest.raises(Refused, match="no attestation"):
        place.collected(files)


def test_none_at_all_is_refused(place: Place) -> None:
    with pytest.raises(Refused, match="no attestation"):
        place.collected({})


def test_without_trust_nothing_is_opened(place: Place) -> None:
    shutil.rmtree(place.trust)
    with pytest.raises(Refused, match="trust"):
        place.collected({"a.intoto.json": envelope(place.key, statement())})


def test_a_file_beyond_the_limit_is_a_problem_and_not_read(place: Place) -> None:
    huge = FileSeen(path="a.intoto.json", size=2**40, sha256="00" * 32, executable=False, content=Content(format="json"))
    (seen,) = place.look(Tree(root="00" * 32, files=(huge,))).attestations
    assert "the limit for a file of this kind is" in seen.problem


def test_more_envelopes_than_anybody_judges_are_a_problem(place: Place) -> None:
    (seen,) = place.collected({"a.intoto.jsonl": b"{}\n" * 300})
    assert "300 envelopes" in seen.problem
    many = tuple(
        FileSeen(path=f"{at:04}.att", size=1, sha256="00" * 32, executable=False, content=Content(format="json"))
        for at in range(300)
    )
    with pytest.raises(Refused, match="at most"):
        place.look(Tree(root="00" * 32, files=many))


def test_the_evidence_survives_the_wire(place: Place) -> None:
    files = {
        "a.intoto.jsonl": envelope(place.key, statement()) + b"\n" + envelope(place.key, statement(SUMMARY, SUMMARY_V1)),
        "b.att": b"{",
    }
    body = Attestations(attestations=place.collected(files))
    assert from_json(Attestations, canonical(to_json(body))) == body


def test_the_revocation_lists_of_the_trust_directory_come_along_and_count(place: Place) -> None:
    listed = RevocationList(issued_at=NOW, revoked=(Revoked(at=NOW, reason="the key leaked", key=place.signer.key),))
    (place.trust / "revocations").mkdir()
    (place.trust / "revocations" / "a.json").write_bytes(envelope(place.key, revocation_statement(listed)))
    place.collected({"model.intoto.jsonl": envelope(place.key, statement())})
    body = place.look(place.tree())
    assert body.attestations[0].keys == (place.signer.key,)
    assert [each.signers for each in body.revocations] == [(place.signer,)]
    result = judged(provenance, _policy(place), (place.tree(), body))  # type: ignore[arg-type]  # Gate is invariant
    assert "provenance/unrevoked" in {finding.rule for finding in result.findings if finding.outcome is Outcome.FAIL}


def _policy(place: Place) -> ProvenancePolicy:
    return ProvenancePolicy(
        signers=(SignerRule(key=place.signer.key),),
        builders=(TrustedBuilder(id="https://builds.example/hosted", level=3),),
        build_types=("https://builds.example/workflow/v1",),
        sources=("https://git.example/o",),
        parameters=("inputs",),
    )


def test_from_disk_to_verdict_and_red_after_one_flipped_byte(place: Place) -> None:
    attestations = Attestations(attestations=place.collected({"model.intoto.jsonl": envelope(place.key, statement())}))
    good = judged(provenance, _policy(place), (place.tree(), attestations))  # type: ignore[arg-type]  # Gate is invariant
    assert good.verdict is Verdict.GREEN, [finding.text for finding in good.findings]
    (place.model / "model.bin").write_bytes(b"weightz")
    attestations = place.look(place.tree())
    bad = judged(provenance, _policy(place), (place.tree(), attestations))  # type: ignore[arg-type]  # Gate is invariant
    failed = {finding.rule for finding in bad.findings if finding.outcome is Outcome.FAIL}
    assert failed == {"provenance/subject", "provenance/covered"}


def test_a_real_bundle_with_its_own_trusted_root_from_disk_to_verdict(tmp_path: Path) -> None:
    case = vectors("sigstore-conformance") / "intoto-with-custom-trust-root"
    place = Place(tmp_path)
    (place.model / "model.bin").unlink()
    (place.trust / "roots").mkdir()
    shutil.copy(case / "trusted_root.json", place.trust / "roots")
    shutil.copy(case / "artifact", place.model / "d.txt")
    (seen,) = place.collected({"d.txt.intoto.sigstore.json": (case / "bundle.sigstore.json").read_bytes()})
    assert seen.problem == ""
    (signer,) = seen.signers
    assert signer.identity
    assert seen.trusted_time is not None
    policy = ProvenancePolicy(
        signers=(SignerRule(identity=signer.identity, issuer=signer.issuer),),
        builders=(TrustedBuilder(id="https://github.com/actions/runner/github-hosted", level=3),),
        build_types=("https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1",),
        sources=("https://github.com/sigstore/sigstore-conformance",),
    )
    result = judged(provenance, policy, (place.tree(), Attestations(attestations=(seen,))))  # type: ignore[arg-type]  # as above
    assert result.verdict is Verdict.GREEN, [finding.text for finding in result.findings if finding.outcome is not Outcome.PASS]
    stolen = replace(policy, sources=("https://github.com/sigstore/sigstore",))
    red = judged(provenance, stolen, (place.tree(), Attestations(attestations=(seen,))))  # type: ignore[arg-type]  # as above
    assert [finding.rule for finding in red.findings if finding.outcome is Outcome.FAIL] == ["provenance/source"]


@pytest.mark.parametrize(
    "name", ["dsse-mismatch-envelope_fail", "intoto-missing-inclusion-proof_fail", "rekor2-dsse-mismatch-envelope_fail"]
)
def test_a_bad_bundle_of_others_proves_nothing(tmp_path: Path, name: str) -> None:
    case = vectors("sigstore-conformance") / name
    place = Place(tmp_path)
    roots = sorted(vectors("sigstore-conformance").glob("*/trusted_root.json"))
    (place.trust / "roots").mkdir()
    for at, root in enumerate(roots):
        shutil.copy(root, place.trust / "roots" / f"{at}.json")
    (seen,) = place.collected({"x.sigstore.json": (case / "bundle.sigstore.json").read_bytes()})
    assert seen.signers == ()
    assert seen.problem
    assert seen.predicate_type == PROVENANCE_V1
