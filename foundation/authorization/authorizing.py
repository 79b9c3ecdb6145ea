"""Decisions, under the policy of now: compiled once for each caller, object and action, and again when a file changes."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from arcops.errors import ArcOpsError, Refused
from arcops.identity import Identity
from foundation.authorization.casbin_roles import CasbinRoles, probed
from foundation.authorization.cedar_reading import Names
from foundation.authorization.decision import Authorizer, Decision, Question, Said
from foundation.authorization.objects import CALL, Objects
from foundation.authorization.policy_files import (
    CEDAR_ENDING,
    ROLES_FILE,
    PolicyFiles,
    Signature,
    read_policy_files,
    settled,
    signature,
)  # fmt: skip
from foundation.authorization.role_policy import CEDAR, RESERVED, ROLES, RolePolicy, parse_roles
from foundation.authorization.sharing import Share
from foundation.authorization.shipped import APPROVER, SCOPES, shipped_roles
from foundation.authorization.shipped import CEDAR as SHIPPED_CEDAR

_MOST_KEPT = 50_000
_PROBES = 3
_NO_FILES = PolicyFiles(roles=None, cedar={})
OPERATOR = Identity(issuer=RESERVED, tenant="", id="operator", scopes=frozenset(SCOPES), roles=frozenset((APPROVER,)))
"""The user of this machine, at its own command line. What ships with ArcOps decides about them, whatever a site's files say."""


def nearby(*scopes: str) -> Identity:
    """The user of this machine behind a door of it, who may do what *scopes* say."""
    return Identity(issuer=RESERVED, tenant="", id="nearby", scopes=frozenset(scopes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy in effect: its engines, in the order in which they are asked; ``wrong`` says why it denies everything."""

    epoch: str
    roles: RolePolicy
    engines: tuple[Authorizer, ...] = ()
    wrong: str = ""
    kept: dict[tuple[Identity, str, str, tuple[Share, ...]], Decision] = field(default_factory=dict)
    """Decisions that were compiled under this policy."""


class Authorization:
    """The policy in *folder*, or what ships with ArcOps if there is no such folder. It is read again whenever it changed.

    ``named``: the operator named this folder, so it must be there. A policy that is wrong denies everything; the one before it
    does not count any more. The folder is looked at again *look_seconds* after the last look, by *clock*, which a busy server
    asks for each call twice. Threads may share it.
    """

    def __init__(
        self,
        folder: Path | None,
        objects: Objects,
        *,
        named: bool = False,
        look_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._named = folder, named
        self._look_seconds, self._clock = look_seconds, clock
        self._look_again = 0.0
        self.objects = objects
        self._lock = threading.Lock()
        self._shipped = _built(_NO_FILES, objects)
        self._policy = self._shipped
        self._files: PolicyFiles | None = None
        """Those that ``_policy`` was made of."""
        self._seen: Signature | None = None
        self._rests = False
        """Is ``_policy`` what the folder says as long as it looks like ``_seen``?"""
        self._had_roles = self._had_cedar = False

    def policy(self) -> Policy:
        """The policy that is in effect now."""
        if self._folder is None:
            return self._shipped
        with self._lock:
            try:
                return self._current(self._folder)
            except ArcOpsError as error:
                said = str(error)
            except Exception as error:
                said = f"{type(error).__name__}: {error}"
            self._rests, self._files = False, None
            self._policy = _wrong(said, self._shipped.roles)
            return self._policy

    def policy_for(self, caller: Identity) -> Policy:
        """The policy that decides about *caller*: for the user of this machine, what ships with ArcOps."""
        return self._shipped if caller.issuer == RESERVED else self.policy()

    def _current(self, folder: Path) -> Policy:
        now = self._clock()
        if self._rests and self._look_again - self._look_seconds <= now < self._look_again:
            return self._policy
        self._look_again = now + self._look_seconds
        seen = signature(folder)
        if self._rests and seen == self._seen:
            return self._policy
        files = _NO_FILES
        if seen is not None:
            files, seen = read_policy_files(folder)
        if files != self._files:
            self._policy = self._made(files)
            self._files = files
        self._seen, self._rests = seen, settled(seen)
        return self._policy

    def _made(self, files: PolicyFiles) -> Policy:
        """The policy of *files*, which denies everything if they are not sound."""
        self._had_roles |= files.roles is not None
        self._had_cedar |= bool(files.cedar)
        try:
            if self._named and files == _NO_FILES:
                raise Refused(f"{self._folder} is named as the folder of the policy, and has none; put {ROLES_FILE} there")
            for lost, what in (
                (self._had_roles and files.roles is None, ROLES_FILE),
                (self._had_cedar and not files.cedar, f"*{CEDAR_ENDING}"),
            ):
                if lost:  # what ships must not allow again what the site forbade
                    raise Refused(f"{what} was in {self._folder} and is gone; put it back, or start again without it")
            return _built(files, self.objects)
        except ArcOpsError as error:
            return _wrong(str(error), self._shipped.roles)


def decide(
    identity: Identity,
    action: str,
    object: str,
    arguments: Mapping[str, object] | None,
    at: Authorization,
    *,
    shared: tuple[Share, ...] = (),
) -> Decision:
    """May *identity* do *action* to *object* with *arguments*? Every engine that is on must allow it. *shared* says who the
    object's owner shares it with. Never raises: what fails, denies.
    """
    try:
        question = Question(caller=identity, action=action, object=object, arguments=arguments, shared=shared)
        return _kept_or_made(question, at)
    except Exception as error:
        said = Said(engine="policy", allowed=False, reason=FAILED, rule=f"{type(error).__name__}: {error}"[:500])
        return Decision(allowed=False, reason=FAILED, engines=(said,), epoch="none")


def possible(identity: Identity, action: str, object: str, at: Authorization, *, shared: tuple[Share, ...] = ()) -> bool:
    """Could *identity* be allowed to do *action* to *object* with some arguments? That is asked for a list of what there is;
    each call is decided by `decide`. Never raises: what fails, is not possible.
    """
    found = decide(identity, action, object, {}, at, shared=shared)
    if found.allowed or not found.reads:
        return found.allowed
    question = Question(caller=identity, action=action, object=object, arguments={}, shared=shared)
    try:
        engines = explained(question, at).engines
    except Exception:
        return False
    return bool(engines) and all(one.allowed or (one.reads and not one.failed) for one in engines)


def _kept_or_made(question: Question, at: Authorization) -> Decision:
    at_hand = at.policy_for(question.caller)
    key = (question.caller, question.action, question.object, question.shared)
    kept = at_hand.kept.get(key)
    if kept is not None:
        return kept
    made = _decided(question, at_hand, at.objects, every=False)
    if not made.reads and not at_hand.wrong:
        if len(at_hand.kept) >= _MOST_KEPT:
            at_hand.kept.clear()
        at_hand.kept[key] = made
    return made


def explained(question: Question, at: Authorization) -> Decision:
    """As `decide`, but every engine is asked, also after one that denies."""
    at_hand = at.policy_for(question.caller)
    return _decided(question, at_hand, at.objects, every=True)


def _decided(question: Question, policy: Policy, objects: Objects, *, every: bool) -> Decision:
    if policy.wrong:
        return Decision(allowed=False, reason=WRONG, engines=(_by_file(policy.wrong),), epoch=policy.epoch)
    if impossible := _impossible(question, objects):
        return Decision(allowed=False, reason=impossible, engines=(), epoch=policy.epoch)
    said: list[Said] = []
    reads = False
    for engine in policy.engines:
        answer = _asked(engine, question)
        said.append(answer)
        reads = reads or answer.reads
        if not answer.allowed and not every:
            reads = answer.reads
            break
    denying = [one for one in said if not one.allowed]
    allowed = bool(said) and not denying
    reason = denying[0].reason if denying else said[-1].reason if said else "no engine is switched on, so nothing is allowed"
    return Decision(allowed=allowed, reason=reason, engines=tuple(said), epoch=policy.epoch, reads=reads)


FAILED = "this could not be decided, so it is denied; ask the operator"
WRONG = "the policy of this site cannot be used, so only the user of this machine is allowed anything; ask its operator"


def _by_file(wrong: str) -> Said:
    return Said(engine="policy", allowed=False, reason=WRONG, rule=wrong)


def _asked(engine: Authorizer, question: Question) -> Said:
    """What *engine* says. An engine that fails denies."""
    try:
        return engine.decide(question)
    except Exception as error:
        reason = f"the engine {engine.name} failed, so nothing is allowed; ask the operator"
        rule = f"{type(error).__name__}: {error}"[:500]
        return Said(engine=engine.name, allowed=False, reason=reason, rule=rule, reads=True, failed=True)


def _impossible(question: Question, objects: Objects) -> str:
    """Why no policy could allow *question*; empty if one could."""
    caller = question.caller
    if not (caller.issuer and caller.id):
        return "the caller has no issuer or no id, so it is not known who asks"
    actions = objects.of(question.object)
    if not actions:
        return "there is no tool of this name here"
    if question.action not in actions:
        return f"{question.object} has no such action; it has: {', '.join(sorted(actions))}"
    return ""


def _wrong(why: str, roles: RolePolicy) -> Policy:
    return Policy(epoch=f"none:{hashlib.sha256(why.encode(errors='replace')).hexdigest()}", roles=roles, wrong=why)


def _built(files: PolicyFiles, objects: Objects) -> Policy:
    """The policy that *files* make. Raises `Refused` with the first thing that is wrong in them."""
    roles = shipped_roles(objects)
    if files.roles is not None:
        roles = parse_roles(files.roles, where=ROLES_FILE, objects=objects, shipped=roles)
    by_roles = CasbinRoles(roles, objects)
    engines: list[Authorizer] = [by_roles] if ROLES in roles.engines else []
    if CEDAR in roles.engines:
        engines.append(_cedar(files, by_roles, objects))
    if files.roles is not None and ROLES in roles.engines:
        probed(by_roles, _probes(roles), objects)
    return Policy(epoch=_epoch(files, objects), roles=roles, engines=tuple(engines))


def _cedar(files: PolicyFiles, by_roles: CasbinRoles, objects: Objects) -> Authorizer:
    from foundation.authorization.cedar_calls import CedarCalls

    texts = []
    for where, data in sorted(files.cedar.items()) or [("arcops", SHIPPED_CEDAR)]:
        try:
            texts.append((where, data.decode("utf-8")))
        except UnicodeDecodeError as error:
            raise Refused(f"{where} is not text in UTF-8 (byte {error.start}); write it again") from error
    names = Names(objects=objects, groups={**objects.groups, **by_roles.policy.groups}, roles=by_roles.policy.roles.keys())
    return CedarCalls(texts, names, by_roles.roles_of)


def _probes(roles: RolePolicy) -> Iterator[Question]:
    """A few questions about the site's roles, for which the compiled roles are compared with pycasbin."""
    own = [one for one in roles.roles.values() if not one.shipped]
    for role in own[:: max(1, len(own) // _PROBES)][:_PROBES]:
        for one in (*role.denies[-1:], *role.allows[-1:]):
            caller = Identity(
                issuer=role.issuers[0] if role.issuers else "arcops:probe", tenant="", id="probe", roles=frozenset((role.name,))
            )
            action = CALL if one.action == "*" else one.action
            yield Question(caller=caller, action=action, object=one.object.strip("@*") or "any")


def _epoch(files: PolicyFiles, objects: Objects) -> str:
    """The digest of the policy: of what each file has, by its name, and of what there is to decide about."""
    whole = hashlib.sha256(f"1 {objects.digest}\n".encode())
    for name, data in ((ROLES_FILE, files.roles), *sorted(files.cedar.items())):
        if data is not None:
            whole.update(f"{hashlib.sha256(data).hexdigest()} {name}\n".encode())
    return f"sha256:{whole.hexdigest()}"
