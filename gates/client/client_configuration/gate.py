"""May this draft of MCP clients' configuration be released?

Why: Clients do not say that a configuration is wrong. A variable in another client's spelling is passed on as text, an entry
that cannot be read is dropped without a word, and a secret in a file is read by everyone who has the file.

Judged: that each client can express each server (a way to connect, a variable, a limit of tools); that what it would read fits
its schema; that the organisation's rules refuse nothing; that no text of the draft holds a secret or something that looks like
one, also encoded, split, in an address or in a comment; that remote servers are reached by TLS; that the verdict about each
hosted server which the draft names is good and counts today.

Fix: Take out what a client cannot express, or leave that client out of the draft. Name an input in place of a secret, and
withdraw that secret: it was in a file. Use https.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from arcops.control import nist, soc
from arcops.evidence import Evidence, Seen
from arcops.finding import Finding, Location, Rule
from arcops.gate import gate
from arcops.seen.client import Action, ClientConfiguration, Transport
from arcops.subjects.client import ClientConfig
from arcops.verdict import Verdict
from gates.client.client_configuration.addresses import address
from gates.client.client_configuration.secrets import secrets_in, untold
from gates.listing import listed
from gates.words import shown as on_one_line

EXPRESSED = Rule(
    id="client-configuration/expressed",
    asks="Can each client express each server?",
    fix="Take out what this client has no field for, or leave the client out of the draft.",
)
SCHEMA = Rule(
    id="client-configuration/schema",
    asks="Does what each client would read fit its schema?",
    fix="Change the draft at the place that is named; 'arcops conf schema CLIENT' shows the schema.",
)
RULES = Rule(
    id="client-configuration/rules",
    asks="Do the organisation's rules accept it, without taking anything out?",
    fix="Change the draft as the rule asks, or have the rule changed by those who own it.",
)
SECRETS = Rule(
    id="client-configuration/secrets",
    asks="Is it free of secrets, and of what looks like one?",
    fix="Name an input instead, so that each machine has its own value; withdraw the secret, because it stood in a file.",
)
TRANSPORT = Rule(
    id="client-configuration/transport",
    asks="Are remote servers reached by TLS?",
    fix="Use https, or a server on the same machine.",
)
HOSTED = Rule(
    id="client-configuration/hosted",
    asks="Are the verdicts about the hosted servers that it names good, and do they count today?",
    fix="Judge the hosted server again ('arcops host gate NAME') and name the lock that it has now, or leave it out.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfigurationPolicy:
    """``without_rules`` accepts a draft that no policy set was applied to, with a warning. ``plain`` are globs over addresses
    that may be reached without TLS besides those of the same machine.
    """

    without_rules: bool = False
    plain: tuple[str, ...] = ()


@gate(
    "client-configuration",
    judges=(ClientConfig,),
    needs=(ClientConfiguration,),
    policy=ClientConfigurationPolicy,
    rules=(EXPRESSED, SCHEMA, RULES, SECRETS, TRANSPORT, HOSTED),
    speaks_to=nist("CM-3", "CM-6", "IA-5(7)") + soc("CC8.1"),
)
def client_configuration(seen: Seen, policy: ClientConfigurationPolicy) -> Iterator[Finding]:
    found = seen[ClientConfiguration]
    count = len(found.body.made)
    yield from listed(_expressed(found), EXPRESSED.passes(f"All {count} form(s) for clients could be made.", found))
    yield from listed(_schema(found), SCHEMA.passes(f"All {count} form(s) fit their schemas.", found))
    accepts = f"The policy set {found.body.policy_set} accepts the draft as it is."
    yield from listed(_rules(found, policy), RULES.passes(accepts, found))
    yield from listed(_secrets(found), SECRETS.passes("No text of the draft looks like a secret.", found))
    yield from listed(_transport(found, policy), TRANSPORT.passes("Remote servers are reached by TLS.", found))
    yield from listed(_hosted(found), HOSTED.passes("The verdicts about hosted servers that it names are good.", found))


def shown(text: str) -> str:
    """*text* on one line, and without what looks like a secret."""
    return untold(on_one_line(text))


def _expressed(found: Evidence[ClientConfiguration]) -> Iterator[Finding]:
    if not found.body.made:
        yield EXPRESSED.unknown("The draft gives nothing for any client.", found)
    for one in found.body.made:
        if one.problem or not one.payload:
            text = one.problem or "there is no payload"
            yield EXPRESSED.fails(f"{one.client}: {shown(text)}.", found, about=f"{one.client} {one.schema}")


def _schema(found: Evidence[ClientConfiguration]) -> Iterator[Finding]:
    for one in found.body.made:
        for misfit in one.misfits:
            yield SCHEMA.fails(f"{one.client} at {shown(misfit)}.", found, about=f"{one.client} {one.schema}")


def _rules(found: Evidence[ClientConfiguration], policy: ClientConfigurationPolicy) -> Iterator[Finding]:
    if not found.body.policy_set:
        text = "No policy set of the organisation was applied."
        yield RULES.warns(text, found) if policy.without_rules else RULES.unknown(text, found)
    told: set[tuple[str, str, str]] = set()
    for one in found.body.made:
        for decision in one.decisions:
            key = (one.client, decision.rule, decision.effect)
            if key in told:  # once for a client, whatever the versions of its schema
                continue
            told.add(key)
            text = f"{one.client}: {shown(decision.effect)} by the rule {shown(decision.rule)}."
            answer = RULES.fails if decision.refused else RULES.warns
            yield answer(text, found, about=f"{one.client} {decision.rule} {shown(decision.server)}")


def _secrets(found: Evidence[ClientConfiguration]) -> Iterator[Finding]:
    for one in secrets_in(found.body):
        place = f"{shown(one.where)}, line {one.line}" if one.line else shown(one.where)
        location = Location(path="draft", line=one.line)
        yield SECRETS.fails(f"There is {one.what} in {place}.", found, about=shown(one.where), location=location)


def _transport(found: Evidence[ClientConfiguration], policy: ClientConfigurationPolicy) -> Iterator[Finding]:
    for one in found.body.draft.servers:
        if one.transport is Transport.STDIO or any(fnmatchcase(one.url, glob) for glob in policy.plain):
            continue
        parts = address(one.url)
        if parts is None:
            yield TRANSPORT.unknown(f"The address of {shown(one.name)} cannot be read.", found, about=shown(one.name))
        elif parts.scheme != "https" and not (parts.scheme == "http" and parts.here):
            yield TRANSPORT.fails(
                f"{shown(one.name)} is reached by {parts.scheme}, not by https.", found, about=shown(one.name)
            )


def _hosted(found: Evidence[ClientConfiguration]) -> Iterator[Finding]:
    known = {(one.name, one.lock): one for one in found.body.hosted}
    pinned = {each.server for one in found.body.made for each in one.decisions if each.action is Action.PIN}
    for server in found.body.draft.servers:
        if server.hosted is None:
            continue
        about = shown(f"{server.name} {server.hosted.name}")
        one = known.get((server.hosted.name, server.hosted.lock))
        if one is None or (not one.problem and one.verdict not in {each.value for each in Verdict}):
            yield HOSTED.unknown(f"{about}: nothing is known of it.", found, about=about)
        elif one.problem:
            yield HOSTED.fails(f"{about}: {shown(one.problem)}.", found, about=about)
        elif one.verdict == Verdict.RED.value:
            yield HOSTED.fails(f"{about}: its verdict is RED ({shown(one.artifact)}).", found, about=about)
        elif server.package and one.package != server.package:
            text = f"{about}: {shown(one.package)} was judged, and the draft names {shown(server.package)}."
            yield HOSTED.fails(text, found, about=about)
        elif server.command or (server.package and server.name in pinned):
            what = "a command" if server.command else "another version, by a rule"
            yield HOSTED.fails(f"{about}: it would be {what}, which was not judged.", found, about=about)
        elif one.verdict == Verdict.AMBER.value:
            text = f"{about}: its verdict is AMBER, by the policy {shown(one.policy)}."
            yield HOSTED.warns(text, found, about=about)
