"""NVIDIA's whole XID catalogue: each number is as grave as the action that NVIDIA asks for at once, and the finding says it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from arcops.evidence import Body
from arcops.finding import Finding, Outcome
from arcops.seen.gpu import FaultEvent, FaultKind
from arcops.seen.gpu_log import GpuLog, LogSource, XidLogged
from gates.gpu.gpu_xids import GpuXidsPolicy, gpu_xids
from gates.gpu.healthy import healthy
from gates.gpu.xid_catalogue import FIXES, Action, all_catalogued, catalogued
from tests.evidence import judged

pytestmark = pytest.mark.requirement("ARC-C1/the-xid-catalogue-is-whole")

PCI = "00000000:3b:00.0"
CALM = GpuLog(source=LogSource.BUFFER, since_boot=True, xids=(), sxids=(), unclear=0)
XID = XidLogged(pci=PCI, xid=0, fatal=False, count=1, seconds=90, text="")

# The numbers of the catalogue by what NVIDIA says to do at once (the catalogue of 2025-10-29).
RESET = (46, 62, 64, 95, 109, 110, 119, 120, 136, 140, 143, 155, 156, 158)
WORSE = (48, 54, 74, 78, 79, 151, 159, *range(144, 151))
SUPPORT = (1, 16, 20, 51, 56, 61, 73, 81, 87, 90, 111, 118, 122, 125, 138, 142)
MAY_PASS = (11, 13, 25, 31, 32, 37, 43, 45, 69, 106, 107, 137)


def findings(*bodies: Body, policy: GpuXidsPolicy | None = None) -> list[Finding]:
    return list(judged(gpu_xids, policy or GpuXidsPolicy(), bodies).findings)  # type: ignore[arg-type]  # a gate of its own policy


def said(*xids: XidLogged, policy: GpuXidsPolicy | None = None) -> list[Finding]:
    log = replace(CALM, xids=xids)
    return [one for one in findings(log, healthy()[0], policy=policy) if one.rule == "gpu-xids/boot"]


def outcome(xid: XidLogged, policy: GpuXidsPolicy | None = None) -> Outcome:
    (one,) = said(xid, policy=policy)
    return one.outcome


def test_the_catalogue_is_whole() -> None:
    assert [one.number for one in all_catalogued()] == list(range(1, 173))
    assert sum(one.action is Action.RESET_GPU for one in all_catalogued()) == 14
    assert set(FIXES) == set(Action)


@pytest.mark.parametrize("number", [*RESET, *WORSE, *SUPPORT])
def test_what_needs_more_than_a_restarted_application_fails(number: int) -> None:
    (one,) = said(replace(XID, xid=number))
    known = catalogued(number)
    assert known is not None
    assert one.outcome is Outcome.FAIL
    assert known.action.value in one.fix
    assert "2025-10-29" in one.fix
    assert known.means in one.text


def test_only_an_application_s_own_errors_and_test_messages_pass() -> None:
    passing = tuple(one.number for one in all_catalogued() if outcome(replace(XID, xid=one.number)) is Outcome.PASS)
    assert passing == MAY_PASS


@pytest.mark.parametrize("number", [8, 39, 63, 68, 80, 92, 94, 99, 126, 139, 152, 160])
def test_what_a_restarted_application_may_not_cure_warns(number: int) -> None:
    assert outcome(replace(XID, xid=number)) is Outcome.WARN


@pytest.mark.parametrize("number", [173, 999])
def test_a_number_that_the_catalogue_does_not_have_warns_and_fails_if_it_calls_itself_fatal(number: int) -> None:
    assert outcome(replace(XID, xid=number)) is Outcome.WARN
    assert outcome(replace(XID, xid=number, fatal=True)) is Outcome.FAIL


@pytest.mark.parametrize("number", range(144, 151))
def test_a_link_of_the_newest_kind_says_itself_how_grave_it_is(number: int) -> None:
    assert outcome(replace(XID, xid=number, mild=True)) is Outcome.WARN
    assert outcome(replace(XID, xid=number, fatal=True)) is Outcome.FAIL
    assert outcome(replace(XID, xid=number)) is Outcome.FAIL  # it does not say


@pytest.mark.parametrize(
    ("recovery", "expected"),
    [
        ("None", Outcome.PASS),
        ("GPU Reset Required", Outcome.FAIL),
        ("Node Reboot Required", Outcome.FAIL),
        ("OS Reboot", Outcome.FAIL),
        ("Drain P2P", Outcome.FAIL),
        ("Drain and Reset", Outcome.FAIL),
        ("PF FLR", Outcome.FAIL),
        ("", Outcome.FAIL),  # the message could not be read
    ],
)
def test_a_recovery_counts_by_what_it_asks_for(recovery: str, expected: Outcome) -> None:
    (one,) = said(replace(XID, xid=154, recovery=recovery))
    assert one.outcome is expected
    assert recovery in one.text or expected is Outcome.PASS


def test_a_policy_decides_a_number_whatever_the_catalogue_says() -> None:
    reset = replace(XID, xid=62)
    assert outcome(reset, GpuXidsPolicy(warn=(62,))) is Outcome.WARN
    assert outcome(reset, GpuXidsPolicy(application=(62,))) is Outcome.PASS
    assert outcome(replace(XID, xid=31), GpuXidsPolicy(fail=(31,), application=())) is Outcome.FAIL
    assert outcome(replace(XID, xid=31), GpuXidsPolicy(application=())) is Outcome.WARN
    assert outcome(reset, GpuXidsPolicy(fail=(79,))) is Outcome.FAIL  # a list does not take the catalogue away


def test_an_event_of_the_driver_is_judged_by_the_same_catalogue() -> None:
    gpus, _ = healthy()
    for number, expected in (
        (62, Outcome.FAIL),
        (109, Outcome.FAIL),
        (94, Outcome.WARN),
        (31, Outcome.PASS),
        (145, Outcome.FAIL),
    ):
        event = FaultEvent(pci=PCI, kind=FaultKind.XID, xid=number)
        (one,) = [one for one in findings(CALM, replace(gpus, events=(event,))) if one.rule == "gpu-xids/run"]
        assert one.outcome is expected, number


def test_the_instance_of_a_fault_is_named() -> None:
    (one,) = said(replace(XID, xid=95, instance="GPU-I:05 GPU-CI:02"))
    assert one.about == f"XID 95 of {PCI} GPU-I:05 GPU-CI:02"
