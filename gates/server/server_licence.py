"""May every installed package be used, by what it says of its licence?

Why: a server is used by many teams, and its packages come in with it. A licence that forbids that use is found too late when it
is found by someone else.

Judged: the licence that each installed package states, against the policy's list; one that states none, or words that are no
SPDX expression, is what the policy says.

Fix: choose another package, or add the licence to the policy's list ('allowed') when your organisation accepts it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from fnmatch import fnmatchcase

from arcops.control import nist
from arcops.errors import Refused
from arcops.evidence import Seen
from arcops.finding import Finding, Rule
from arcops.gate import Example, gate
from arcops.licence import NOTHING, UNSAID, AllOf, AnyOf, Licence, canonical_name, holds, named, parse_licence
from arcops.seen.server import LicenceSaid, ServerContents
from arcops.subjects.server import Server
from arcops.verdict import Verdict
from gates.listing import listed
from gates.words import shown


class Unsaid(Enum):
    """What a licence that is not stated becomes."""

    FAIL = "fail"
    WARN = "warn"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLicencePolicy:
    """``allowed`` are SPDX identifiers, which may end in ``*``. ``unsaid`` is for packages that state no licence, or state it
    in words that are no SPDX expression. ``stated`` has ``NAME=EXPRESSION`` for those of them whose licence someone has looked
    up: it counts as theirs. ``excepted`` are packages, as ``NAME`` or ``NAME VERSION``, that may be used whatever they state:
    they warn.
    """

    allowed: tuple[str, ...] = ()
    unsaid: Unsaid = Unsaid.FAIL
    stated: tuple[str, ...] = ()
    excepted: tuple[str, ...] = ()


PERMITTED = Rule(
    id="server-licence/permitted",
    asks="Does every package state a licence that the policy permits?",
    fix="Choose another package, or add the licence to 'allowed' in the policy.",
)
STATED = Rule(
    id="server-licence/stated",
    asks="Is there at least one package whose licence is stated?",
    fix="Host a package that states its licence; a folder states none.",
)


@gate(
    "server-licence",
    judges=(Server,),
    needs=(ServerContents,),
    policy=ServerLicencePolicy,
    rules=(PERMITTED, STATED),
    examples=lambda: _examples(),
    speaks_to=nist("CM-10"),
)
def server_licence(seen: Seen, policy: ServerLicencePolicy) -> Iterator[Finding]:
    """Judge each licence."""
    found = seen[ServerContents]
    licences = found.body.licences
    looked_up = dict(entry.partition("=")[::2] for entry in policy.stated)
    wrong: list[Finding] = []
    for one in licences:
        about = one.package
        stated = _read(one.licence) or _read(looked_up.get(about.rpartition(" ")[0] or about, ""))
        if about in policy.excepted or about.rpartition(" ")[0] in policy.excepted:
            wrong.append(PERMITTED.warns(f"{shown(about)} is used by an exception of the policy.", found, about=about))
        elif stated is None:
            said = f"{shown(about)} states {shown(one.licence[:80])!r}, which is no licence of SPDX."
            text = said if one.licence else f"{shown(about)} states no licence."
            wrong.append((PERMITTED.warns if policy.unsaid is Unsaid.WARN else PERMITTED.fails)(text, found, about=about))
        elif not holds(stated, lambda licence: _permits(policy, licence)):
            text = f"{shown(about)} is under {shown(str(stated))}, which the policy does not permit."
            wrong.append(PERMITTED.fails(text, found, about=about))
    yield from listed(wrong, PERMITTED.passes(f"The policy permits the licences of all {len(licences)} packages.", found))
    if licences:
        yield STATED.passes(f"{len(licences)} packages were asked for their licence.", found)
    else:
        answer = STATED.warns if policy.unsaid is Unsaid.WARN else STATED.fails
        yield answer("Nothing that is installed states a licence.", found)


def _read(text: str) -> Licence | AllOf | AnyOf | None:
    try:
        read = parse_licence(text)
    except Refused:
        return None
    return None if {one.name for one in named(read)} & {NOTHING, UNSAID} else read


def _permits(policy: ServerLicencePolicy, licence: Licence) -> bool:
    choices = [str(licence)]
    if not licence.exception and licence.name.endswith("-or-later"):
        choices.append(licence.name.removesuffix("-or-later") + "-only")
    return any(fnmatchcase(one.lower(), canonical_name(entry).lower()) for one in choices for entry in policy.allowed)


def _examples() -> Iterator[Example[ServerLicencePolicy]]:
    policy = ServerLicencePolicy(allowed=("MIT", "Apache-2.0"))
    one = LicenceSaid(package="mcp 2.3.0", licence="MIT")

    def example(
        name: str, verdict: Verdict, *said: LicenceSaid, by: ServerLicencePolicy = policy
    ) -> Example[ServerLicencePolicy]:
        return Example(name=name, verdict=verdict, evidence=(ServerContents(files=1, licences=said),), policy=by)

    yield example("permitted", Verdict.GREEN, one)
    yield example("a choice of which one is permitted", Verdict.GREEN, replace(one, licence="GPL-3.0-only OR MIT"))
    silent = replace(one, licence="")
    yield example("none stated, which warns", Verdict.AMBER, silent, by=replace(policy, unsaid=Unsaid.WARN))
    by_hand = replace(policy, stated=("mcp=MIT",))
    yield example("none stated, and looked up", Verdict.GREEN, silent, by=by_hand)
    yield example("another one looked up than is stated", Verdict.RED, replace(one, licence="AGPL-3.0-only"), by=by_hand)
    yield example("an exception", Verdict.AMBER, silent, by=replace(policy, excepted=("mcp",)))
    yield example("none stated", Verdict.RED, silent)
    yield example("not permitted", Verdict.RED, replace(one, licence="AGPL-3.0-only"))
    yield example("all of two are needed", Verdict.RED, replace(one, licence="MIT AND AGPL-3.0-only"))
    yield example("words", Verdict.RED, replace(one, licence="see the file"))
    yield example("no package", Verdict.RED)
