"""An evaluation: which subject a flow judges, by which gates, and what a run of it was told."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from arcops.asks import questions
from arcops.discovery import declared
from arcops.errors import Refused
from arcops.judgeable import Declaration, Judgeable, about, all_judgeables
from arcops.policy import Policy
from artifacts.wire import canonical, from_json, name_on_the_wire, to_json
from flows.plan import AnyGate, all_gates, gates_of

PREFECT = "prefect"
"""How the runner's name begins in artifacts that Prefect's flows make."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """``flow`` is the flow's name, ``subject`` what it judges, ``policy`` the one that it goes by if none is named.

    It asks the gates of the policy that judge one of ``judging``, by default the subject itself; the others are left to other
    evaluations. ``fixed`` are fields of the subject that its flow sets and nobody else. ``doc`` is one sentence for people.
    """

    flow: str
    subject: type[Judgeable]
    doc: str
    policy: str = ""
    judging: tuple[type[Judgeable], ...] = ()
    fixed: tuple[tuple[str, object], ...] = ()

    @property
    def about(self) -> Declaration:
        """What was declared of its subject."""
        return about(self.subject)

    @property
    def default_policy(self) -> str:
        """The policy that judges if none is named."""
        return self.policy or self.about.policy

    def judges(self, gate: AnyGate) -> bool:
        """Does it ask *gate*, if the policy names it?"""
        asked = self.judging or (self.subject,)
        return any(issubclass(one, judged) or one is Judgeable for one in asked for judged in gate.judges)

    def gates(self, policy: Policy | None) -> tuple[AnyGate, ...]:
        """The gates that it asks: those that *policy* names; of a policy that could not be read, all there are."""
        return tuple(gate for gate in (all_gates() if policy is None else gates_of(policy)) if self.judges(gate))

    def read(self, parameters: Mapping[str, object]) -> Judgeable:
        """The subject that a run with these *parameters* was told to judge.

        Raises `Refused` if a parameter is none of the subject's, is not of its type, or is one that no worker takes.
        """
        known = {one.name: one for one in questions(self.subject)}
        given = {name: value for name, value in parameters.items() if name not in _BESIDE}
        for name, value in given.items():
            if value and name in known and known[name].own:
                raise Refused(known[name].own)
        told = {name: value for name, value in given.items() if name not in known or not known[name].own} | dict(self.fixed)
        told = {name_on_the_wire(name): value for name, value in told.items() if value not in (None, "")}
        return from_json(self.subject, json.dumps(told))

    def takes(self, parameters: Mapping[str, object]) -> dict[str, object]:
        """Of *parameters*, those that say what the subject is, without what no worker takes: such a run is refused by name."""
        return {one.name: parameters[one.name] for one in questions(self.subject) if one.name in parameters and not one.own}

    def told(self, subject: Judgeable) -> dict[str, object]:
        """*subject* as the parameters of a run. Raises `Refused` for what no worker takes."""
        found: dict[str, object] = {}
        values = to_json(subject, self.subject)
        for one in questions(self.subject):
            value = values[name_on_the_wire(one.name)] if isinstance(values, dict) else None
            if one.own and getattr(subject, one.name) != one.default:
                raise Refused(one.own)
            if not one.own and one.name not in dict(self.fixed) and value is not None:
                found[one.name] = value
        return found

    def runner(self, run: str, parameters: Mapping[str, object]) -> str:
        """What an artifact calls its runner that the flow run *run* with *parameters* made: ``prefect/RUN/DIGEST``.

        The digest is of the subject and the policy that the run was told. Prefect lets others change a run's parameters and
        name another artifact, so who waits for a run takes the artifact only of this one and of what was asked.
        """
        if not run:
            return PREFECT
        policy = str(parameters.get("policy") or self.default_policy)
        try:
            said = canonical(to_json(self.read(parameters), self.subject))
        except Refused:  # then it is the digest of what was refused
            refused = {name: str(value) for name, value in parameters.items() if name != "output"}
            said = json.dumps(refused, sort_keys=True).encode()
        digest = hashlib.sha256(said + b"\0" + policy.encode()).hexdigest()
        return f"{PREFECT}/{run}/{digest[:32]}"


_BESIDE = frozenset({"policy", "output"})
"""The parameters of every flow that say nothing of the subject."""


@cache
def all_evaluations() -> tuple[Evaluation, ...]:
    """Every evaluation that `flows.subjects` declares, and one for each subject with a title that none of them judges."""
    found = list(declared("flows.subjects", Evaluation))
    seen = {one.subject for one in found}
    for subject in all_judgeables():
        if about(subject).title and subject not in seen:
            doc = (subject.__doc__ or subject.__name__).splitlines()[0]
            found.append(Evaluation(flow=f"{about(subject).word}-check", subject=subject, doc=doc))
    return tuple(sorted(found, key=lambda one: one.flow))


def evaluation(flow: str) -> Evaluation:
    """The evaluation that the flow of this name makes. Raises `Refused` if it makes none."""
    for one in all_evaluations():
        if one.flow == flow:
            return one
    raise Refused(f"the flow {flow!r} evaluates nothing, so it has no artifact to leave")
