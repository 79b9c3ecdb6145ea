"""An organisation's policy set: rules that allow, deny, pin, redact, require and default, each under its conditions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from arcops.errors import Refused
from arcops.quoting import quoted
from arcops.seen.client import Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A claim of the identity that publishes, such as ``groups``, and the values of which one must be there."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """When a rule applies: every named condition must hold. Of ``profiles`` and of ``clients``, which are globs, one must fit.

    ``tags`` must all be among the draft's. ``since`` and ``until`` bound the time of evaluation, the end excluded.
    """

    profiles: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A package by its name with its ecosystem (``npm:@scope/name``), and the one version or digest that may run."""

    package: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key of a server that a rule is about: a variable ``env:NAME`` or a header ``header:NAME``; or a field of the draft's

    server, such as ``package`` or ``tools``. ``value`` is the text that ``default`` gives it, ``input`` the input.
    """

    name: str
    value: str = ""
    input: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. ``servers`` are globs over the names of servers, all if no glob is named.

    - ``allow``: of the servers, only those named by an allowing rule that applies; with ``tools``, only these tools of them.
      Names are compared letter by letter here, and without case by all other rules.
    - ``deny``: these servers; with ``tools``, these tools of them.
    - ``pin``: a package that is named in ``pins`` has that version, or with ``strip`` gets it; a command that names it
      otherwise is refused.
    - ``redact``: the ``keys`` (globs) are taken out; an argument that sets one is refused.
    - ``require``: the ``keys`` must be there, with a value.
    - ``default``: the ``keys`` that are not there get their value.

    What is denied is refused, or with ``strip`` is taken out of the draft, which the report says.
    """

    id: str
    action: Action
    servers: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    pins: tuple[Pin, ...] = ()
    keys: tuple[Key, ...] = ()
    strip: bool = False
    when: When = When()
    reason: str = ""

    def concerns(self, server: str) -> bool:
        """Is the rule about the server of this name?"""
        if not self.servers:
            return True
        if self.action is Action.ALLOW:
            return fits(server, self.servers)
        return fits(server.lower(), tuple(one.lower() for one in self.servers))


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySet:
    """An organisation's rules, in order, under an id and a version that grows (SemVer 2.0.0)."""

    id: str
    version: str
    rules: tuple[Rule, ...]

    def __post_init__(self) -> None:
        ids = [one.id for one in self.rules]
        if twice := next((one for one in ids if ids.count(one) > 1), None):
            raise Refused(f"the policy set {self.id!r} has two rules {twice!r}; give each its own id")
        for one in self.rules:
            _refuse_idle(one)

    @property
    def named(self) -> str:
        """Its id and version, as records name it."""
        return f"{self.id}@{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What rules are asked with: who publishes (``claims``), for which client and profile, with which tags, and when.

    No claim at all: it is not known who publishes, as on the command line.
    """

    client: str
    profile: str
    tags: tuple[str, ...]
    claims: tuple[Claim, ...]
    at: datetime


def applies(rule: Rule, context: Context) -> bool:
    """Does *rule* apply in this *context*? If it is not known who publishes, what asks for claims applies if it takes something
    away, and does not if it gives something.
    """
    when = rule.when
    unknown = not context.claims and rule.action not in (Action.ALLOW, Action.DEFAULT)
    return (
        (not when.profiles or fits(context.profile, when.profiles))
        and (not when.clients or fits(context.client, when.clients))
        and set(when.tags) <= set(context.tags)
        and all(
            unknown or any(one.name == had.name and set(one.values) & set(had.values) for had in context.claims)
            for one in when.claims
        )
        and (when.since is None or context.at >= when.since)
        and (when.until is None or context.at < when.until)
    )


def fits(name: str, globs: tuple[str, ...]) -> bool:
    """Does one of *globs* fit *name*?"""
    return any(fnmatchcase(name, one) for one in globs)


_TAKES = {
    Action.ALLOW: ("servers", "tools"),
    Action.DENY: ("servers", "tools"),
    Action.PIN: ("pins",),
    Action.REDACT: ("keys",),
    Action.REQUIRE: ("keys",),
    Action.DEFAULT: ("keys",),
}


def _refuse_idle(rule: Rule) -> None:
    """Raise `Refused` for a rule that would do nothing, or that names what its action does not read: it was meant otherwise."""
    takes = _TAKES[rule.action]
    if not any(getattr(rule, one) for one in takes):
        raise Refused(f"the rule {rule.id!r} ({rule.action.value}) names nothing; give it {' or '.join(takes)}")
    for other in ("tools", "pins", "keys"):
        if getattr(rule, other) and other not in takes:
            raise Refused(f"the rule {rule.id!r} ({rule.action.value}) does not read {other!r}; take it out")
    if rule.strip and rule.action not in (Action.DENY, Action.ALLOW, Action.PIN):
        raise Refused(f"the rule {rule.id!r} ({rule.action.value}) takes nothing away, so 'strip' means nothing; take it out")
    when = rule.when
    if when.since is not None and when.until is not None and when.since >= when.until:
        raise Refused(f"the rule {rule.id!r} ends before it begins, so it never applies")
    for moment in (when.since, when.until):
        if moment is not None and moment.tzinfo is None:
            raise Refused(f"the rule {rule.id!r} names the time {moment}, which has no time zone")
    for what, words in (("profile", when.profiles), ("client", when.clients), ("tag", when.tags)):
        for word in words:
            if word != word.lower():
                text = f"asks for the {what} {quoted(word)}, and there are only small letters in those, so it never applies"
                raise Refused(f"the rule {rule.id!r} {text}")
    for key in rule.keys:
        where, _, name = key.name.partition(":")
        if (where not in ("env", "header") or not name) and key.name not in FIELDS:
            raise Refused(f"the rule {rule.id!r} names the key {key.name!r}; write env:NAME, header:NAME or one of {_known()}")
        if key.name in FIELDS and rule.action is not Action.REQUIRE:
            raise Refused(f"the rule {rule.id!r} can only require the field {key.name!r}, not change it")


FIELDS = ("package", "tools", "url", "env", "headers", "hosted")
"""The fields of a server that a rule may require."""


def _known() -> str:
    return ", ".join(FIELDS)
