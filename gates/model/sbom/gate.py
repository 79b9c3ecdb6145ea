"""Is the software bill of materials (SBOM) valid, complete, recent, and about exactly these files?

Why: only its SBOM says what is in a model directory, who supplied it and what it needs. If the SBOM is malformed, old, about
something else or lacks a file, every later answer about advisories and licences is wrong.

Judged: every SBOM found, against its specification, the formats that the policy accepts, the NTIA minimum elements and CISA's
additions of 2025, its age, and the files on disk: each listed file must be on disk with the given hash, and each file on disk
must be listed. SBOMs, signatures and attestations beside the subject need not be listed. An SBOM about what comes with the
subject, which the policy names in ``others``, is not compared with the disk.

Fix: make the SBOM again with ``arcops sbom`` or with the tool of your build, after the last change of the files. Correct what a
finding names, or waive it by name if you accept it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from arcops.control import nist
from arcops.evidence import Evidence, Seen
from arcops.finding import Finding, Rule
from arcops.gate import gate
from arcops.late_dataclass import dataclass
from arcops.seen.sboms import Sboms, SbomSeen
from arcops.seen.tree import Tree
from arcops.subjects.model import Model
from gates.model.sbom.elements import (
    AUTHOR,
    CONTEXT,
    DELIVERED,
    DELIVERED_ELSE_WARN,
    EVERYWHERE,
    HASH,
    IDENTIFIER,
    LICENCE,
    NAME,
    OF_COMPONENTS,
    OF_DOCUMENTS,
    RELATIONSHIPS,
    SUPPLIER,
    TIMESTAMP,
    TOOL,
    VERSION,
    WARNED,
    Demand,
    ElementLevel,
    judge_components,
    judge_documents,
    judge_relationships,
)
from gates.model.sbom.examples import examples
from gates.model.sbom.files import (
    DESCRIBED,
    MATCHING,
    SUBJECT,
    Binding,
    Described,
    judge_described,
    judge_matching,
    judge_subject,
    own_digests,
)
from gates.model.sbom.others import Other, judged, told_apart

VALID = Rule(
    id="sbom/valid",
    asks="Is every SBOM valid by its own specification?",
    fix="Make the SBOM again with a tool that follows the specification; do not correct it by hand.",
)
ACCEPTED = Rule(
    id="sbom/accepted",
    asks="Does the policy accept the format and version of every SBOM?",
    fix="Convert the SBOM to an accepted version, or add its version to 'accepts' in the policy.",
)
FRESH = Rule(
    id="sbom/age",
    asks="Was every SBOM made recently enough, and not in the future?",
    fix="Make the SBOM again; if its time is in the future, set the clock of the machine that made it.",
)

RULES = (
    VALID, ACCEPTED, SUPPLIER, NAME, VERSION, IDENTIFIER, RELATIONSHIPS, AUTHOR, TIMESTAMP, HASH, LICENCE, TOOL, CONTEXT,
    FRESH, SUBJECT, MATCHING, DESCRIBED,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SbomPolicy:
    """What an SBOM must be.

    ``accepts`` names formats with versions. Each element has its demand (or its level, if it is an element of the document).
    ``max_age_days`` counts from the SBOM's own time stamp, and ``clock_skew_minutes`` is how far that may be in the future.
    ``must_describe`` says which files must be listed, ``undescribed`` how grave it is if one is not, and ``root`` how a
    document shows that it is about this subject. ``others`` are what else an SBOM may be about, such as the image that serves
    the model; at least one SBOM must be about the subject itself.
    """

    accepts: tuple[str, ...] = (
        "CycloneDX 1.4", "CycloneDX 1.5", "CycloneDX 1.6", "CycloneDX 1.7", "SPDX 2.2", "SPDX 2.3", "SPDX 3.0.1",
    )  # fmt: skip
    supplier: Demand = DELIVERED_ELSE_WARN
    component_name: Demand = EVERYWHERE
    version: Demand = EVERYWHERE
    identifier: Demand = EVERYWHERE
    relationships: Demand = EVERYWHERE
    author: ElementLevel = ElementLevel.FAIL
    timestamp: ElementLevel = ElementLevel.FAIL
    hash: Demand = DELIVERED
    licence: Demand = WARNED
    tool: ElementLevel = ElementLevel.WARN
    context: ElementLevel = ElementLevel.WARN
    max_age_days: int = 365
    clock_skew_minutes: int = 5
    must_describe: Described = Described.ALL
    undescribed: ElementLevel = ElementLevel.FAIL
    root: Binding = Binding.EITHER
    others: tuple[Other, ...] = ()


@gate(
    "sbom",
    judges=(Model,),
    needs=(Tree, Sboms),
    policy=SbomPolicy,
    rules=RULES,
    examples=lambda: examples(SbomPolicy),
    speaks_to=nist("CM-8", "SR-4"),
)
def sbom(seen: Seen, policy: SbomPolicy) -> Iterator[Finding]:
    """Judge every SBOM that was found. A document that breaks its specification is not judged further."""
    tree, found = seen[Tree], seen[Sboms]
    documents = list(found.body.documents)
    yield from _valid(documents, found)
    yield from _accepted(policy.accepts, documents, found)
    sound = [document for document in documents if not document.problems]
    if not sound:
        # Every rule must be answered, and no answer can be good.
        for rule in RULES:
            if rule not in (VALID, ACCEPTED):
                yield rule.unknown("There is no valid SBOM, so this cannot be checked.", found)
        return
    mine, theirs = told_apart(sound, policy.others, own_digests(tree.body), seen.subject_name)
    everyone = judged(mine, theirs)
    demands: dict[Rule, Demand] = {
        SUPPLIER: policy.supplier, NAME: policy.component_name, VERSION: policy.version, IDENTIFIER: policy.identifier,
        HASH: policy.hash, LICENCE: policy.licence,
    }  # fmt: skip
    for rule in OF_COMPONENTS:
        yield from judge_components(rule, demands[rule], everyone, found)
    yield from judge_relationships(policy.relationships, everyone, found)
    levels: dict[Rule, ElementLevel] = {
        AUTHOR: policy.author, TIMESTAMP: policy.timestamp, TOOL: policy.tool, CONTEXT: policy.context,
    }  # fmt: skip
    for rule in OF_DOCUMENTS:
        yield from judge_documents(rule, levels[rule], everyone, found)
    yield from _fresh(policy, sound, found, seen.at)
    yield from judge_subject(policy.root, mine, tree, found, seen.subject_name)
    for document, other in theirs:
        yield SUBJECT.passes(f"{document.path} is about {other.name}, which the policy names.", found, about=document.path)
    yield from judge_matching(mine, tree, found)
    yield from judge_described(policy.must_describe, policy.undescribed, mine, tree, found)


def _valid(documents: list[SbomSeen], found: Evidence[Sboms]) -> Iterator[Finding]:
    for document in documents:
        for problem in document.problems:
            yield VALID.fails(f"{document.path}: {problem}", found, about=document.path)
    if documents and not any(document.problems for document in documents):
        named = ", ".join(f"{one.path} ({_named(one)})" for one in documents)
        yield VALID.passes(f"Valid by specification: {named}.", found)


def _accepted(accepts: tuple[str, ...], documents: list[SbomSeen], found: Evidence[Sboms]) -> Iterator[Finding]:
    refused = [document for document in documents if _named(document) not in accepts]
    for document in refused:
        text = f"{document.path} is {_named(document)}; the policy accepts {', '.join(accepts) or 'nothing'}."
        yield ACCEPTED.fails(text, found, about=document.path)
    if not refused:
        yield ACCEPTED.passes("Every SBOM has an accepted format and version.", found)


def _named(document: SbomSeen) -> str:
    return f"{document.format} {document.spec_version}".strip()


def _fresh(policy: SbomPolicy, documents: list[SbomSeen], found: Evidence[Sboms], at: datetime) -> Iterator[Finding]:
    bad = 0
    for document in documents:
        if document.created is None:
            bad += 1
            if policy.timestamp is ElementLevel.FAIL:
                yield FRESH.unknown(f"{document.path} does not say when it was made, so its age is unknown.", found)
            else:
                text = f"{document.path} does not say when it was made, so its age is unknown."
                yield FRESH.warns(text, found, about=document.path)
        elif document.created > at + timedelta(minutes=policy.clock_skew_minutes):
            bad += 1
            text = f"{document.path} says that it was made on {document.created:%Y-%m-%d %H:%M} UTC, which is in the future."
            yield FRESH.fails(text, found, about=document.path)
        elif at - document.created > timedelta(days=policy.max_age_days):
            bad += 1
            age = (at - document.created).days
            text = f"{document.path} is {age} days old; the policy allows {policy.max_age_days}."
            yield FRESH.fails(text, found, about=document.path)
    if not bad:
        yield FRESH.passes(f"Every SBOM is at most {policy.max_age_days} days old.", found)
