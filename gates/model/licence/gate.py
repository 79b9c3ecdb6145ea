"""May this model be used under the licences that its card, its files and its SBOM state, and is its card complete?

Why: a licence that forbids the planned use, or that is not known, is a legal risk that no signature removes. And if a card does
not state purpose, data or evaluation, an operator must guess.

Judged: the licence of the SBOM's root and components, of the model card's front matter, of configuration files and of licence
texts, each against the policy's ``allowed`` and ``denied`` lists by SPDX identifier (all of an AND, one of an OR); whether
card, files and SBOM name the same licence; and the facts that the policy requires in the card. ``NOASSERTION`` states
nothing, ``NONE`` states that there is no licence. A licence text is recognised only if it is known word for word.

Fix: ask the publisher to state one SPDX expression in the card and to ship the unchanged text of that licence. Add a licence
that your organisation accepts to ``allowed``.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from arcops.control import nist
from arcops.errors import Refused
from arcops.evidence import Seen
from arcops.finding import Cited, Finding, Location, Rule
from arcops.gate import gate
from arcops.late_dataclass import dataclass
from arcops.licence import UNSAID, family, named, parse_licence
from arcops.seen.card import Card, CardSeen, LicenceSeen, LicenceSource
from arcops.seen.sboms import Sboms
from arcops.subjects.model import Model
from gates.model.licence.components import COMPONENTS, components, is_about
from gates.model.licence.policy import Breach, ComponentLicences, LicencePolicy, refusal

STATED = Rule(
    id="licence/stated",
    asks="Is the model's licence stated in the card, a licence file, a configuration file or the SBOM's root?",
    fix="Ask the publisher for the licence: a model without a licence may not be copied or run.",
)
ALLOWED = Rule(
    id="licence/allowed",
    asks="May every licence stated for the model be used under the policy?",
    fix="Use another model, or ask your legal owner to add the licence to 'allowed' of gate 'licence'.",
)
AGREES = Rule(
    id="licence/agrees",
    asks="Do card, files and SBOM name the same licence?",
    fix="Ask the publisher which licence applies, and to state it in card, licence file and SBOM.",
)
CARD = Rule(
    id="licence/card",
    asks="Does the model card state every fact that the policy requires?",
    fix="Add the fact to the model card, or remove it from 'requiredCardFacts' if you do not need it.",
)
SOUND = Rule(
    id="licence/sound",
    asks="Could every model card, licence file and configuration file be read completely?",
    fix="Correct the file: plain UTF-8, one front matter, each key once.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Statement:
    """A licence stated for the model: its place, its text, and the names that are compared with other statements."""

    where: str
    text: str
    cited: Cited
    names: frozenset[str]
    file: bool


@gate(
    "licence",
    judges=(Model,),
    needs=(Card,),
    wants=(Sboms,),
    policy=LicencePolicy,
    rules=(STATED, ALLOWED, COMPONENTS, AGREES, CARD, SOUND),
    speaks_to=nist("CM-10"),
)
def licence(seen: Seen, policy: LicencePolicy) -> Iterator[Finding]:
    """Answer every rule about the licences of one model."""
    card = seen[Card]
    sboms = seen.get(Sboms) if policy.component_licences is not ComponentLicences.NONE else None
    statements = list(_stated_by_card(card.body, card))
    if sboms is not None:
        statements.extend(_stated_by_sboms(sboms.body, sboms, seen))
    yield from _stated(statements, card)
    yield from _allowed(card.body, statements, policy, card)
    yield from components(sboms.body if sboms else None, policy, sboms or card, seen)
    yield from _agreeing(statements, policy, card)
    yield from _card_facts(card.body, policy, card)
    yield from _sound(card.body, card)


def _stated_by_card(card: Card, cited: Cited) -> Iterator[_Statement]:
    for licence in card.licences:
        if licence.own and licence.expression not in ("", UNSAID):
            yield _statement(licence.path, licence.expression, cited, file=licence.source is LicenceSource.FILE)


def _stated_by_sboms(sboms: Sboms, cited: Cited, seen: Seen) -> Iterator[_Statement]:
    for document in sboms.documents:
        if document.root is not None and not document.problems and is_about(document.root, seen):
            said = [text for text in document.root.licences if text.strip().upper() != UNSAID]
            if said:
                text = said[0] if len(said) == 1 else " AND ".join(f"({part})" for part in said)
                yield _statement(document.path, text, cited, file=False)


def _statement(where: str, text: str, cited: Cited, *, file: bool) -> _Statement:
    try:
        names = frozenset(family(licence.name) for licence in named(parse_licence(text)))
    except Refused:
        names = frozenset({text.lower()})
    return _Statement(where=where, text=text, cited=cited, names=names, file=file)


def _stated(statements: list[_Statement], card: Cited) -> Iterator[Finding]:
    if statements:
        where = ", ".join(sorted({f"{said.text} in {said.where}" for said in statements})[:5])
        yield STATED.passes(f"A licence is stated: {where}.", *{said.cited.digest: said.cited for said in statements}.values())
    else:
        yield STATED.fails(
            "The model's licence is not stated: not in a card, licence file, configuration file or SBOM root.", card
        )


def _allowed(card: Card, statements: list[_Statement], policy: LicencePolicy, cited: Cited) -> Iterator[Finding]:
    findings = []
    for said in statements:
        why = refusal(said.text, policy)
        if why:
            findings.append(
                ALLOWED.fails(
                    f"The licence {said.text!r} in {said.where} {why}.", said.cited, about=f"{said.where}: {said.text}"
                )
            )
    for inner in card.licences:
        why = refusal(inner.expression, policy) if not inner.own and inner.expression not in ("", UNSAID) else ""
        if why:
            text = f"The licence {inner.expression!r} of the part {inner.path} {why}."
            findings.append(ALLOWED.fails(text, cited, about=f"{inner.path}: {inner.expression}"))
        if inner.source is LicenceSource.FILE and not inner.expression:
            say = ALLOWED.fails if policy.unrecognised_files is Breach.FAIL else ALLOWED.warns
            text = f"The licence file {inner.path} was not recognised: {inner.problem}."
            findings.append(say(text, cited, about=inner.path, location=Location(path=inner.path)))
        elif not inner.expression:
            text = f"The licence that {inner.path} states was not recognised: {inner.problem}."
            findings.append(ALLOWED.fails(text, cited, about=inner.path, location=Location(path=inner.path)))
    yield from findings
    if not findings:
        yield ALLOWED.passes(
            f"All {len(statements)} stated licence(s) of the model are allowed."
            if statements
            else "No licence is stated for the model, so none is forbidden.",
            *({said.cited.digest: said.cited for said in statements} or {"": cited}).values(),
        )


def _agreeing(statements: list[_Statement], policy: LicencePolicy, card: Cited) -> Iterator[Finding]:
    texts = [said for said in statements if said.file]
    claims = [said for said in statements if not said.file]
    say = AGREES.fails if policy.disagreement is Breach.FAIL else AGREES.warns
    findings = []
    for first, second in pairwise(claims):
        if first.names != second.names:
            text = f"{first.where} says {first.text!r} and {second.where} says {second.text!r}."
            findings.append(say(text, first.cited, second.cited, about=f"{first.where} and {second.where}"))
    shipped = frozenset[str]().union(*(said.names for said in texts))
    for claim in claims:
        strange = [said for said in texts if not said.names & claim.names]
        for said in strange:
            text = f"{claim.where} says {claim.text!r}, but the text in {said.where} is {said.text!r}."
            findings.append(say(text, claim.cited, said.cited, about=f"{claim.where} and {said.where}"))
        if texts and not strange and not shipped & claim.names:
            text = f"{claim.where} says {claim.text!r}, but no licence file contains that licence text."
            findings.append(say(text, claim.cited, about=claim.where))
    yield from findings
    if not findings:
        cites = {said.cited.digest: said.cited for said in statements} or {card.digest: card}
        yield AGREES.passes(
            f"The {len(statements)} statement(s) of the model's licence do not contradict each other.", *cites.values()
        )


def _nearest(card: Card) -> CardSeen | None:
    return min(card.cards, key=lambda seen: (seen.path.count("/"), seen.path), default=None)


def _card_facts(card: Card, policy: LicencePolicy, cited: Cited) -> Iterator[Finding]:
    nearest = _nearest(card)
    told = {fact.fact for fact in nearest.facts} if nearest else set()
    missing = [fact for fact in policy.required_card_facts if fact not in told]
    where = nearest.path if nearest else ""
    for fact in missing:
        text = f"The model card {where} does not state {fact.value!r}." if nearest else f"No model card states {fact.value!r}."
        yield CARD.fails(text, cited, about=fact.value, location=Location(path=where) if where else None)
    if not missing:
        count = len(policy.required_card_facts)
        yield CARD.passes(
            f"The model card {where} states all {count} required fact(s)." if count else "The policy requires no fact.", cited
        )


def _sound(card: Card, cited: Cited) -> Iterator[Finding]:
    broken = [(seen.path, problem) for seen in card.cards for problem in seen.problems]
    broken += [(seen.path, seen.problem) for seen in card.licences if _unreadable(seen)]
    for path, problem in broken:
        yield SOUND.fails(f"{path}: {problem}.", cited, about=path, location=Location(path=path))
    if not broken:
        yield SOUND.passes(f"All {len(card.cards)} card(s) and {len(card.licences)} licence statement(s) could be read.", cited)


def _unreadable(seen: LicenceSeen) -> bool:
    return bool(seen.problem) and not seen.stated and seen.source is LicenceSource.CONFIG
