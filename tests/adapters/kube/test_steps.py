"""What a pass need not say, and what the next one need not do again."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from adapters.kube.keys import ServerKey
from adapters.kube.remembering import Remembering
from adapters.kube.steps import LASTS_SECONDS, MOST_SECONDS, Steps
from manifests.objects import thawed_mapping
from services.operator.observed import Handshake, Observed
from services.operator.reconcile import Outcome, reconcile
from services.operator.resource import parse
from tests.services.operator import cases
from tests.services.operator.cases import NOW, SITE, VERDICTS, after, made, written

KEY = ServerKey(kind="MCPServer", namespace="team", name="tools")
SHAKEN = Handshake(of=1, protocol_version="2025-11-25", server="tools 1")


@pytest.fixture
def first() -> Outcome:
    return made(written())


def test_a_step_is_told_if_it_lasts(first: Outcome) -> None:
    now = 100.0
    steps = Steps(lambda: now)
    assert steps.rest(KEY, "u", first, {}) == LASTS_SECONDS
    now += LASTS_SECONDS / 2
    assert steps.rest(KEY, "u", first, {}) == LASTS_SECONDS / 2
    now += LASTS_SECONDS / 2
    assert steps.rest(KEY, "u", first, {}) == 0


def test_of_many_steps_one_is_told_after_a_while(first: Outcome) -> None:
    now = 100.0
    steps = Steps(lambda: now)
    for number in range(100):
        step = replace(first, ready=replace(first.ready, message=f"{number} of 100 replica(s) are ready."))
        if not steps.rest(KEY, "u", step, {}):
            break
        now += 0.5
    assert now - 100.0 == MOST_SECONDS


def test_another_resource_of_this_name_begins_again(first: Outcome) -> None:
    now = 100.0
    steps = Steps(lambda: now)
    steps.rest(KEY, "u", first, {})
    now += 10
    assert steps.rest(KEY, "another", first, {}) == LASTS_SECONDS


def test_nothing_untrue_stands_while_a_step_waits(first: Outcome) -> None:
    """An address, a word that it is ready, and a refusal that is over: each is taken back at once."""
    steps = Steps(lambda: 0.0)
    ready = made(written(), after(first, handshake=SHAKEN))
    assert ready.status["url"]
    assert steps.rest(KEY, "u", first, thawed_mapping(ready.status)) == 0
    for reason, status in (("Ready", "True"), ("ImageNotGreen", "False"), ("WriteDenied", "False")):
        assert steps.rest(KEY, "u", first, {"conditions": [{"type": "Ready", "reason": reason, "status": status}]}) == 0
    assert steps.rest(KEY, "u", first, {"url": "http://x", **thawed_mapping(first.status)}) == 0


def test_what_is_no_step_is_told_at_once(first: Outcome) -> None:
    steps = Steps(lambda: 0.0)
    refused = made(written(image="registry.example.com/x:1"))
    unlike = made(written(), after(first, handshake=replace(SHAKEN, problem="it speaks no MCP")))
    for outcome in (refused, unlike, made(written(), after(first, handshake=SHAKEN))):
        assert steps.rest(KEY, "u", outcome, {}) == 0, outcome.ready


def _again(value: dict[str, Any], observed: Observed, before: Outcome) -> Outcome:
    with_it = reconcile(parse(value), observed, SITE, VERDICTS, NOW, before.made)
    assert with_it == reconcile(parse(value), observed, SITE, VERDICTS, NOW)
    return with_it


def test_what_was_made_before_changes_no_outcome(first: Outcome) -> None:
    value = written()
    observed = after(first, handshake=SHAKEN)
    ready = _again(value, observed, first)
    assert not ready.writes
    assert ready.made is not None
    assert len(ready.made.standing) == len(first.objects)
    same = _again(value, after(ready, handshake=SHAKEN), ready)
    assert not same.writes
    changed = copy.deepcopy(value)
    changed["spec"]["args"] = ["--more"]
    assert {one.name.kind for one in _again(changed, after(ready, handshake=SHAKEN), ready).writes} >= {"Deployment"}


def test_what_another_one_changes_is_written_again_though_it_stood(first: Outcome) -> None:
    ready = _again(written(), after(first, handshake=SHAKEN), first)
    observed = after(ready, handshake=SHAKEN)
    for name, child in observed.children.items():
        live = thawed_mapping(child.live)
        live["metadata"]["labels"] = {}  # type: ignore[call-overload, index]
        edited = replace(child, live=live, resource_version=f"{child.resource_version}9")
        found = _again(written(), replace(observed, children={**observed.children, name: edited}), ready)
        assert [one.name for one in found.writes] == [name]
        gone = {one: kept for one, kept in observed.children.items() if one != name}
        assert name in {one.name for one in _again(written(), replace(observed, children=gone), ready).writes}
        foreign = replace(child, owner="another")
        taken = _again(written(), replace(observed, children={**observed.children, name: foreign}), ready)
        assert taken.ready.reason == "NameTaken"


def test_a_resource_is_read_again_when_it_says_something_else() -> None:
    last = Remembering(most=2)
    value = written()
    read = last.read(KEY, value)
    last.keep(KEY, cases.made(value).made)
    told = {**value, "status": {"observedGeneration": 1}, "metadata": {**value["metadata"], "resourceVersion": "77"}}
    assert last.read(KEY, told) is read
    assert last.made(KEY) is not None
    for part, more in (("metadata", {"annotations": {"arcops.dev/stateless": "true"}}), ("spec", {"args": ["x"]})):
        other = {**value, part: {**value[part], **more}}
        assert last.read(KEY, other) == parse(other)
        assert last.made(KEY) is None
        last.keep(KEY, cases.made(other).made)
    for name in ("a", "b", "c"):
        last.read(replace(KEY, name=name), value)
    assert len(last) == 2
    last.forget(replace(KEY, name="c"))
    assert len(last) == 1
