"""Situations for the gate ``signatures``, each with the verdict it must get."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from arcops.gate import Example
from arcops.seen.content import Content
from arcops.seen.signatures import Covered, RevocationsSeen, Revoked, Signatures, SignatureSeen
from arcops.seen.tree import FileSeen, Tree
from arcops.signer import ProvenSigner, SignerRule
from arcops.verdict import Verdict
from gates.model.signatures.policy import SignaturePolicy

_KEY, _OTHER = f"sha256:{'11' * 32}", f"sha256:{'22' * 32}"
_MODEL, _SIGNATURE = "aa" * 32, "bb" * 32
_ISSUED = datetime(2026, 11, 20, tzinfo=UTC)


def file(path: str, sha256: str) -> FileSeen:
    return FileSeen(path=path, size=1, sha256=sha256, executable=False, content=Content(format="other"))


TREE = Tree(root="cc" * 32, files=(file("model.safetensors", _MODEL), file("model.sig", _SIGNATURE)))
SIGNED = SignatureSeen(
    path="model.sig",
    sha256=_SIGNATURE,
    attached=False,
    format="model-signing-1.0",
    signers=(ProvenSigner(key=_KEY),),
    keys=(_KEY,),
    covers=(Covered(path="model.safetensors", sha256=_MODEL),),
    carriers=(Covered(path="model.sig", sha256=_SIGNATURE),),
    model_digest="dd" * 32,
)
LIST = RevocationsSeen(
    path="revocations/list.json", sha256="ee" * 32, issued_at=_ISSUED, signers=(ProvenSigner(key=_OTHER),), keys=(_OTHER,)
)
SEEN = Signatures(signatures=(SIGNED,), revocations=(LIST,))
POLICY = SignaturePolicy(
    signers=(SignerRule(key=_KEY),), max_revocation_age_days=3650, revocation_signers=(SignerRule(key=_OTHER),)
)


def examples() -> tuple[Example[SignaturePolicy], ...]:
    """One situation each; the verdict is what the gate must answer."""
    revoked = replace(LIST, revoked=(Revoked(key=_KEY, at=_ISSUED, reason="lost laptop"),))
    added = replace(TREE, files=(*TREE.files, file("new.pkl", "ff" * 32)))
    changed = replace(TREE, files=(file("model.safetensors", "99" * 32), TREE.files[1]))
    vendor = Signatures(
        signatures=(
            SIGNED,
            replace(SIGNED, path="vendor.sig", sha256="77" * 32, attached=True, signers=(ProvenSigner(key=_OTHER),)),
        ),
        revocations=(LIST,),
    )

    def red(
        name: str, tree: Tree = TREE, seen: Signatures = SEEN, policy: SignaturePolicy = POLICY
    ) -> Example[SignaturePolicy]:
        return Example(name=name, verdict=Verdict.RED, evidence=(tree, seen), policy=policy)

    return (
        Example(name="signed by an allowed key, nothing changed", verdict=Verdict.GREEN, evidence=(TREE, SEEN), policy=POLICY),
        Example(
            name="a second signature by an unknown signer, kept beside the model",
            verdict=Verdict.AMBER,
            evidence=(TREE, vendor),
            policy=POLICY,
        ),
        red("the policy names no signer", policy=SignaturePolicy()),
        red("a file was added after signing", tree=added),
        red("a file was changed after signing", tree=changed),
        red("the signer's key was revoked", seen=replace(SEEN, revocations=(revoked,))),
        red("two signers are needed, and one signed", policy=replace(POLICY, threshold=2)),
        red("the signature is not valid", seen=replace(SEEN, signatures=(replace(SIGNED, problem="It proves nothing"),))),
    )
