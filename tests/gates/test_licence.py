"""The gate ``licence``: each example holds, and each smallest change turns the right rule."""

from __future__ import annotations

from dataclasses import replace

import pytest

from arcops.errors import Refused
from arcops.finding import Outcome
from arcops.seen.card import Card, Fact, LicenceSource
from arcops.seen.sboms import Component, Sboms
from arcops.verdict import Verdict
from artifacts.wire import from_json
from gates.model.licence.gate import licence
from gates.model.licence.policy import Breach, ComponentLicences, LicencePolicy
from tests.evidence import judged

pytestmark = pytest.mark.requirement("ARC-A6/licences-are-judged")

EXAMPLES = tuple(licence.examples())
GOOD = EXAMPLES[0]
CARD = next(body for body in GOOD.evidence if isinstance(body, Card))
SBOMS = next(body for body in GOOD.evidence if isinstance(body, Sboms))
POLICY = GOOD.policy
TEXT, CLAIM = CARD.licences


def outcomes(card: Card = CARD, sboms: Sboms | None = SBOMS, policy: LicencePolicy = POLICY) -> dict[str, Outcome]:
    """The outcome of every rule that is not PASS."""
    bodies = (card, sboms) if sboms is not None else (card,)
    result = judged(licence, policy, bodies)  # type: ignore[arg-type]  # Gate is invariant in its policy
    return {finding.rule: finding.outcome for finding in result.findings if finding.outcome is not Outcome.PASS}


def with_component(*licences: str, kind: str = "library") -> Sboms:
    document = SBOMS.documents[0]
    return Sboms(documents=(replace(document, components=(Component(ref="x", name="x", kind=kind, licences=licences),)),))


def with_root(*licences: str) -> Sboms:
    document = SBOMS.documents[0]
    assert document.root is not None
    return Sboms(documents=(replace(document, root=replace(document.root, licences=licences)),))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_each_example_comes_out_as_it_says(example: object) -> None:
    assert judged(licence, example.policy, example.evidence).verdict is example.verdict  # type: ignore[attr-defined,arg-type]


def test_the_examples_show_every_colour() -> None:
    assert {example.verdict for example in EXAMPLES} == set(Verdict)


def test_the_good_example_answers_every_rule_with_pass() -> None:
    assert outcomes() == {}


def test_no_evidence_is_red() -> None:
    assert judged(licence, POLICY, ()).verdict is Verdict.RED  # type: ignore[arg-type]  # Gate is invariant in its policy


def test_by_default_nothing_is_allowed() -> None:
    assert outcomes(policy=LicencePolicy())["licence/allowed"] is Outcome.FAIL


@pytest.mark.parametrize(
    ("expression", "fine"),
    [
        ("Apache-2.0", True),
        ("apache-2.0", True),
        ("Apache-2.0 OR GPL-3.0-only", True),
        ("Apache-2.0 AND GPL-3.0-only", False),
        ("Apache-2.0 WITH LLVM-exception", False),
        ("Apache-2.0+", True),
        ("NONE", False),
        ("LicenseRef-Apache-2.0", False),
        ("Apache-1.1", False),
    ],
)
def test_every_stated_licence_must_be_allowed(expression: str, fine: bool) -> None:
    card = replace(CARD, licences=(replace(CLAIM, expression=expression),))
    assert ("licence/allowed" not in outcomes(card, with_root(expression))) is fine


@pytest.mark.parametrize(
    ("allowed", "denied", "expression", "fine"),
    [
        (("CC-BY-*",), (), "CC-BY-4.0", True),
        (("CC-BY-*",), ("CC-BY-NC-*",), "CC-BY-NC-4.0", False),
        (("MIT", "GPL-3.0-only"), ("gpl-3.0",), "GPL-3.0-only", False),
        (("MIT", "GPL-3.0-only"), ("gpl-3.0",), "GPL-3.0-only OR MIT", True),
        (("GPL-2.0-only",), (), "GPL-2.0-or-later", True),
        (("GPL-2.0-or-later",), (), "GPL-2.0-only", False),
        (("GPL-2.0-only",), ("GPL-2.0-or-later",), "GPL-2.0-or-later", False),
        (("GPL-2.0-only WITH Classpath-exception-2.0",), (), "GPL-2.0-only WITH Classpath-exception-2.0", True),
        (("GPL-2.0-only WITH Classpath-exception-2.0",), (), "GPL-2.0-only", False),
        (("LicenseRef-own",), (), "LicenseRef-own", True),
        (("LicenseRef-own",), (), "LicenseRef-other", False),
        (("llama3.1",), (), "llama3.1", True),
    ],
)
def test_lists_of_licences(allowed: tuple[str, ...], denied: tuple[str, ...], expression: str, fine: bool) -> None:
    policy = LicencePolicy(allowed=allowed, denied=denied, component_licences=ComponentLicences.NONE)
    card = replace(CARD, licences=(replace(CLAIM, expression=expression),))
    assert (outcomes(card, None, policy) == {}) is fine


@pytest.mark.parametrize("pattern", ["*", "", " ", "*-2.0", "?*", "A*B", "[a-z]*"])
def test_a_pattern_that_would_allow_licences_that_are_not_named_is_refused(pattern: str) -> None:
    with pytest.raises(Refused, match="not named"):
        LicencePolicy(allowed=(pattern,))


def test_no_licence_anywhere_fails() -> None:
    assert outcomes(replace(CARD, licences=()), with_root()) == {"licence/stated": Outcome.FAIL}
    assert outcomes(replace(CARD, licences=()), with_root("NOASSERTION")) == {"licence/stated": Outcome.FAIL}
    unsaid = replace(CARD, licences=(replace(CLAIM, expression="NOASSERTION"),))
    assert outcomes(unsaid, with_root()) == {"licence/stated": Outcome.FAIL}


def test_an_sboms_noassertion_leaves_the_cards_word() -> None:
    assert outcomes(sboms=with_root("NOASSERTION")) == {}


def test_a_part_under_a_forbidden_licence_fails() -> None:
    inner = replace(TEXT, path="part/LICENSE", own=False, expression="AGPL-3.0-only")
    assert outcomes(replace(CARD, licences=(TEXT, CLAIM, inner))) == {"licence/allowed": Outcome.FAIL}
    assert outcomes(replace(CARD, licences=(TEXT, CLAIM, replace(inner, expression="BSD-3-Clause")))) == {}


def test_a_licence_file_that_was_not_recognised() -> None:
    card = replace(CARD, licences=(replace(TEXT, expression="", problem="unknown text"), CLAIM))
    assert outcomes(card) == {"licence/allowed": Outcome.FAIL}
    assert outcomes(card, policy=replace(POLICY, unrecognised_files=Breach.WARN)) == {"licence/allowed": Outcome.WARN}


def test_a_cards_licence_that_is_no_expression_fails_whatever_the_policy_says_of_files() -> None:
    card = replace(CARD, licences=(TEXT, replace(CLAIM, expression="", problem="no expression")))
    assert outcomes(card, policy=replace(POLICY, unrecognised_files=Breach.WARN)) == {"licence/allowed": Outcome.FAIL}


@pytest.mark.parametrize(
    ("licences", "outcome"),
    [
        (("BSD-3-Clause",), None),
        (("AGPL-3.0-only",), Outcome.FAIL),
        (("BSD-3-Clause", "AGPL-3.0-only"), Outcome.FAIL),
        (("BSD-3-Clause OR AGPL-3.0-only",), None),
        (("NOASSERTION", "BSD-3-Clause"), None),
        (("NOASSERTION",), Outcome.FAIL),
        (("NONE",), Outcome.FAIL),
        ((), Outcome.FAIL),
        (("see the web",), Outcome.FAIL),
    ],
)
def test_every_component_is_asked(licences: tuple[str, ...], outcome: Outcome | None) -> None:
    assert outcomes(sboms=with_component(*licences)).get("licence/components") is outcome


def test_a_component_without_licence_is_by_policy() -> None:
    policy = replace(POLICY, components_without_licence=Breach.WARN)
    assert outcomes(sboms=with_component(), policy=policy) == {"licence/components": Outcome.WARN}
    assert outcomes(sboms=with_component(kind="file")) == {}


def test_whose_licence_is_asked_is_by_policy() -> None:
    bad = with_component("AGPL-3.0-only")
    assert outcomes(sboms=bad, policy=replace(POLICY, component_licences=ComponentLicences.ROOT_ONLY)) == {}
    assert outcomes(sboms=bad, policy=replace(POLICY, component_licences=ComponentLicences.NONE)) == {}
    assert outcomes(sboms=with_root("ISC"), policy=replace(POLICY, component_licences=ComponentLicences.NONE)) == {}
    root_only = replace(POLICY, component_licences=ComponentLicences.ROOT_ONLY)
    assert outcomes(sboms=with_root("ISC"), policy=root_only)["licence/allowed"] is Outcome.FAIL


def about_the_image(*licences: str) -> Sboms:
    root = Component(ref="i", name="serve", kind="container", licences=licences)
    return Sboms(documents=(replace(SBOMS.documents[0], root=root, components=()),))


def test_the_licence_of_what_serves_the_model_is_not_the_models() -> None:
    assert outcomes(replace(CARD, licences=()), about_the_image("Apache-2.0")) == {"licence/stated": Outcome.FAIL}
    assert outcomes(sboms=about_the_image()) == {}
    for policy in (POLICY, replace(POLICY, component_licences=ComponentLicences.ROOT_ONLY)):
        assert outcomes(sboms=about_the_image("AGPL-3.0-only"), policy=policy) == {"licence/components": Outcome.FAIL}


@pytest.mark.parametrize("kind", ["lock-file", "operating-system"])
def test_what_only_lists_packages_needs_no_licence(kind: str) -> None:
    assert outcomes(sboms=with_component(kind=kind)) == {}
    assert outcomes(sboms=with_component("AGPL-3.0-only", kind=kind)) == {"licence/components": Outcome.FAIL}


def test_an_sbom_that_is_missing_or_unsound_is_unknown() -> None:
    assert outcomes(sboms=None) == {"licence/components": Outcome.UNKNOWN}
    unsound = Sboms(documents=(replace(SBOMS.documents[0], problems=("no type",)),))
    assert outcomes(sboms=unsound) == {"licence/components": Outcome.UNKNOWN}


@pytest.mark.parametrize("severity", [Breach.FAIL, Breach.WARN])
def test_disagreement(severity: Breach) -> None:
    policy = replace(POLICY, disagreement=severity)
    expected = {"licence/agrees": Outcome[severity.name]}
    assert outcomes(replace(CARD, licences=(replace(TEXT, expression="BSD-3-Clause"), CLAIM)), policy=policy) == expected
    assert outcomes(sboms=with_root("BSD-3-Clause"), policy=policy) == expected
    config = replace(CLAIM, path="config.json", source=LicenceSource.CONFIG, expression="BSD-3-Clause")
    assert outcomes(replace(CARD, licences=(TEXT, CLAIM, config)), policy=policy) == expected


def test_or_later_and_only_share_one_text() -> None:
    policy = replace(POLICY, allowed=(*POLICY.allowed, "GPL-3.0-only"))
    text = replace(TEXT, expression="GPL-3.0-only")
    card = replace(CARD, licences=(text, replace(CLAIM, expression="GPL-3.0-or-later")))
    assert outcomes(card, with_root("GPL-3.0-only"), policy) == {}


def test_a_hubs_own_licence_is_the_reference_of_that_name_and_no_listed_one_is() -> None:
    policy = replace(POLICY, allowed=("llama3.1", "LicenseRef-llama3.1", "MIT", "LicenseRef-MIT"))
    for said, written, fine in (
        ("llama3.1", "LicenseRef-llama3.1", True),
        ("llama3.1", "LicenseRef-llama3.2", False),
        ("MIT", "LicenseRef-MIT", False),
    ):
        card = replace(CARD, licences=(replace(CLAIM, expression=said),))
        assert ("licence/agrees" not in outcomes(card, with_root(written), policy)) is fine, (said, written)


def test_a_choice_of_two_may_ship_both_texts() -> None:
    both = "Apache-2.0 OR BSD-3-Clause"
    other = replace(TEXT, path="LICENSE-BSD", expression="BSD-3-Clause")
    card = replace(CARD, licences=(TEXT, other, replace(CLAIM, expression=both)))
    assert outcomes(card, with_root(both)) == {}


@pytest.mark.parametrize("fact", POLICY.required_card_facts)
def test_every_required_fact_must_be_told(fact: Fact) -> None:
    card = CARD.cards[0]
    silent = replace(card, facts=tuple(told for told in card.facts if told.fact is not fact))
    assert outcomes(replace(CARD, cards=(silent,))) == {"licence/card": Outcome.FAIL}


def test_a_missing_card_fails_unless_no_fact_is_required() -> None:
    assert outcomes(replace(CARD, cards=())) == {"licence/card": Outcome.FAIL}
    assert outcomes(replace(CARD, cards=()), policy=replace(POLICY, required_card_facts=())) == {}


def test_the_card_nearest_to_the_top_speaks() -> None:
    deep = replace(CARD.cards[0], path="a/README.md")
    silent = replace(CARD.cards[0], facts=())
    assert outcomes(replace(CARD, cards=(silent, deep))) == {"licence/card": Outcome.FAIL}


def test_a_card_or_configuration_with_problems_fails() -> None:
    assert outcomes(replace(CARD, cards=(replace(CARD.cards[0], problems=("a key twice",)),))) == {
        "licence/sound": Outcome.FAIL
    }
    config = replace(TEXT, path="config.json", source=LicenceSource.CONFIG, expression="", problem="not JSON")
    found = outcomes(replace(CARD, licences=(TEXT, CLAIM, config)))
    assert found["licence/sound"] is Outcome.FAIL


def test_ten_thousand_bad_components_stay_readable() -> None:
    many = tuple(Component(ref=str(at), name=str(at), kind="library", licences=("AGPL-3.0-only",)) for at in range(10_000))
    sboms = Sboms(documents=(replace(SBOMS.documents[0], components=many),))
    result = judged(licence, POLICY, (CARD, sboms))  # type: ignore[arg-type]  # Gate is invariant in its policy
    assert result.verdict is Verdict.RED
    assert len(result.findings) < 600


def test_the_policy_is_read_from_strict_camel_case() -> None:
    policy = from_json(
        LicencePolicy, '{"allowed": ["MIT"], "componentLicences": "root-only", "requiredCardFacts": ["datasets"]}'
    )
    assert policy.component_licences is ComponentLicences.ROOT_ONLY
    assert policy.required_card_facts == (Fact.DATASETS,)
    with pytest.raises(Refused):
        from_json(LicencePolicy, '{"allow": ["MIT"]}')
