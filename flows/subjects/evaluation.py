"""An evaluation: which subject a flow judges, by which gates, and the parameters of its runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache

from arcops.asks import questions
from arcops.discovery import declared
from arcops.errors import Refused
from arcops.judgeable import Declaration, Judgeable, about, all_judgeables
from arcops.late_dataclass import dataclass
from arcops.policy import Policy
from artifacts.wire import canonical, from_json, name_on_the_wire, to_json
from flows.plan import AnyGate, all_gates, gates_of

PREFECT = "prefect"
"""The start of the runner's name in artifacts of Prefect's flows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """``flow`` is the flow's name, ``subject`` what it judges, ``policy`` the policy that is used if none is named.

    It asks those gates of the policy that judge one of ``judging``, by default the subject itself; other evaluations ask the
    rest. ``fixed`` are fields of the subject that only the flow sets. ``doc`` is one sentence for people.
    """

    flow: str
    subject: type[Judgeable]
    doc: str
    policy: str = ""
    judging: tuple[type[Judgeable], ...] = ()
    fixed: tuple[tuple[str, object], ...] = ()

    @property
    def about(self) -> Declaration:
        """The declaration of its subject."""
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
        """The gates that it asks: those that *policy* names; if the policy could not be read, all that judge the subject."""
        return tuple(gate for gate in (all_gates() if policy is None else gates_of(policy)) if self.judges(gate))

    def read(self, parameters: Mapping[str, object]) -> Judgeable:
        """The subject that a run with these *parameters* judges.

        Raises `Refused` if a parameter is not a field of the subject, has the wrong type, or is one that no worker takes.
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
        """Those of *parameters* that say what the subject is, without what no worker takes: a refused run has its name, too."""
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
        """The runner's name in the artifact of the flow run *run* with *parameters*: ``prefect/RUN/DIGEST``.

        The digest is of the run's subject and policy. In Prefect others can change a run's parameters and name another
        artifact. So a caller who waits for a run takes only an artifact of this run and of the same subject and policy.
        """
        if not run:
            return PREFECT
        policy = str(parameters.get("policy") or self.default_policy)
        try:
            said = canonical(to_json(self.read(parameters), self.subject))
        except Refused:  # then it is the digest of the refused parameters
            refused = {name: str(value) for name, value in parameters.items() if name != "output"}
            said = json.dumps(refused, sort_keys=True).encode()
        digest = hashlib.sha256(said + b"\0" + policy.encode()).hexdigest()
        return f"{PREFECT}/{run}/{digest[:32]}"


_BESIDE = frozenset({"policy", "output"})
"""The parameters of every flow that do not describe the subject."""


@cache
def all_evaluations() -> tuple[Evaluation, ...]:
    """Every evaluation that `flows.subjects` declares, and one for each other subject that has a title."""
    found = list(declared("flows.subjects", Evaluation))
    seen = {one.subject for one in found}
    for subject in all_judgeables():
        if about(subject).title and subject not in seen:
            doc = (subject.__doc__ or subject.__name__).splitlines()[0]
            found.append(Evaluation(flow=f"{about(subject).word}-check", subject=subject, doc=doc))
    return tuple(sorted(found, key=lambda one: one.flow))


def evaluation(flow: str) -> Evaluation:
    """The evaluation of the flow with this name. Raises `Refused` if there is no such evaluation."""
    for one in all_evaluations():
        if one.flow == flow:
            return one
    raise Refused(f"the flow {flow!r} is not an evaluation, so its runs leave no artifact")
