"""Whether a model was built by an expected builder, in an expected way, from expected sources. A complaint ends a sentence."""

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
    asks="Was the model built and signed by a builder that the policy trusts at the required level?",
    fix="Add the builder with its level and signers to 'builders', or use a model from a trusted builder.",
)
BUILD_TYPE = Rule(
    id="provenance/build-type",
    asks="Does the policy accept the build type?",
    fix="Read the build type's specification, then add its URI to 'buildTypes'.",
)
SOURCE = Rule(
    id="provenance/source",
    asks="Was the model built from sources that the policy expects?",
    fix="If the repository is the right one, add it to 'sources'; otherwise, do not use the model.",
)
PARAMETERS = Rule(
    id="provenance/parameters",
    asks="Was the build started with only the parameters that the policy expects?",
    fix="Read the parameter in the provenance, and add its name to 'parameters' if it is harmless.",
)


def built(case: Case) -> Iterator[Finding]:
    policy, count = case.policy, len(case.provenances)

    def judged(rule: Rule, complaint: Callable[[AttestationSeen, Provenance], str], good: str) -> Iterator[Finding]:
        asked = case.provenances if policy.proof is not WantedProof.SUMMARY else ()
        yield from each_of(rule, [(each, complaint(each, made)) for each, made in asked], good, *case.cites)

    yield from judged(
        BUILDER,
        lambda each, made: builder_complaint(each, made, policy, case.named),
        f"All {count} provenance statement(s) are by trusted builders at SLSA build level {policy.minimum_build_level} or"
        " more.",
    )
    yield from judged(
        BUILD_TYPE,
        lambda _, made: (
            ""
            if made.build_type in policy.build_types
            else f"has the build type {made.build_type!r}, which the policy does not allow"
        ),
        f"All {count} provenance statement(s) have allowed build types.",
    )
    yield from judged(
        SOURCE, lambda _, made: source_complaint(made, policy), f"All {count} provenance statement(s) name expected sources."
    )
    yield from judged(
        PARAMETERS,
        lambda _, made: _listed("was built with unexpected parameters", set(made.parameters) - set(policy.parameters)),
        f"All {count} provenance statement(s) have only expected parameters.",
    )


def builder_complaint(each: AttestationSeen, made: Provenance, policy: ProvenancePolicy, named: Named) -> str:
    trusted = [builder for builder in policy.builders if builder.id == made.builder]
    if not trusted:
        return f"names the builder {made.builder!r}, which the policy does not trust"
    fitting = [builder for builder in trusted if may_sign(builder.signers, each, named)]
    if not fitting:
        return f"names the builder {made.builder!r}, but {signed_by(each)} may not sign for it"
    level = max(builder.level for builder in fitting)
    if level < policy.minimum_build_level:
        return f"names the builder {made.builder!r}, which is trusted only for SLSA build level {level}"
    return ""


def source_complaint(made: Provenance, policy: ProvenancePolicy) -> str:
    if not made.sources:
        return "names no source"
    for source in made.sources:
        try:
            if not any(within(source, expected) for expected in policy.sources):
                return f"was built from {source!r}, which is not an expected source"
        except Refused as error:
            return f"names a source that cannot be compared: {error}"
    return ""


def _listed(what: str, names: set[str]) -> str:
    return f"{what}: {', '.join(sorted(names)[:10])}" if names else ""
