"""Every gate and every collector keeps the promises of its kind."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import is_dataclass, replace
from pathlib import Path
from typing import get_args, get_origin, get_type_hints

import pytest

from arcops.bodies import body_of
from arcops.collector import Collector
from arcops.evidence import Body, Cause, Missing
from arcops.finding import Finding, Outcome
from arcops.gate import Example, Gate
from arcops.judge import judge
from arcops.verdict import Verdict
from flows.plan import all_collectors, all_gates, collector_of, gate_named, make_plan
from tests.evidence import NOW, evidence
from tests.sketch import policy as sketch_policy
from tests.sketch import request

GATES = all_gates()
EXAMPLES = [(gate, example) for gate in GATES for example in gate.examples()]

pytestmark = pytest.mark.requirement(
    "ARC-0/gates-are-pure", "ARC-0/verdict-follows-from-findings", "ARC-4/no-failed-collector-is-green"
)


def collected(example: Example[object]) -> dict[str, object]:
    return {body.KIND: evidence(body) for body in example.evidence}


def ask(gate: Gate[object], example: Example[object], given: dict[str, object]) -> tuple[Verdict, tuple[Finding, ...]]:
    result = judge(gate, example.policy, given, at=NOW, subject_name="model")  # type: ignore[arg-type]  # evidence by kind
    return result.verdict, result.findings


def test_there_are_gates_and_collectors() -> None:
    assert GATES
    assert all_collectors()


@pytest.mark.parametrize(("gate", "example"), EXAMPLES, ids=lambda value: getattr(value, "id", getattr(value, "name", "")))
class TestExamples:
    def test_the_example_holds(self, gate: Gate[object], example: Example[object]) -> None:
        verdict, findings = ask(gate, example, collected(example))
        assert verdict is example.verdict, findings

    def test_each_missing_need_is_red(self, gate: Gate[object], example: Example[object]) -> None:
        for need in gate.needs:
            absent = Missing(kind=need.KIND, collector="c", cause=Cause.ABSENT, reason="cut")
            for given in (
                {kind: found for kind, found in collected(example).items() if kind != need.KIND},
                {**collected(example), need.KIND: absent},
            ):
                assert ask(gate, example, given)[0] is Verdict.RED

    def test_what_is_not_well_says_what_to_do(self, gate: Gate[object], example: Example[object]) -> None:
        for finding in ask(gate, example, collected(example))[1]:
            assert finding.text.endswith((".", ")")), finding
            assert "\n" not in finding.text, finding
            if finding.outcome is not Outcome.PASS:
                assert finding.fix, finding

    def test_one_more_finding_never_improves_the_verdict(self, gate: Gate[object], example: Example[object]) -> None:
        def more(seen: object, policy: object) -> Iterator[Finding]:
            yield from gate.findings(seen, policy)  # type: ignore[arg-type]  # handed through as it came
            yield gate.rules[0].unknown("One more thing.")

        worse = replace(gate, findings=more)
        assert ask(worse, example, collected(example))[0] >= ask(gate, example, collected(example))[0]


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.id)
class TestGates:
    def test_its_examples_show_every_colour(self, gate: Gate[object]) -> None:
        assert {example.verdict for example in gate.examples()} == set(Verdict)

    def test_with_no_evidence_it_is_red(self, gate: Gate[object]) -> None:
        assert judge(gate, gate.policy(), {}, at=NOW, subject_name="model").verdict is Verdict.RED

    def test_its_default_policy_lets_no_example_be_better_than_its_own(self, gate: Gate[object]) -> None:
        default = gate.policy()
        verdicts = {ask(gate, replace(example, policy=default), collected(example))[0] for example in gate.examples()}
        assert Verdict.RED in verdicts

    def test_what_it_needs_is_collected(self, gate: Gate[object]) -> None:
        kinds = {found.body.KIND for found in all_collectors()}
        assert {body.KIND for body in (*gate.needs, *gate.wants)} <= kinds


@pytest.mark.parametrize("collector", all_collectors(), ids=lambda collector: collector.id)
class TestCollectors:
    def test_its_name_leads_to_it(self, collector: Collector[Body]) -> None:
        module, _, attribute = collector.code.rpartition(".")
        assert getattr(importlib.import_module(module), attribute) is collector

    def test_its_body_has_one_form_on_the_wire(self, collector: Collector[Body]) -> None:
        assert not list(unfit(collector.body, set()))

    def test_a_target_that_is_gone_is_never_evidence(self, collector: Collector[Body], tmp_path: Path) -> None:
        if collector.needs:
            return
        from flows.runners.looking import look

        assert isinstance(look(collector, request(tmp_path), {}), Missing)


def unfit(kind: object, known: set[object]) -> Iterator[str]:
    """Field types that have no single canonical form, or could change under the reader's hand."""
    if kind in known:
        return
    known.add(kind)
    if kind is float or get_origin(kind) in (dict, list, set) or kind in (dict, list, set):
        yield str(kind)
    for argument in get_args(kind):
        yield from unfit(argument, known)
    if isinstance(kind, type) and is_dataclass(kind):
        if not kind.__dataclass_params__.frozen:  # type: ignore[attr-defined]  # typeshed hides it
            yield f"{kind} is not frozen"
        for name, hint in get_type_hints(kind).items():
            if name != "KIND":
                yield from unfit(hint, known)


def test_plans_are_made_of_what_was_discovered(tmp_path: Path) -> None:
    for gate in GATES:
        policy = replace(sketch_policy(), gates={gate.id: gate.policy()})
        plan = make_plan(request(tmp_path), policy)
        kinds = [collector.body.KIND for collector in plan.collectors]
        assert {need.KIND for need in gate.needs} <= set(kinds)
        for position, collector in enumerate(plan.collectors):
            assert {need.KIND for need in collector.needs} <= set(kinds[:position])


def test_every_gate_collector_and_body_is_found_by_its_name() -> None:
    """So that one that is asked for by name is found without importing the others."""
    for gate in GATES:
        assert gate_named(gate.id) is gate
    for collector in all_collectors():
        assert collector_of(collector.body.KIND) is collector
        assert body_of(collector.body.KIND) is collector.body
    for room, kind, found in (("gates", Gate, GATES), ("tasks", Collector, all_collectors())):
        everywhere = [
            value
            for info in pkgutil.walk_packages(importlib.import_module(room).__path__, f"{room}.")
            for value in vars(importlib.import_module(info.name)).values()
            if isinstance(value, kind)
        ]
        assert {id(one) for one in everywhere} == {id(one) for one in found}, (
            f"a {kind.__name__} in {room} is not found by name"
        )


@pytest.mark.requirement("BASE-4/audit-report")
@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.id)
def test_every_gate_says_which_controls_it_speaks_to(gate: Gate[object]) -> None:
    """Otherwise a report by controls leaves its artifacts out."""
    assert gate.speaks_to
    assert len(set(gate.speaks_to)) == len(gate.speaks_to)
