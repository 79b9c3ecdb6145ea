"""Apply an organisation's rules to the servers of a draft: a pure function of the draft, the rules and the context."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from amend.client.launching import plain_name, split_package, with_version
from amend.client.mentions import set_by_arguments, started_otherwise
from amend.client.rules import Context, Key, PolicySet, Rule, applies, fits
from arcops.seen.client import Action, Decision, Setting, Transport, Wanted

Settings = tuple[Setting, ...]


def applied(
    servers: Sequence[Wanted], policy: PolicySet | None, context: Context
) -> tuple[tuple[Wanted, ...], tuple[Decision, ...]]:
    """The *servers* that are left under *policy*, as it changes them, and what it decided, by rules and servers."""
    if policy is None:
        return tuple(servers), ()
    rules = [_told(rule, context) for rule in policy.rules if applies(rule, context)]
    allowing = [rule for rule in rules if rule.action is Action.ALLOW]
    left: list[Wanted] = []
    decisions: list[Decision] = []
    for server in servers:
        found: Wanted | None = server
        if allowing:
            found = _allowed(server, allowing, decisions)
        for rule in rules:
            if found is not None and rule.action is not Action.ALLOW and rule.concerns(found.name):
                found = _ruled(found, rule, decisions)
        if found is not None:
            left.append(found)
    return tuple(left), tuple(decisions)


def _told(rule: Rule, context: Context) -> Rule:
    if not rule.when.claims or context.claims:
        return rule
    why = "it asks who publishes, which is known only over REST with a token"
    return replace(rule, reason=f"{rule.reason}; {why}" if rule.reason else why)


def _allowed(server: Wanted, rules: Sequence[Rule], decisions: list[Decision]) -> Wanted | None:
    concerned = [rule for rule in rules if rule.concerns(server.name)]
    if not concerned:
        strip = all(rule.strip for rule in rules)
        effect = f"the server {server.name} is allowed by no rule, and is {'taken out' if strip else 'refused'}"
        decisions.append(_said(rules[0], server, effect, refused=not strip))
        return None if strip else server
    limits = [rule for rule in concerned if rule.tools]
    if len(limits) < len(concerned):  # one of them allows every tool
        return server
    return _limited(server, limits, decisions)


def _limited(server: Wanted, rules: Sequence[Rule], decisions: list[Decision]) -> Wanted:
    globs = tuple(glob for rule in rules for glob in rule.tools)
    if server.tools:
        kept = tuple(one for one in server.tools if fits(one, globs))
        gone = [one for one in server.tools if one not in kept]
        strip = all(rule.strip for rule in rules)
        for one in gone:
            effect = f"the tool {one} of {server.name} is allowed by no rule, and is {'taken out' if strip else 'refused'}"
            decisions.append(_said(rules[0], server, effect, refused=not strip or not kept))
        return replace(server, tools=kept) if strip and kept else server
    if any("*" in glob or "?" in glob or "[" in glob for glob in globs):
        effect = f"the server {server.name} names no tools, and only some are allowed; name its tools in the draft"
        decisions.append(_said(rules[0], server, effect, refused=True))
        return server
    decisions.append(_said(rules[0], server, f"only the tools {', '.join(globs)} of {server.name} are allowed", refused=False))
    return replace(server, tools=tuple(dict.fromkeys(globs)))


def _ruled(server: Wanted, rule: Rule, decisions: list[Decision]) -> Wanted | None:
    match rule.action:
        case Action.DENY if not rule.tools:
            effect = f"the server {server.name} is denied, and is {'taken out' if rule.strip else 'refused'}"
            decisions.append(_said(rule, server, effect, refused=not rule.strip))
            return None if rule.strip else server
        case Action.DENY:
            return _without_tools(server, rule, decisions)
        case Action.PIN:
            return _pinned(server, rule, decisions)
        case Action.REDACT:
            return _redacted(server, rule, decisions)
        case Action.REQUIRE:
            decisions.extend(_lacking(server, rule))
            return server
        case Action.DEFAULT:
            return _filled(server, rule, decisions)
        case Action.ALLOW:
            return server


def _without_tools(server: Wanted, rule: Rule, decisions: list[Decision]) -> Wanted:
    asked = [one for one in server.tools if fits(one, rule.tools)]
    for one in asked:
        effect = f"the tool {one} of {server.name} is denied, and is {'taken out' if rule.strip else 'refused'}"
        decisions.append(_said(rule, server, effect, refused=not rule.strip or len(asked) == len(server.tools)))
    if server.tools:
        kept = tuple(one for one in server.tools if one not in asked)
        return replace(server, tools=kept) if rule.strip and kept else server
    if any(sign in glob for glob in rule.tools for sign in "*?["):
        effect = f"the server {server.name} names no tools, and some are denied by a pattern; name its tools in the draft"
        decisions.append(_said(rule, server, effect, refused=True))
        return server
    decisions.append(_said(rule, server, f"the tools {', '.join(rule.tools)} of {server.name} are denied", refused=False))
    return replace(server, denied_tools=tuple(dict.fromkeys((*server.denied_tools, *rule.tools))))


def _pinned(server: Wanted, rule: Rule, decisions: list[Decision]) -> Wanted:
    for pin in rule.pins:
        for number, had in started_otherwise(server, pin.package, pin.version):
            place = f"argument {number}" if number else "the command"
            effect = (
                f"{place} of {server.name} names {had}, which is pinned to {pin.version}, and is refused; name it as package"
            )
            decisions.append(_said(rule, server, effect, refused=True))
    if not server.package:
        return server
    name, version = split_package(server.package)
    for pin in rule.pins:
        if not fnmatchcase(plain_name(name), plain_name(pin.package)) or version == pin.version:
            continue
        had = version or "no version"
        effect = f"{name} of {server.name} is pinned to {pin.version}, and the draft has {had}: it is "
        decisions.append(_said(rule, server, effect + ("changed" if rule.strip else "refused"), refused=not rule.strip))
        if rule.strip:
            return replace(server, package=with_version(server.package, pin.version))
    return server


def _redacted(server: Wanted, rule: Rule, decisions: list[Decision]) -> Wanted:
    for key in rule.keys:
        kind, _, glob = key.name.partition(":")
        have = _of(server, kind)
        for number, name in set_by_arguments(server, kind):
            if fnmatchcase(name.lower(), glob.lower()):
                effect = (
                    f"argument {number} of {server.name} sets {kind}:{name}, and is refused; name it under {kind} in the draft"
                )
                decisions.append(_said(rule, server, effect, refused=True))
        gone = [one for one in have if fnmatchcase(one.name.lower(), glob.lower())]  # variables have no case on Windows
        for one in gone:
            decisions.append(_said(rule, server, f"{kind}:{one.name} of {server.name} is taken out", refused=False))
        server = _with(server, kind, tuple(one for one in have if one not in gone))
    return server


def _lacking(server: Wanted, rule: Rule) -> Iterator[Decision]:
    for key in rule.keys:
        kind, colon, glob = key.name.partition(":")
        if colon:
            there = any(_same(kind, one.name, glob) and (one.before or one.input) for one in _of(server, kind))
        elif key.name == "package":
            there = bool(server.package) or server.transport is not Transport.STDIO
        else:
            there = bool(getattr(server, key.name))
        if not there:
            yield _said(rule, server, f"the server {server.name} lacks {key.name}, which is required", refused=True)


def _filled(server: Wanted, rule: Rule, decisions: list[Decision]) -> Wanted:
    for key in rule.keys:
        kind, _, name = key.name.partition(":")
        have = _of(server, kind)
        if (kind == "header") is (server.transport is Transport.STDIO) or any(_same(kind, one.name, name) for one in have):
            continue
        server = _with(server, kind, (*have, _setting(name, key)))
        decisions.append(_said(rule, server, f"{key.name} of {server.name} gets its default", refused=False))
    return server


def _setting(name: str, key: Key) -> Setting:
    return Setting(name=name, before=key.value, input=key.input)


def _of(server: Wanted, kind: str) -> Settings:
    return server.env if kind == "env" else server.headers


def _with(server: Wanted, kind: str, settings: Settings) -> Wanted:
    return replace(server, env=settings) if kind == "env" else replace(server, headers=settings)


def _same(kind: str, name: str, glob: str) -> bool:
    """Header names are compared without case, as HTTP does."""
    return fnmatchcase(name.lower(), glob.lower()) if kind == "header" else fnmatchcase(name, glob)


def _said(rule: Rule, server: Wanted, effect: str, *, refused: bool) -> Decision:
    why = f" ({rule.reason})" if rule.reason else ""
    return Decision(rule=rule.id, action=rule.action, server=server.name, effect=effect + why, refused=refused)


def refused(decisions: Iterable[Decision]) -> tuple[Decision, ...]:
    """Those that stand in the way of a release."""
    return tuple(one for one in decisions if one.refused)
