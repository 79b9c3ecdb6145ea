"""Examples of the gate ``licence``: documentation and tests at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from arcops.gate import Example
from arcops.seen.card import Card, CardSeen, Fact, FactSeen, LicenceSeen, LicenceSource
from arcops.seen.sboms import Component, Sboms, SbomSeen
from arcops.verdict import Verdict
from gates.model.licence.policy import Breach, ComponentLicences, LicencePolicy

_SHA = "5f" * 32
_FACTS = (Fact.DATASETS, Fact.EVALUATION, Fact.INTENDED_USE, Fact.LANGUAGE, Fact.LICENCE)
_CARD = CardSeen(path="README.md", sha256=_SHA, facts=tuple(FactSeen(fact=fact, values=("told",)) for fact in _FACTS))
_TEXT = LicenceSeen(path="LICENSE", source=LicenceSource.FILE, expression="Apache-2.0")
_CLAIM = LicenceSeen(path="README.md", source=LicenceSource.CARD, stated="apache-2.0", expression="Apache-2.0")
_GOOD = Card(looked_at=9, cards=(_CARD,), licences=(_TEXT, _CLAIM))
_TORCH = Component(ref="torch", name="torch", kind="library", version="2.9.0", purl="pkg:pypi/torch@2.9.0")
_BSD = replace(_TORCH, licences=("BSD-3-Clause",))
_POLICY = LicencePolicy(allowed=("Apache-2.0", "BSD-3-Clause", "CC-BY-4.0"))


def _sboms(component: Component) -> Sboms:
    root = Component(ref="m", name="model", kind="machine-learning-model", licences=("Apache-2.0",))
    document = SbomSeen(
        path="bom.json", sha256=_SHA, format="CycloneDX", spec_version="1.6", root=root, components=(component,)
    )
    return Sboms(documents=(document,))


def examples() -> Iterable[Example[LicencePolicy]]:
    yield Example(
        name="Card, licence text and SBOM agree on a licence that is allowed",
        verdict=Verdict.GREEN,
        evidence=(_GOOD, _sboms(_BSD)),
        policy=_POLICY,
    )
    yield Example(
        name="A component offers a choice, and one of its licences is allowed",
        verdict=Verdict.GREEN,
        evidence=(_GOOD, _sboms(replace(_TORCH, licences=("GPL-3.0-only OR BSD-3-Clause",)))),
        policy=_POLICY,
    )
    yield Example(
        name="A component states no licence, and this policy only warns",
        verdict=Verdict.AMBER,
        evidence=(_GOOD, _sboms(_TORCH)),
        policy=replace(_POLICY, components_without_licence=Breach.WARN),
    )
    yield Example(
        name="The policy does not say which licences are allowed",
        verdict=Verdict.RED,
        evidence=(_GOOD, _sboms(_BSD)),
        policy=LicencePolicy(),
    )
    yield Example(
        name="The card names one licence, and the licence file is another",
        verdict=Verdict.RED,
        evidence=(replace(_GOOD, licences=(replace(_TEXT, expression="CC-BY-4.0"), _CLAIM)), _sboms(_BSD)),
        policy=_POLICY,
    )
    yield Example(
        name="Two licences apply together, and one of them is not allowed",
        verdict=Verdict.RED,
        evidence=(_GOOD, _sboms(replace(_TORCH, licences=("BSD-3-Clause AND AGPL-3.0-only",)))),
        policy=_POLICY,
    )
    yield Example(
        name="No licence anywhere",
        verdict=Verdict.RED,
        evidence=(replace(_GOOD, licences=()),),
        policy=replace(_POLICY, component_licences=ComponentLicences.NONE),
    )
    yield Example(
        name="No SBOM was seen, and the policy asks for every component's licence",
        verdict=Verdict.RED,
        evidence=(_GOOD,),
        policy=_POLICY,
    )
