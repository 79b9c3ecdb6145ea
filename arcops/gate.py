"""A gate: the declaration of how one kind of evidence is judged. The judging itself is in `arcops.judge`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, is_dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from arcops.control import Control
from arcops.errors import Broken
from arcops.evidence import Body, Seen
from arcops.finding import Finding, Rule
from arcops.judgeable import Judgeable, about
from arcops.late_dataclass import dataclass
from arcops.verdict import Verdict

P = TypeVar("P")


@dataclass(frozen=True, slots=True, kw_only=True)
class Example(Generic[P]):
    """One situation, and the verdict that it must get: documentation and test at once."""

    name: str
    verdict: Verdict
    evidence: tuple[Body, ...]
    policy: P


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate(Generic[P]):
    """One module, one gate.

    ``judges`` are the subjects that it judges; `Judgeable` means every subject.
    ``needs`` must all be present before ``findings`` is asked; ``wants`` may be absent. Every one of ``rules`` must be
    answered at every judging. ``policy`` is a frozen dataclass whose defaults fail closed. ``takes`` names the
    extras (`arcops.extras`) without which it cannot judge; its policy can be read without them. ``looks_inside`` is false for a
    gate that judges files only by names and digests; if all gates of a run are such gates, no file's content is described.
    ``speaks_to`` are the controls for which its results are evidence.
    """

    id: str
    judges: tuple[type[Judgeable], ...]
    needs: tuple[type[Body], ...]
    wants: tuple[type[Body], ...]
    policy: type[P]
    rules: tuple[Rule, ...]
    examples: Callable[[], Iterable[Example[P]]]
    findings: Callable[[Seen, P], Iterator[Finding]]
    doc: str
    takes: tuple[str, ...] = ()
    looks_inside: bool = True
    speaks_to: tuple[Control, ...] = ()

    def rule(self, rule_id: str) -> Rule | None:
        return next((rule for rule in (*self.rules, judged_rule(self.id)) if rule.id == rule_id), None)


def judged_rule(gate_id: str) -> Rule:
    """The rule that every gate has without declaring it: could it judge at all?"""
    return Rule(
        id=f"{gate_id}/judged",
        asks="Was all the evidence that this gate needs collected, and did the gate answer every rule?",
        fix="Make the missing evidence available and check again: what could not be seen is never GREEN.",
    )


def gate(
    gate_id: str,
    *,
    judges: tuple[type[Judgeable], ...],
    needs: tuple[type[Body], ...],
    wants: tuple[type[Body], ...] = (),
    policy: type[P],
    rules: tuple[Rule, ...],
    examples: Callable[[], Iterable[Example[P]]] | None = None,
    takes: tuple[str, ...] = (),
    looks_inside: bool = True,
    speaks_to: tuple[Control, ...] = (),
) -> Callable[[Callable[[Seen, P], Iterator[Finding]]], Gate[P]]:
    """Declare the decorated generator of findings as the gate *gate_id*.

    If there are many *examples*, put them beside the module, in ``examples.py`` as a function ``examples``: it is found there.

    Raises `Broken` on a declaration that could fail open: no subject or one that was never declared, no need,
    no rule, a foreign rule id, a mutable policy or one
    without defaults, a module docstring without *Why*, *Judged* and *Fix*.
    """

    def declare(findings: Callable[[Seen, P], Iterator[Finding]]) -> Gate[P]:
        doc = sys.modules[findings.__module__].__doc__ or ""
        _refuse_weak(gate_id, judges, needs, policy, rules, doc)
        return Gate(
            id=gate_id,
            judges=judges,
            needs=needs,
            wants=wants,
            policy=policy,
            rules=rules,
            examples=examples or partial(_beside, findings.__module__),
            findings=findings,
            doc=doc,
            takes=takes,
            looks_inside=looks_inside,
            speaks_to=speaks_to,
        )

    return declare


def _beside(module: str) -> Iterable[Example[Any]]:
    folder = module.rpartition(".")[0]
    found: Iterable[Example[Any]] = importlib.import_module(f"{folder}.examples").examples()
    return found


def _refuse_weak(
    gate_id: str,
    judges: tuple[type[Judgeable], ...],
    needs: tuple[type[Body], ...],
    policy: type[Any],
    rules: tuple[Rule, ...],
    doc: str,
) -> None:
    if not judges:
        raise Broken(f"gate {gate_id!r} judges no subject, so no check would ever ask it")
    for subject in judges:
        if subject is not Judgeable:
            about(subject)
    if not needs:
        raise Broken(f"gate {gate_id!r} needs no evidence, so it would judge nothing")
    if not rules or len({rule.id for rule in rules}) != len(rules):
        raise Broken(f"gate {gate_id!r} must declare its rules, each once")
    for rule in rules:
        if not rule.id.startswith(f"{gate_id}/") or rule.id == judged_rule(gate_id).id:
            raise Broken(f"rule {rule.id!r} does not belong to gate {gate_id!r}: its id must be '{gate_id}/name'")
    if not is_dataclass(policy) or not policy.__dataclass_params__.frozen:  # type: ignore[attr-defined]  # typeshed hides it
        raise Broken(f"the policy of gate {gate_id!r} must be a frozen dataclass")
    try:
        policy()
    except TypeError as error:
        names = ", ".join(field.name for field in fields(policy))
        raise Broken(f"the policy of gate {gate_id!r} needs a fail-closed default for each of: {names}") from error
    for heading in ("Why", "Judged", "Fix"):
        if f"{heading}:" not in doc:
            raise Broken(f"the module docstring of gate {gate_id!r} lacks its '{heading}:' paragraph")
