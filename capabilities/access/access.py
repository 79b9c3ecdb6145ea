"""Who may call what: would this caller be allowed, why, and which roles there are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from arcops.asks import shaped
from arcops.errors import Refused
from arcops.identity import Identity
from artifacts.wire import from_json
from capabilities.access.known import authorization
from capabilities.access.permitting import AskArguments, connects
from capabilities.catalogue import tool_named
from capabilities.contract import Scope, Tool, tool
from flows.place import Place
from foundation.authorization.authorizing import Authorization, decide, explained
from foundation.authorization.casbin_roles import closure, enforced
from foundation.authorization.decision import Decision, Question
from foundation.authorization.objects import ACTIONS, CALL, CONNECT
from foundation.authorization.role_policy import ROLES
from foundation.messages import one_reading


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckAccess:
    """Which caller, and which call."""

    tool: str = field(metadata=shaped(positional=True))
    """The tool, such as check_model; or waivers, or servers/NAME/TOOL."""
    caller: str = field(metadata=shaped(option="--as", title="ISSUER,TENANT,ID"))
    """The caller: who vouches for them, in which tenant (it may be empty), and their id there."""
    roles: tuple[str, ...] = field(default=(), metadata=shaped(commas=True))
    """The roles in the caller's token."""
    scopes: tuple[str, ...] = field(default=(), metadata=shaped(commas=True))
    """The scopes in the caller's token, without arcops: before them."""
    action: str = ""
    """Only this action: call, connect or approve; without it, all that the call needs."""
    arguments: str = field(default="", metadata=shaped(title="JSON"))
    """The arguments of the call, a JSON object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSaid:
    """What one engine says about one action, and the rule that decided."""

    action: str
    engine: str
    allowed: bool
    reason: str
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessChecked:
    """Whether the caller may make the call; the reason as the caller sees it; what each engine said, by which rule."""

    allowed: bool
    reason: str
    reads: bool
    """The decision depends on the arguments."""
    epoch: str
    """The digest of the policy that decided."""
    engines: tuple[EngineSaid, ...]


@tool(title="Check a caller's access", scope=Scope.TRUST, reads_only=True)
def check_access(ask: CheckAccess, at: Place) -> AccessChecked:
    """Say whether a caller may make a call, exactly as it would be decided now. Nothing is called."""
    authority = authorization(at.settings)
    questions = _questions(ask)
    made = [(one.action, decide(one.caller, one.action, one.object, one.arguments, authority)) for one in questions]
    return _checked(made)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainAccess(CheckAccess):
    """Which caller, and which call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessExplained:
    """The decision with what every engine says, also after one that denies; and the roles from which it was made."""

    checked: AccessChecked
    granted: tuple[str, ...]
    """The roles that the caller has by scopes, by the token or by the policy."""
    inherited: tuple[str, ...]
    """The roles that these inherit."""
    reference: tuple[EngineSaid, ...]
    """What pycasbin's own `enforce` says; it differs from the compiled roles only if ArcOps has a fault."""


@tool(title="Explain a caller's access", scope=Scope.TRUST, reads_only=True)
def explain_access(ask: ExplainAccess, at: Place) -> AccessExplained:
    """Say which rule of which engine allows or denies a call. Every engine is asked, and nothing is called."""
    authority = authorization(at.settings)
    questions = _questions(ask)
    made = [(one.action, explained(one, authority)) for one in questions]
    policy = authority.policy_for(questions[0].caller)
    granted = policy.roles.granted(questions[0].caller)
    every = frozenset().union(*(closure(one, policy.roles) for one in granted)) if granted else frozenset()
    return AccessExplained(
        checked=_checked(made),
        granted=tuple(sorted(granted)),
        inherited=tuple(sorted(every - granted)),
        reference=() if policy.wrong or ROLES not in policy.roles.engines else _reference(questions, authority),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRoles:
    """This ask has no fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleListed:
    """A role, with what it allows and denies itself, and the roles that it inherits."""

    name: str
    doc: str
    shipped: bool
    inherits: tuple[str, ...]
    allows: tuple[str, ...]
    denies: tuple[str, ...]
    issuers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RolesListed:
    """The roles of the policy in effect, the engines that it asks, and what is wrong with it: then nothing is allowed."""

    epoch: str
    engines: tuple[str, ...]
    wrong: str
    roles: tuple[RoleListed, ...]
    callers: int
    """How many callers have roles by name in the policy."""


@tool(title="List roles", scope=Scope.TRUST, reads_only=True)
def list_roles(ask: ListRoles, at: Place) -> RolesListed:
    """List the roles of this site, what each allows and denies, and whether the policy can be used at all."""
    policy = authorization(at.settings).policy()
    return RolesListed(
        epoch=policy.epoch,
        engines=() if policy.wrong else tuple(one.name for one in policy.engines),
        wrong=policy.wrong,
        roles=tuple(
            RoleListed(
                name=one.name,
                doc=one.doc,
                shipped=one.shipped,
                inherits=one.inherits,
                allows=tuple(map(str, one.allows)),
                denies=tuple(map(str, one.denies)),
                issuers=one.issuers,
            )
            for _, one in sorted(policy.roles.roles.items())
        ),
        callers=len(policy.roles.callers),
    )


def _questions(ask: CheckAccess) -> tuple[Question, ...]:
    """One question for each action of the call."""
    caller = _caller(ask)
    if ask.action not in ("", *ACTIONS):
        raise Refused(f"the action {ask.action[:50]!r} is not known; use one of: {', '.join(ACTIONS)}")
    called = tool_named(ask.tool)
    arguments = _arguments(ask)
    value = _ask(called, arguments) if called is not None else None
    known: Any = AskArguments(ask=value) if value is not None else arguments
    actions = [ask.action or CALL]
    if not ask.action and called is not None and value is not None and connects(called, value):
        actions.append(CONNECT)
    return tuple(Question(caller=caller, action=one, object=ask.tool, arguments=known) for one in actions)


def _caller(ask: CheckAccess) -> Identity:
    issuer, _, rest = ask.caller.partition(",")
    tenant, comma, name = rest.partition(",")
    if not (issuer and comma and name):
        raise Refused(f"--as is {ask.caller[:200]!r}; use ISSUER,TENANT,ID, with nothing between the commas for no tenant")
    return Identity(issuer=issuer, tenant=tenant, id=name, scopes=frozenset(ask.scopes), roles=frozenset(ask.roles))


def _arguments(ask: CheckAccess) -> dict[str, object] | None:
    if not ask.arguments:
        return None
    found = one_reading(ask.arguments.encode(errors="surrogatepass"), "the arguments")
    if not isinstance(found, dict):
        raise Refused('the arguments are not a JSON object; use one such as \'{"target": "model"}\'')
    return found


def _ask(called: Tool[Any, Any], arguments: dict[str, object] | None) -> object | None:
    """The ask of *called* that *arguments* are; ``None`` if there are no arguments, and the tool needs some."""
    import json

    try:
        found: object = from_json(called.ask, json.dumps(arguments or {}))
    except Refused as error:
        if arguments is None:
            return None
        raise Refused(f"the arguments are no ask of {called.name}: {error}") from error
    return found


def _checked(made: list[tuple[str, Decision]]) -> AccessChecked:
    deciding = next((one for _, one in made if not one.allowed), made[0][1])
    return AccessChecked(
        allowed=deciding.allowed,
        reason=deciding.reason,
        reads=any(one.reads for _, one in made),
        epoch=deciding.epoch,
        engines=tuple(
            EngineSaid(action=action, engine=said.engine, allowed=said.allowed, reason=said.reason, rule=said.rule)
            for action, one in made
            for said in one.engines
        ),
    )


def _reference(questions: tuple[Question, ...], at: Authorization) -> tuple[EngineSaid, ...]:
    found = []
    for one in questions:
        allowed, rule = enforced(one, at.policy_for(one.caller).roles, at.objects)
        said = "pycasbin allows it" if allowed else "pycasbin denies it"
        found.append(
            EngineSaid(action=one.action, engine="pycasbin", allowed=allowed, reason=said, rule=rule or "no rule fits")
        )
    return tuple(found)
