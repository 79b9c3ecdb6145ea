"""Examples of the gate ``provenance``: documentation and tests at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from arcops.gate import Example
from arcops.seen.attestations import Attestations, AttestationSeen, StatedSubject
from arcops.seen.content import Content
from arcops.seen.tree import FileSeen, Tree
from arcops.signer import ProvenSigner, SignerRule
from arcops.slsa import PROVENANCE_V1, SUMMARY_V1, Provenance, Resource, Summary
from arcops.subject import Digest
from arcops.verdict import Verdict
from gates.model.provenance.policy import Cover, ProvenancePolicy, TrustedBuilder, TrustedVerifier, WantedProof

_WHEN = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)
_KEY = "sha256:" + "7e" * 32
_WEIGHTS, _CONFIG = "a1" * 32, "c0" * 32
_BUILDER = "https://builds.example/trusted@v1"
_TYPE = "https://builds.example/model/v1"


def _file(path: str, sha256: str, kind: str) -> FileSeen:
    return FileSeen(path=path, size=9, sha256=sha256, executable=False, content=Content(format=kind))


def _subject(name: str, sha256: str) -> StatedSubject:
    return StatedSubject(name=name, digests=(Digest(algorithm="sha256", value=sha256),))


_TREE = Tree(
    root="00" * 32,
    files=(
        _file("config.json", _CONFIG, "json"),
        _file("model.intoto.jsonl", "ee" * 32, "json"),
        _file("model.safetensors", _WEIGHTS, "safetensors"),
    ),
)
_BOTH = (_subject("config.json", _CONFIG), _subject("model.safetensors", _WEIGHTS))
_GOOD = AttestationSeen(
    path="model.intoto.jsonl",
    line=1,
    sha256="ee" * 32,
    predicate_type=PROVENANCE_V1,
    subjects=_BOTH,
    signers=(ProvenSigner(key=_KEY),),
    trusted_time=_WHEN,
    provenance=Provenance(
        builder=_BUILDER,
        build_type=_TYPE,
        sources=("git+https://git.example/models/mini@refs/heads/main",),
        started=_WHEN,
    ),
)
_SUMMARY = Summary(
    verifier="https://verifier.example/slsa",
    verified_at=_WHEN,
    resource_uri="pkg:generic/mini@1",
    policy=Resource(uri="https://verifier.example/policy"),
    result="PASSED",
    levels=("SLSA_BUILD_LEVEL_3",),
)
_VOUCHED = replace(_GOOD, line=2, predicate_type=SUMMARY_V1, provenance=None, summary=_SUMMARY)
_POLICY = ProvenancePolicy(
    signers=(SignerRule(key=_KEY),),
    builders=(TrustedBuilder(id=_BUILDER, level=3, signers=(SignerRule(key=_KEY),)),),
    build_types=(_TYPE,),
    sources=("https://git.example/models",),
    verifiers=(TrustedVerifier(id="https://verifier.example/slsa"),),
    resource_uris=("pkg:generic/mini@1",),
)


def _example(
    name: str, verdict: Verdict, *seen: AttestationSeen, policy: ProvenancePolicy = _POLICY
) -> Example[ProvenancePolicy]:
    return Example(name=name, verdict=verdict, evidence=(_TREE, Attestations(attestations=seen)), policy=policy)


def examples() -> Iterable[Example[ProvenancePolicy]]:
    broken = replace(_GOOD, line=3, signers=(), problem="none of its signatures is by an enrolled key")
    yield _example("Provenance by a trusted builder covers every file", Verdict.GREEN, _GOOD)
    yield _example(
        "A trusted verifier confirms the model, and the policy relies on it",
        Verdict.GREEN,
        _VOUCHED,
        policy=replace(_POLICY, proof=WantedProof.SUMMARY),
    )
    yield _example(
        "One attestation does not verify, and the policy ignores such attestations",
        Verdict.AMBER,
        _GOOD,
        broken,
        policy=replace(_POLICY, ignore_unverified=True),
    )
    yield _example("One attestation does not verify", Verdict.RED, _GOOD, broken)
    yield _example("The policy does not say whose provenance counts", Verdict.RED, _GOOD, policy=ProvenancePolicy())
    yield _example(
        "The weights on disk are not the ones that were built",
        Verdict.RED,
        replace(_GOOD, subjects=(_BOTH[0], _subject("model.safetensors", "bb" * 32))),
    )
    yield _example("The configuration is not covered", Verdict.RED, replace(_GOOD, subjects=_BOTH[1:]))
    yield _example(
        "Only the weights are covered, and the policy requires no more",
        Verdict.GREEN,
        replace(_GOOD, subjects=_BOTH[1:]),
        policy=replace(_POLICY, must_cover=Cover.WEIGHTS),
    )
