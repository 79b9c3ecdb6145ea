"""The operator's file of limits, ``limits.yaml``, read strictly: what is wrong is refused with its place, never left out."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from arcops.errors import Refused
from foundation.limits.rules import DAY, MONTH, SECONDS, SERVERS, Limits, Numbers, Rule, Target, Triple, Where

if TYPE_CHECKING:
    from foundation.strict_yaml import JSON

MOST_RULES = 100
MOST_CALLERS = 10_000
MOST_CALLS = 1_000_000_000
MOST_BURST = 1_000_000
MOST_HOSTS = 1_000
MOST_TARGETS = 200
_MOST_WORD = 1_000
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}", re.ASCII)
_TARGET = re.compile(
    r"(?P<object>servers/[a-z0-9-]{1,63}/[A-Za-z0-9_./-]{1,128}|@?[a-z0-9_./-]{1,200}\*?|\*)(?::(?P<action>[a-z_]{1,40}))?",
    re.ASCII,
)
_SERVER = re.compile(r"servers/(\*|[a-z0-9-]{1,63}/(\*|[A-Za-z0-9_./-]{1,128}))", re.ASCII)
"""Hosted servers come and go while this file stays, so a limit may name one that is not there."""
_HOSTED_ACTIONS = frozenset(("call",))


def parse_limits(
    data: bytes, *, where: str, actions: Mapping[str, frozenset[str]], groups: Mapping[str, frozenset[str]]
) -> Limits:
    """The limits in *data*, for tools with these *actions* in these *groups*.

    Raises `Refused` with the file's name and what is wrong: an unknown key, tool or unit, a number that is no limit.
    """
    from foundation.strict_yaml import load_all  # late: a process that reads no such file does without YAML

    documents = load_all(data, what=where, most_values=100_000)
    if len(documents) != 1:
        raise Refused(f"{where} has {len(documents)} documents instead of one; write one")
    try:
        return _limits(documents[0], actions, groups)
    except Refused as error:
        raise Refused(f"{where}: {error}") from error


def _limits(document: JSON, actions: Mapping[str, frozenset[str]], groups: Mapping[str, frozenset[str]]) -> Limits:
    top = _members(document, "the file", ("counters", "hosts", "rates", "quotas"))
    rates = [_rule(one, f"rate {number}", False, actions, groups) for number, one in _listed(top, "rates")]
    quotas = [_rule(one, f"quota {number}", True, actions, groups) for number, one in _listed(top, "quotas")]
    rules = (*rates, *quotas)
    if not rules:
        raise Refused("it limits nothing; write at least one rate or quota, or remove the file for the usual limits")
    if len(rules) > MOST_RULES:
        raise Refused(f"it has more than {MOST_RULES} rates and quotas; limit groups of tools")
    names = [one.name for one in rules]
    for name in names:
        if names.count(name) > 1:
            raise Refused(f"two limits have the name {name!r}; give each its own")
    if sum(len(one.callers) for one in rules) > MOST_CALLERS:
        raise Refused(f"it names more than {MOST_CALLERS} callers")
    where = _where(top, bool(quotas))
    if where is Where.MEMORY:
        if "hosts" in top:
            raise Refused("'hosts' is for counters that hosts share; set counters to database or redis, or remove 'hosts'")
        return Limits(rules=rules, where=where, groups=groups)
    if "hosts" not in top:
        raise Refused(
            "'hosts' is missing: say how many hosts share the counters; each gives that part of a limit if they are lost"
        )
    return Limits(rules=rules, where=where, hosts=_whole(top["hosts"], "hosts", MOST_HOSTS), groups=groups)


def _where(top: Mapping[str, JSON], quotas: bool) -> Where:
    said = top.get("counters")
    if "counters" not in top:
        if quotas:
            raise Refused(
                "'counters' is missing: say where quotas are counted: database, redis, or memory, which forgets at a restart"
            )
        return Where.MEMORY
    for one in Where:
        if said == one.value:
            return one
    raise Refused(f"'counters' is {_shown(said)}; use {', '.join(one.value for one in Where)}")


def _rule(
    value: JSON, place: str, quota: bool, actions: Mapping[str, frozenset[str]], groups: Mapping[str, frozenset[str]]
) -> Rule:
    keys = ("name", "tools", "calls", "per", "callers", *(() if quota else ("burst",)))
    members = _members(value, place, keys)
    name = members.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Refused(f"{place} has the name {_shown(name)}; use up to 40 small letters, digits and -")
    place = f"{'quota' if quota else 'rate'} {name!r}"
    periods = (DAY, MONTH) if quota else tuple(SECONDS)
    per = members.get("per")
    if not isinstance(per, str) or per not in periods:
        raise Refused(f"{place} is per {_shown(per)}; use {', '.join(periods)}")
    targets: tuple[Target, ...] = ()
    if "tools" in members:
        targets = tuple(_target(one, place, actions, groups) for one in _list(members["tools"], f"tools of {place}"))
        if not targets or len(targets) > MOST_TARGETS:
            raise Refused(
                f"{place} names {len(targets)} tools; name 1 to {MOST_TARGETS}, or leave out 'tools' for all together"
            )
    numbers = _numbers(members, place, quota, None)
    callers: dict[Triple, Numbers] = {}
    if "callers" in members:
        for one in _list(members["callers"], f"callers of {place}"):
            who, own = _caller(one, place, quota, numbers)
            if who in callers:
                raise Refused(f"{place} names the caller {who[2]!r} twice")
            callers[who] = own
    return Rule(name=name, quota=quota, per=per, numbers=numbers, targets=targets, callers=callers)


def _caller(value: JSON, place: str, quota: bool, usual: Numbers) -> tuple[Triple, Numbers]:
    place = f"a caller of {place}"
    members = _members(value, place, ("issuer", "tenant", "id", "calls", *(() if quota else ("burst",))))
    who = (_word(members, "issuer", place), _word(members, "tenant", place, empty=True), _word(members, "id", place))
    if "calls" not in members and "burst" not in members:
        raise Refused(f"{place} has no number of its own; write 'calls'")
    return who, _numbers(members, place, quota, usual)


def _numbers(members: Mapping[str, JSON], place: str, quota: bool, usual: Numbers | None) -> Numbers:
    if "calls" not in members and usual is None:
        raise Refused(f"{place} has no 'calls'; write how many calls it lets through")
    calls = _whole(members["calls"], f"calls of {place}", MOST_CALLS) if "calls" in members or usual is None else usual.calls
    if quota:
        return Numbers(calls=calls)
    if "burst" in members:
        return Numbers(calls=calls, burst=_whole(members["burst"], f"burst of {place}", MOST_BURST))
    return Numbers(calls=calls, burst=min(calls, MOST_BURST))


def _target(value: JSON, place: str, actions: Mapping[str, frozenset[str]], groups: Mapping[str, frozenset[str]]) -> Target:
    found = _TARGET.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise Refused(f"{place} names {_shown(value)}, which is no tool, @group or beginning of names and *")
    name, action = found["object"], found["action"] or ""
    if name.startswith("@"):
        if name[1:] not in groups:
            raise Refused(f"{place} names the group {name!r}, which is not known{_near(name[1:], groups)}")
        means = groups[name[1:]]
    elif name.startswith(SERVERS):
        if not _SERVER.fullmatch(name):
            raise Refused(f"{place} names {name!r}; write servers/NAME/TOOL, servers/NAME/* or servers/*")
        means, actions = frozenset((name,)), {name: _HOSTED_ACTIONS}
    elif name.endswith("*"):
        means = frozenset(one for one in actions if one.startswith(name[:-1]))
        if not means:
            raise Refused(f"{place} names {name!r}, and no tool begins so{_near(name[:-1], actions)}")
    else:
        if name not in actions:
            raise Refused(f"{place} names {name!r}, which is no tool{_near(name, actions)}")
        means = frozenset((name,))
    known = frozenset(one for tool in means for one in actions.get(tool, ()))
    if action and action not in known:
        raise Refused(f"{place} names the action {action!r}, which {name!r} does not have; it has {', '.join(sorted(known))}")
    return Target(object=name, action=action)


def _listed(top: Mapping[str, JSON], key: str) -> list[tuple[int, JSON]]:
    return list(enumerate(_list(top[key], key), 1)) if key in top else []


def _list(value: JSON, what: str) -> list[JSON]:
    if not isinstance(value, list):
        raise Refused(f"{what} is not a list; write one")
    return value


def _members(value: JSON, place: str, known: tuple[str, ...]) -> Mapping[str, JSON]:
    if not isinstance(value, dict):
        raise Refused(f"{place} is not a mapping of {', '.join(known)}")
    for key in value:
        if key not in known:
            raise Refused(f"{place} has the key {key[:50]!r}, which is not known{_near(key, known)}")
    return value


def _whole(value: JSON, what: str, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise Refused(f"{what} is {_shown(value)}; use a whole number from 1 to {most}")
    return value


def _word(members: Mapping[str, JSON], key: str, place: str, *, empty: bool = False) -> str:
    value = members.get(key, "" if empty else None)
    if not isinstance(value, str) or len(value) > _MOST_WORD or not value.isprintable() or not (value or empty):
        raise Refused(f"{place} has the {key} {_shown(value)}; write it as text, in quotes if it looks like a number")
    return value


def _shown(value: object) -> str:
    return f"{value[:50]!r}" if isinstance(value, str) else "missing" if value is None else f"{str(value)[:50]}"


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 1)
    return f"; do you mean {near[0]!r}?" if near else ""
