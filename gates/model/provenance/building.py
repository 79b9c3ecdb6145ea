"""Whether a model was built by whom, how and from what the policy expects. A complaint is the end of a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from arcops.errors import Refused
from arcops.finding import Finding, Rule
from arcops.repository import within
from arcops.seen.attestations import AttestationSeen
from arcops.slsa import Provenance
from gates.model.provenance.case import Case, Named, each_of, may_sign, signed_by
from gates.model.provenance.policy import ProvenancePolicy, WantedProof

BUILDER = Rule(
    id="provenance/builder",
    asks="Was the model built by a builder that the policy trusts, signed for it, at the level that the policy demands?",
    fix="Add the builder with its level and signers to 'builders', or use a model from a trusted builder.",
)
BUILD_TYPE = Rule(
    id="provenance/build-type",
    asks="Is the build type one that the policy knows how to read?",
    fix="Add the build type's URI to 'buildTypes' after reading its specification.",
)
SOURCE = Rule(
    id="provenance/source",
    asks="Was the model built from sources that the policy expects?",
    fix="Add the repository to 'sources' if it is the real one; else the model comes from somewhere else.",
)
PARAMETERS = Rule(
    id="provenance/parameters",
    asks="Did whoever asked for the build pass only parameters that the policy expects?",
    fix="Look at the parameter in the provenance, and add its name to 'parameters' if it does no harm.",
)


def built(case: Case) -> Iterator[Finding]:
    policy, count = case.policy, len(case.provenances)

    def judged(rule: Rule, complaint: Callable[[AttestationSeen, Provenance], str], good: str) -> Iterator[Finding]:
        asked = case.provenances if policy.proof is not WantedProof.SUMMARY else ()
        yield from each_of(rule, [(each, complaint(each, made)) for each, made in asked], good, *case.cites)

    yield from judged(
        BUILDER,
        lambda each, made: builder_complaint(each, made, policy, case.named),
        f"All {count} provenances are by trusted builders at SLSA build level {policy.minimum_build_level} or more.",
    )
    yield from judged(
        BUILD_TYPE,
        lambda _, made: (
            "" if made.build_type in policy.build_types else f"has the build type {made.build_type!r}, not an allowed one"
        ),
        f"All {count} provenances have allowed build types.",
    )
    yield from judged(SOURCE, lambda _, made: source_complaint(made, policy), f"All {count} provenances name expected sources.")
    yield from judged(
        PARAMETERS,
        lambda _, made: _listed("was built with unexpected parameters", set(made.parameters) - set(policy.parameters)),
        f"All {count} provenances have expected parameters only.",
    )


def builder_complaint(each: AttestationSeen, made: Provenance, policy: ProvenancePolicy, named: Named) -> str:
    trusted = [builder for builder in policy.builders if builder.id == made.builder]
    if not trusted:
        return f"names the builder {made.builder!r}, whom the policy does not trust"
    fitting = [builder for builder in trusted if may_sign(builder.signers, each, named)]
    if not fitting:
        return f"names the builder {made.builder!r}, for whom {signed_by(each)} may not sign"
    level = max(builder.level for builder in fitting)
    if level < policy.minimum_build_level:
        return f"names the builder {made.builder!r}, trusted for SLSA build level {level} only"
    return ""


def source_complaint(made: Provenance, policy: ProvenancePolicy) -> str:
    if not made.sources:
        return "names no source"
    for source in made.sources:
        try:
            if not any(within(source, expected) for expected in policy.sources):
                return f"was built from {source!r}, which is none of the expected sources"
        except Refused as error:
            return f"names a source that cannot be compared: {error}"
    return ""


def _listed(what: str, names: set[str]) -> str:
    return f"{what}: {', '.join(sorted(names)[:10])}" if names else ""
