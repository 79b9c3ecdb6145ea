"""The signatures gate, from evidence to verdict."""

from __future__ import annotations

from dataclasses import replace

import pytest

from arcops.errors import Refused
from arcops.finding import Outcome
from arcops.gate import Example, Gate
from arcops.seen.signatures import Revoked, Signatures
from arcops.seen.tree import LinkSeen, Tree, Trouble
from arcops.signer import ProvenSigner, SignerRule
from arcops.verdict import Verdict
from gates.model.signatures import gate as module
from gates.model.signatures.examples import LIST, POLICY, SEEN, SIGNED, TREE, examples
from gates.model.signatures.policy import SignaturePolicy
from tests.evidence import NOW, judged

pytestmark = pytest.mark.requirement("ARC-A1/who-may-sign-is-policy")

GATE: Gate[object] = module.signatures  # type: ignore[assignment]  # the judge asks only for its own policy type


def rules(tree: Tree, seen: Signatures, policy: SignaturePolicy) -> set[str]:
    result = judged(GATE, policy, (tree, seen))
    return {finding.rule for finding in result.findings if finding.outcome in (Outcome.FAIL, Outcome.UNKNOWN)}


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.name)
def test_the_examples_come_out_as_they_say(example: Example[SignaturePolicy]) -> None:
    assert judged(GATE, example.policy, example.evidence).verdict is example.verdict


def test_every_colour_is_shown() -> None:
    assert {example.verdict for example in examples()} == set(Verdict)


def test_an_untimed_certificate_counts_only_if_the_policy_says_so_and_only_while_valid() -> None:
    identity = ProvenSigner(identity="a@example.org", issuer="CN=ca")
    untimed = replace(
        SIGNED, signers=(identity,), untimed=True, not_before=NOW.replace(year=2026, month=1), not_after=NOW.replace(year=2027)
    )
    policy = replace(POLICY, signers=(SignerRule(identity="a@example.org", issuer="CN=ca"),))
    seen = replace(SEEN, signatures=(untimed,))
    assert "signatures/trusted-time" in rules(TREE, seen, policy)
    lenient = replace(policy, allow_untimed_certificates=True)
    assert not rules(TREE, seen, lenient)
    ended = replace(SEEN, signatures=(replace(untimed, not_after=NOW.replace(month=2)),))
    assert "signatures/trusted-time" in rules(TREE, ended, lenient)


def test_one_key_under_two_names_is_one_signer() -> None:
    second = replace(
        SIGNED, path="b.sig", sha256="77" * 32, attached=True, signers=(ProvenSigner(identity="a@example.org", issuer="CN=ca"),)
    )
    timed = replace(second, trusted_time=NOW)
    policy = replace(POLICY, threshold=2, signers=(*POLICY.signers, SignerRule(identity="a@example.org", issuer="CN=ca")))
    assert {"signatures/signer", "signatures/complete"} <= rules(TREE, replace(SEEN, signatures=(SIGNED, timed)), policy)
    other = replace(timed, keys=("sha256:33",))
    assert not rules(TREE, replace(SEEN, signatures=(SIGNED, other)), policy)


def test_a_signer_may_sign_only_the_subjects_of_its_rule() -> None:
    elsewhere = replace(POLICY, signers=(SignerRule(key="*", subjects=("other-*",)),))
    assert "signatures/signer" in rules(TREE, SEEN, elsewhere)


def test_links_and_troubles_are_not_covered() -> None:
    linked = replace(TREE, links=(LinkSeen(path="link", target="model.safetensors", escapes=False),))
    troubled = replace(TREE, troubles=(Trouble(path="pipe", reason="not a regular file"),))
    for tree in (linked, troubled):
        assert rules(tree, SEEN, POLICY) == {"signatures/complete"}


def test_a_signature_that_covers_nothing_is_not_enough() -> None:
    alone = replace(TREE, files=TREE.files[1:])
    assert "signatures/complete" in rules(alone, replace(SEEN, signatures=(replace(SIGNED, covers=()),)), POLICY)


def test_the_signature_file_is_exempt_only_with_the_bytes_that_were_verified() -> None:
    other = replace(TREE, files=(TREE.files[0], replace(TREE.files[1], sha256="55" * 32)))
    assert rules(other, SEEN, POLICY) == {"signatures/complete"}


def test_many_unsigned_files_are_summed_up() -> None:
    many = tuple(replace(TREE.files[0], path=f"x{number:04}", sha256="55" * 32) for number in range(300))
    result = judged(GATE, POLICY, (replace(TREE, files=(*TREE.files, *many)), SEEN))
    assert any("200 more files" in finding.text for finding in result.findings)


def test_a_revoked_identity_of_any_issuer_never_counts() -> None:
    revoking = replace(LIST, revoked=(Revoked(at=NOW, reason="left", identity="a@example.org"),))
    signed = replace(SIGNED, signers=(ProvenSigner(identity="a@example.org", issuer="CN=ca"),), trusted_time=NOW)
    policy = replace(POLICY, signers=(SignerRule(identity="a@example.org", issuer="CN=ca"),))
    assert not rules(TREE, replace(SEEN, signatures=(signed,)), policy)
    assert "signatures/revoked" in rules(TREE, Signatures(signatures=(signed,), revocations=(revoking,)), policy)


@pytest.mark.parametrize("wrong", [{"threshold": 0}, {"max_revocation_age_days": 0}, {"expected_digest": "abc"}])
def test_a_policy_that_means_nothing_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(Refused):
        replace(POLICY, **wrong)  # type: ignore[arg-type]  # one field each, of its own type
