"""Was every file that was attached to this check read and used?

Why: A user who attaches a signature, an SBOM or an attestation expects it to count. If the file is not recognised, or no gate
of the policy reads it, the check would answer as if the file had never been attached, and the user would not notice.

Judged: that each attached file became part of some evidence. This gate is asked whenever a file is attached, even if the policy
does not name it.

Fix: Give the file the right name and format, add the gate that judges it to the policy, or do not attach it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from arcops.control import nist
from arcops.evidence import Seen
from arcops.finding import Finding, Rule
from arcops.gate import Example, gate
from arcops.judgeable import Judgeable
from arcops.seen.attachments import Attachments, AttachmentSeen
from arcops.verdict import Verdict
from gates.listing import listed
from gates.words import shown

_RECOGNISED = (
    "Signatures (*.sig, *.sigstore.json), SBOMs (CycloneDX, SPDX), attestations (*.intoto.jsonl, *.att, *.dsse.json) and"
    " VEX documents are recognised, each if the policy asks a gate that judges them."
)

READ = Rule(
    id="attachments/read",
    asks="Was every attached file read by a gate of this policy?",
    fix=f"Do not attach the file, or correct its name, its format or the policy. {_RECOGNISED}",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentsPolicy:
    """``allow_unread`` makes an attached file that nothing read a warning."""

    allow_unread: bool = False


def examples() -> Iterator[Example[AttachmentsPolicy]]:
    signature = AttachmentSeen(name="model.sig", size=900, sha256="5" * 64, read_as=("signatures",))
    notes = AttachmentSeen(name="notes.txt", size=90, sha256="6" * 64)

    def example(name: str, verdict: Verdict, *files: AttachmentSeen, allow: bool = False) -> Example[AttachmentsPolicy]:
        body = Attachments(files=files)
        return Example(name=name, verdict=verdict, evidence=(body,), policy=AttachmentsPolicy(allow_unread=allow))

    yield example("nothing was attached", Verdict.GREEN)
    yield example("an attached signature that was read", Verdict.GREEN, signature)
    yield example("attached notes that nothing reads, which the policy allows", Verdict.AMBER, signature, notes, allow=True)
    yield example("attached notes that nothing reads", Verdict.RED, signature, notes)


@gate(
    "attachments",
    judges=(Judgeable,),
    needs=(Attachments,),
    policy=AttachmentsPolicy,
    rules=(READ,),
    examples=examples,
    speaks_to=nist("SI-7"),
)
def attachments(seen: Seen, policy: AttachmentsPolicy) -> Iterator[Finding]:
    found = seen[Attachments]
    count = len(found.body.files)
    well = READ.passes(f"All {count} attached file(s) were read." if count else "Nothing was attached.", found)

    def findings() -> Iterator[Finding]:
        for file in found.body.files:
            if file.read_as and not file.problem:
                continue
            name = shown(file.name)
            if file.problem:
                yield READ.unknown(f"{name} was attached, but nothing could read it: {shown(file.problem)}.", found, about=name)
                continue
            answer = READ.warns if policy.allow_unread else READ.fails
            text = f"{name} was attached, but nothing read it: no gate of this policy recognises its format."
            yield answer(text, found, about=name)

    yield from listed(findings(), well, rest="{count} more attached files were not read.")
