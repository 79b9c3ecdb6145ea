"""The gate ``provenance``: each example holds, and each smallest change turns the right rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from arcops.beside import content_root
from arcops.errors import Refused
from arcops.finding import Outcome
from arcops.seen.attestations import Attestations, AttestationSeen, StatedSubject
from arcops.seen.content import Content
from arcops.seen.sboms import Sboms, SbomSeen
from arcops.seen.signatures import RevocationsSeen, Revoked
from arcops.seen.tree import FileSeen, Tree, Trouble
from arcops.signer import ProvenSigner, SignerRule
from arcops.slsa import LevelCount, Resource
from arcops.subject import Digest
from arcops.verdict import Verdict
from artifacts.wire import from_json
from gates.model.provenance.gate import provenance
from gates.model.provenance.policy import Cover, ProvenancePolicy, TrustedBuilder, TrustedVerifier, WantedProof
from tests.evidence import NOW, judged

pytestmark = pytest.mark.requirement("ARC-A2/slsa-provenance-is-judged")

EXAMPLES = tuple(provenance.examples())
GREEN, VOUCHED = EXAMPLES[0], EXAMPLES[1]
POLICY = GREEN.policy
TREE = next(body for body in GREEN.evidence if isinstance(body, Tree))
GOOD = next(body.attestations[0] for body in GREEN.evidence if isinstance(body, Attestations))
SUMMARY = next(body.attestations[0] for body in VOUCHED.evidence if isinstance(body, Attestations))
RELYING = VOUCHED.policy
UNKNOWN_SIGNER = ProvenSigner(identity="mallory@example.com", issuer="https://issuer.example")


def outcomes(
    *seen: AttestationSeen, policy: ProvenancePolicy = POLICY, tree: Tree = TREE, sboms: Sboms | None = None
) -> dict[str, Outcome]:
    """The outcome of every rule that is not PASS."""
    bodies = (tree, Attestations(attestations=seen), *((sboms,) if sboms else ()))
    result = judged(provenance, policy, bodies)  # type: ignore[arg-type]  # Gate is invariant in its policy
    return {finding.rule: finding.outcome for finding in result.findings if finding.outcome is not Outcome.PASS}


def built(**changes: object) -> AttestationSeen:
    assert GOOD.provenance is not None
    return replace(GOOD, provenance=replace(GOOD.provenance, **changes))  # type: ignore[arg-type]  # the tests name real fields


def summed(**changes: object) -> AttestationSeen:
    assert SUMMARY.summary is not None
    return replace(SUMMARY, summary=replace(SUMMARY.summary, **changes))  # type: ignore[arg-type]  # the tests name real fields


def subject(name: str, sha256: str) -> StatedSubject:
    return StatedSubject(name=name, digests=(Digest(algorithm="sha256", value=sha256),))


def file(path: str, kind: str = "text", sha256: str = "fe" * 32) -> FileSeen:
    return FileSeen(path=path, size=1, sha256=sha256, executable=False, content=Content(format=kind))


def with_files(*files: FileSeen) -> Tree:
    return replace(TREE, files=tuple(sorted((*TREE.files, *files), key=lambda each: each.path)))


def failed(rule: str) -> dict[str, Outcome]:
    return {f"provenance/{rule}": Outcome.FAIL}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_each_example_comes_out_as_it_says(example: object) -> None:
    assert judged(provenance, example.policy, example.evidence).verdict is example.verdict  # type: ignore[attr-defined,arg-type]


def test_the_examples_show_every_colour() -> None:
    assert {example.verdict for example in EXAMPLES} == set(Verdict)


def test_the_good_examples_answer_every_rule_with_pass() -> None:
    assert outcomes(GOOD) == {}
    assert outcomes(SUMMARY, policy=RELYING) == {}
    assert outcomes(GOOD, SUMMARY, policy=replace(POLICY, proof=WantedProof.BOTH)) == {}


def test_no_evidence_is_red() -> None:
    assert judged(provenance, POLICY, ()).verdict is Verdict.RED  # type: ignore[arg-type]  # Gate is invariant in its policy
    assert judged(provenance, POLICY, (TREE,)).verdict is Verdict.RED  # type: ignore[arg-type]  # as above


def test_an_attestation_that_does_not_verify_fails() -> None:
    bad = replace(GOOD, line=2, signers=(), problem="wrong key")
    assert outcomes(GOOD, bad) == failed("verified")
    assert outcomes(GOOD, replace(GOOD, line=2, problem="doubt")) == failed("verified")
    assert outcomes(GOOD, replace(GOOD, line=2, signers=())) == failed("verified")
    lenient = replace(POLICY, ignore_unverified=True)
    assert outcomes(GOOD, bad, policy=lenient) == {"provenance/verified": Outcome.WARN}
    assert outcomes(bad, policy=lenient)["provenance/verified"] is not Outcome.PASS
    assert judged(provenance, lenient, (TREE, Attestations(attestations=(bad,)))).verdict is Verdict.RED  # type: ignore[arg-type]


def test_what_an_unverified_attestation_claims_counts_for_nothing() -> None:
    claimed = replace(GOOD, signers=(), problem="wrong key")
    found = outcomes(claimed)
    assert {"provenance/verified", "provenance/present", "provenance/covered"} <= set(found)


def test_the_signer_must_be_allowed() -> None:
    found = outcomes(replace(GOOD, signers=(UNKNOWN_SIGNER,)))
    assert found == failed("signer") | failed("present") | failed("covered")
    other_subject = replace(POLICY, signers=(replace(POLICY.signers[0], subjects=("another-*",)),))
    assert "provenance/signer" in outcomes(GOOD, policy=other_subject)
    assert outcomes(replace(GOOD, signers=(UNKNOWN_SIGNER, *GOOD.signers))) == {}


def test_the_builder_must_be_trusted_and_signed_for() -> None:
    assert outcomes(built(builder="https://builds.example/trusted@v2")) == failed("builder")
    assert outcomes(GOOD, policy=replace(POLICY, builders=())) == failed("builder")
    rule = SignerRule(identity=UNKNOWN_SIGNER.identity, issuer=UNKNOWN_SIGNER.issuer)
    pair = replace(POLICY, builders=(replace(POLICY.builders[0], signers=(rule,)),))
    assert outcomes(GOOD, policy=pair) == failed("builder")
    assert outcomes(GOOD, policy=replace(POLICY, builders=(replace(POLICY.builders[0], signers=()),))) == {}


def test_the_builders_level_must_be_enough() -> None:
    low = replace(POLICY, builders=(replace(POLICY.builders[0], level=2),))
    assert outcomes(GOOD, policy=low) == failed("builder")
    assert outcomes(GOOD, policy=replace(low, minimum_build_level=2)) == {}
    with pytest.raises(Refused, match="levels are 0 to 3"):
        replace(POLICY, builders=(TrustedBuilder(id="x", level=4),))


def test_the_build_type_must_be_known() -> None:
    assert outcomes(built(build_type="https://builds.example/model/v2")) == failed("build-type")


@pytest.mark.parametrize(
    "sources",
    [
        (),
        ("https://git.example/models-evil/mini",),
        ("https://git.example@evil.example/models/mini",),
        ("https://git.example/models/mini", "https://evil.example/x"),
        ("not an address",),
    ],
)
def test_every_source_must_be_expected(sources: tuple[str, ...]) -> None:
    assert outcomes(built(sources=sources)) == failed("source")


def test_a_policy_with_an_address_that_cannot_be_compared_is_refused() -> None:
    with pytest.raises(Refused, match="plain address"):
        ProvenancePolicy(sources=("git.example/models",))


def test_a_parameter_must_be_expected() -> None:
    assert outcomes(built(parameters=("inputs",))) == failed("parameters")
    assert outcomes(built(parameters=("inputs",)), policy=replace(POLICY, parameters=("inputs",))) == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"started": NOW + timedelta(hours=1)},
        {"finished": NOW + timedelta(hours=1)},
        {"started": NOW - timedelta(days=1)},
        {"finished": NOW - timedelta(days=300)},
    ],
    ids=["starts in the future", "ends in the future", "starts after its signature", "ends before it starts"],
)
def test_times_must_be_possible(changes: dict[str, datetime]) -> None:
    assert outcomes(built(**changes)) == failed("time")


def test_times_may_be_absent() -> None:
    assert outcomes(built(started=None)) == {}


@pytest.mark.requirement("ARC-A2/digests-must-match-the-disk")
def test_a_file_with_another_digest_fails() -> None:
    wrong = replace(GOOD, subjects=(*GOOD.subjects, subject("model.safetensors", "bb" * 32)))
    assert outcomes(wrong) == failed("subject")
    below = replace(GOOD, subjects=(*GOOD.subjects, subject("dist/out/model.safetensors", "bb" * 32)))
    assert outcomes(below) == failed("subject")
    elsewhere = replace(GOOD, subjects=(*GOOD.subjects, subject("other.safetensors", "bb" * 32)))
    assert outcomes(elsewhere) == {}


@pytest.mark.requirement("ARC-A2/digests-must-match-the-disk")
def test_another_digest_fails_in_every_kind_of_statement() -> None:
    vex = replace(
        GOOD,
        line=2,
        predicate_type="https://openvex.dev/ns/v0.2.0",
        provenance=None,
        signers=(UNKNOWN_SIGNER,),
        subjects=(subject("model.safetensors", "bb" * 32),),
    )
    assert outcomes(GOOD, vex) == failed("subject")
    assert outcomes(GOOD, replace(vex, subjects=GOOD.subjects)) == {}


def test_a_statement_about_something_else_fails() -> None:
    other = replace(GOOD, line=2, subjects=(subject("other.bin", "bb" * 32),))
    assert outcomes(GOOD, other) == failed("subject")


def test_the_name_is_a_hint_and_the_digest_the_claim() -> None:
    renamed = replace(GOOD, subjects=tuple(replace(each, name="_") for each in GOOD.subjects))
    assert outcomes(renamed) == {}


def test_every_file_must_be_covered() -> None:
    assert outcomes(GOOD, tree=with_files(file("extra.bin", "other"))) == failed("covered")
    assert outcomes(GOOD, tree=with_files(file("notes.txt"))) == failed("covered")


def test_what_must_be_covered_is_by_policy() -> None:
    weights = replace(POLICY, must_cover=Cover.WEIGHTS)
    assert outcomes(GOOD, policy=weights, tree=with_files(file("notes.txt"))) == {}
    assert outcomes(GOOD, policy=weights, tree=with_files(file("extra.gguf", "gguf"))) == failed("covered")
    assert outcomes(GOOD, policy=weights, tree=with_files(file("extra.bin", "other"))) == failed("covered")
    any_one = replace(POLICY, must_cover=Cover.ANY)
    assert outcomes(GOOD, policy=any_one, tree=with_files(file("extra.gguf", "gguf"))) == {}
    nothing = replace(GOOD, subjects=(subject("x", "bb" * 32),))
    assert outcomes(nothing, policy=any_one) == failed("covered") | failed("subject")


def test_what_speaks_about_the_model_need_not_be_covered_but_weights_must() -> None:
    assert outcomes(GOOD, tree=with_files(file("model.sig", "json"))) == {}
    assert outcomes(GOOD, tree=with_files(file("model.sig", "pickle"))) == failed("covered")
    bom = SbomSeen(path="materials.json", sha256="fe" * 32, format="CycloneDX", spec_version="1.6")
    tree = with_files(file("materials.json", "json"))
    assert outcomes(GOOD, tree=tree) == failed("covered")
    assert outcomes(GOOD, tree=tree, sboms=Sboms(documents=(bom,))) == {}


def test_the_digest_of_the_whole_model_covers_it() -> None:
    whole = replace(GOOD, subjects=(subject("mini", content_root(TREE.files)),))
    assert outcomes(whole) == {}
    assert outcomes(whole, tree=with_files(file("extra.gguf", "gguf")))["provenance/covered"] is Outcome.FAIL


def test_a_file_that_could_not_be_read_is_unknown() -> None:
    tree = replace(TREE, troubles=(Trouble(path="x", reason="no permission"),))
    assert outcomes(GOOD, tree=tree) == {"provenance/covered": Outcome.UNKNOWN}


@pytest.mark.parametrize(
    ("proof", "provenances", "summaries", "enough"),
    [
        (WantedProof.PROVENANCE, True, False, True),
        (WantedProof.PROVENANCE, False, True, False),
        (WantedProof.SUMMARY, True, False, False),
        (WantedProof.SUMMARY, False, True, True),
        (WantedProof.EITHER, True, False, True),
        (WantedProof.EITHER, False, True, True),
        (WantedProof.BOTH, True, False, False),
        (WantedProof.BOTH, False, True, False),
        (WantedProof.BOTH, True, True, True),
    ],
)
def test_the_proof_that_the_policy_asks_for_must_be_there(
    proof: WantedProof, provenances: bool, summaries: bool, enough: bool
) -> None:
    seen = (*((GOOD,) if provenances else ()), *((SUMMARY,) if summaries else ()))
    assert outcomes(*seen, policy=replace(POLICY, proof=proof)) == ({} if enough else failed("present"))


def test_a_misshapen_predicate_fails() -> None:
    assert outcomes(GOOD, replace(GOOD, line=2, provenance=None, misshapen="no builder")) == failed("sound")


@pytest.mark.requirement("ARC-A2/summaries-of-others-count-by-policy")
def test_a_summary_must_come_from_a_trusted_verifier() -> None:
    assert outcomes(summed(verifier="https://verifier.example/slsa/2"), policy=RELYING) == failed("verifier")
    rule = SignerRule(identity=UNKNOWN_SIGNER.identity, issuer=UNKNOWN_SIGNER.issuer)
    pair = replace(RELYING, verifiers=(replace(RELYING.verifiers[0], signers=(rule,)),))
    assert outcomes(SUMMARY, policy=pair) == failed("verifier")


def test_a_summarys_policy_may_be_pinned() -> None:
    pinned = replace(RELYING, verifiers=(TrustedVerifier(id=RELYING.verifiers[0].id, policy_sha256=("ab" * 32,)),))
    assert outcomes(SUMMARY, policy=pinned) == failed("verifier")
    digests = (Digest(algorithm="sha256", value="ab" * 32),)
    assert outcomes(summed(policy=Resource(uri="x", digests=digests)), policy=pinned) == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"result": "FAILED"},
        {"result": "passed"},
        {"levels": ("FAILED",)},
        {"levels": ("SLSA_BUILD_LEVEL_2",)},
        {"levels": ("SLSA_SOURCE_LEVEL_3",)},
        {"levels": ()},
        {"resource_uri": "pkg:generic/mini@2"},
    ],
)
@pytest.mark.requirement("ARC-A2/summaries-of-others-count-by-policy")
def test_a_summary_must_say_passed_for_this_resource_at_this_level(changes: dict[str, object]) -> None:
    assert outcomes(summed(**changes), policy=RELYING) == failed("result")


def test_a_failed_summary_counts_even_if_none_is_asked_for() -> None:
    assert outcomes(GOOD, summed(result="FAILED")) == failed("result")
    assert outcomes(GOOD, summed(verifier="https://unknown.example")) == {}


@pytest.mark.parametrize(
    ("counts", "fine"),
    [
        ((LevelCount(level="SLSA_BUILD_LEVEL_2", count=4), LevelCount(level="SLSA_BUILD_LEVEL_1", count=0)), True),
        ((LevelCount(level="SLSA_BUILD_LEVEL_2", count=4), LevelCount(level="SLSA_BUILD_LEVEL_1", count=1)), False),
        ((LevelCount(level="SLSA_SOURCE_LEVEL_2", count=4),), False),
        ((), False),
    ],
)
def test_dependencies_may_have_a_least_level(counts: tuple[LevelCount, ...], fine: bool) -> None:
    policy = replace(RELYING, minimum_dependency_level=2)
    assert (outcomes(summed(dependency_levels=counts), policy=policy) == {}) is fine


@pytest.mark.parametrize("when", [NOW + timedelta(hours=1), NOW - timedelta(days=91)])
def test_a_summary_must_be_young_and_not_from_the_future(when: datetime) -> None:
    assert outcomes(summed(verified_at=when), policy=RELYING) == failed("time")


def test_the_policy_is_read_from_strict_camel_case() -> None:
    policy = from_json(
        ProvenancePolicy,
        '{"signers": [{"key": "*"}], "proof": "either", "mustCover": "weights", "ignoreUnverified": true,'
        ' "builders": [{"id": "b", "level": 2, "signers": [{"identity": "a", "issuer": "i"}]}], "minimumBuildLevel": 2,'
        ' "verifiers": [{"id": "v", "policySha256": ["ab"]}], "resourceUris": ["pkg:x/y"], "maxSummaryAgeDays": 7}',
    )
    assert (policy.proof, policy.must_cover, policy.builders[0].level) == (WantedProof.EITHER, Cover.WEIGHTS, 2)
    with pytest.raises(Refused):
        from_json(ProvenancePolicy, '{"builderss": []}')


def test_a_failed_level_counts_even_beside_passed() -> None:
    assert outcomes(GOOD, summed(levels=("FAILED",))) == failed("result")


def test_a_digest_that_cannot_be_compared_contradicts_nothing_and_covers_nothing() -> None:
    only_512 = StatedSubject(name="model.safetensors", digests=(Digest(algorithm="sha512", value="ab" * 64),))
    assert outcomes(replace(GOOD, subjects=(*GOOD.subjects, only_512))) == {}
    assert outcomes(replace(GOOD, subjects=(GOOD.subjects[0], only_512))) == failed("covered")


def test_a_statement_without_trusted_time_or_without_a_start_may_stand() -> None:
    assert outcomes(replace(GOOD, trusted_time=None)) == {}
    assert outcomes(built(started=None, finished=NOW - timedelta(days=1))) == {}


@pytest.mark.parametrize(("level", "fine"), [(-1, False), (0, True), (3, True), (4, False)])
def test_levels_are_slsas(level: int, fine: bool) -> None:
    if fine:
        assert ProvenancePolicy(builders=(TrustedBuilder(id="x", level=level),)).builders[0].level == level
    else:
        with pytest.raises(Refused):
            ProvenancePolicy(builders=(TrustedBuilder(id="x", level=level),))


def test_none_that_verifies_fails_even_if_such_are_ignored() -> None:
    bad = replace(GOOD, signers=(), problem="wrong key")
    result = judged(provenance, replace(POLICY, ignore_unverified=True), (TREE, Attestations(attestations=(bad,))))  # type: ignore[arg-type]
    said = [finding.outcome for finding in result.findings if finding.rule == "provenance/verified"]
    assert said == [Outcome.FAIL, Outcome.WARN]


def test_the_root_of_the_tree_covers_it_but_not_weights_in_the_clothes_of_a_signature() -> None:
    whole = replace(GOOD, subjects=(subject("mini", TREE.root),))
    assert outcomes(whole) == {}
    assert outcomes(whole, tree=with_files(file("model.sig", "pickle"))) == failed("covered")


def test_a_signature_of_unknown_content_need_not_be_covered() -> None:
    assert outcomes(GOOD, tree=with_files(file("model.sig", "other"))) == {}


def test_many_uncovered_files_stay_readable() -> None:
    tree = with_files(*(file(f"{at:03}.bin", "other", f"{at:064x}") for at in range(150)))
    result = judged(provenance, POLICY, (tree, Attestations(attestations=(GOOD,))))  # type: ignore[arg-type]  # Gate is invariant
    said = [finding.text for finding in result.findings if finding.rule == "provenance/covered"]
    assert len(said) == 101
    assert "50 more" in said[-1]


@pytest.mark.parametrize(
    "gone",
    [
        {"key": GOOD.signers[0].key},
        {"key": "sha256:" + "0c" * 32},
        {"sha256": GOOD.sha256},
        {"sha256": GOOD.subjects[1].digests[0].value},
        {"identity": UNKNOWN_SIGNER.identity},
        {"identity": UNKNOWN_SIGNER.identity, "issuer": UNKNOWN_SIGNER.issuer},
    ],
)
def test_what_was_revoked_does_not_count(gone: dict[str, str]) -> None:
    seen = replace(GOOD, signers=(*GOOD.signers, UNKNOWN_SIGNER), keys=("sha256:" + "0c" * 32,))
    assert _with_list(seen, Revoked(at=NOW, reason="stolen", **gone)) == (
        failed("unrevoked") | failed("present") | failed("covered")
    )


def test_what_was_not_revoked_counts() -> None:
    other = Revoked(at=NOW, reason="stolen", identity=UNKNOWN_SIGNER.identity, issuer="https://another.example")
    assert _with_list(replace(GOOD, signers=(*GOOD.signers, UNKNOWN_SIGNER)), other) == {}
    assert _with_list(GOOD, Revoked(at=NOW, reason="stolen", key="sha256:" + "0c" * 32)) == {}


@pytest.mark.parametrize("changes", [{"problem": "not signed by an enrolled key"}, {"signers": ()}])
def test_a_revocation_list_that_proves_nothing_fails(changes: dict[str, Any]) -> None:
    assert _with_list(GOOD, Revoked(at=NOW, reason="stolen", key="sha256:" + "0c" * 32), **changes) == failed("unrevoked")


def _with_list(seen: AttestationSeen, gone: Revoked, **changes: Any) -> dict[str, Outcome]:
    listed = RevocationsSeen(path="revocations/a.json", sha256="aa" * 32, signers=GOOD.signers, revoked=(gone,))
    body = Attestations(attestations=(seen,), revocations=(replace(listed, **changes),))
    result = judged(provenance, POLICY, (TREE, body))  # type: ignore[arg-type]  # Gate is invariant in its policy
    return {finding.rule: finding.outcome for finding in result.findings if finding.outcome is not Outcome.PASS}
