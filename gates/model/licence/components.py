"""Whether every licence that SBOMs state for components may be used."""

from __future__ import annotations

from collections.abc import Iterator

from arcops.evidence import Seen
from arcops.finding import Cited, Finding, Rule
from arcops.licence import UNSAID
from arcops.seen.sboms import Component, Sboms, SbomSeen
from gates.listing import listed
from gates.model.licence.policy import Breach, ComponentLicences, LicencePolicy, refusal

_MOST = 500

COMPONENTS = Rule(
    id="licence/components",
    asks="May every licence that the SBOM states for components be used under the policy?",
    fix="Replace the component, choose its other licence, or add the licence to 'allowed' of gate 'licence'.",
)

_STATE = (
    "Add the component's licence to the SBOM as an SPDX expression, or replace the component; 'componentsWithoutLicence: warn'"
    " only warns."
)


def is_about(root: Component, seen: Seen) -> bool:
    """Does *root* stand for the model? An SBOM may be about what comes with the model, such as the image that serves it: the
    licence of that is not the model's, and is judged like a component's.
    """
    return (
        root.name == seen.subject_name
        or root.kind in ("machine-learning-model", "data")
        or any(str(digest) in seen.subject_digests for digest in root.digests)
    )


def components(sboms: Sboms | None, policy: LicencePolicy, cited: Cited, seen: Seen) -> Iterator[Finding]:
    if policy.component_licences is ComponentLicences.NONE:
        yield COMPONENTS.passes("The policy does not check licences in SBOMs.", cited)
        return
    if sboms is None:
        yield COMPONENTS.unknown(f"{Sboms.UNSEEN}, so the licences of the model's components are unknown.")
        return
    unsound = [document.path for document in sboms.documents if document.problems]
    if unsound:
        yield COMPONENTS.unknown(
            f"The SBOM {unsound[0]} breaks its own specification, so its licences cannot be trusted.", cited
        )
        return
    asked = [(one, one.root) for one in sboms.documents if one.root and one.root.licences and not is_about(one.root, seen)]
    passed = "The policy checks only the licence of the SBOM's root."
    if policy.component_licences is not ComponentLicences.ROOT_ONLY:
        asked += ((document, component) for document in sboms.documents for component in document.components)
        passed = f"The licences of all {len(asked)} component(s) in {len(sboms.documents)} SBOM(s) are allowed."
    known = dict[str, str]()
    yield from listed(
        (finding for document, component in asked for finding in _component(document, component, policy, known, cited)),
        COMPONENTS.passes(passed, cited),
        rest="{count} more findings about component licences are not listed.",
        most=_MOST,
    )


def _component(
    document: SbomSeen, component: Component, policy: LicencePolicy, known: dict[str, str], cited: Cited
) -> Iterator[Finding]:
    about = component.purl or f"{component.name}@{component.version}".rstrip("@")
    said = [text for text in component.licences if text.strip().upper() != UNSAID]
    # A file of the subject that states no licence is under the licence of the whole; the packages of an operating system and of
    # a lock file state their own.
    if not said and component.kind not in ("file", "lock-file", "operating-system"):
        say = COMPONENTS.fails if policy.components_without_licence is Breach.FAIL else COMPONENTS.warns
        yield say(f"Component {about} in {document.path} states no licence.", cited, about=about, fix=_STATE)
    for text in said:
        if text not in known:
            known[text] = refusal(text, policy)
        if known[text]:
            yield COMPONENTS.fails(f"The licence {text!r} of component {about} {known[text]}.", cited, about=about)
