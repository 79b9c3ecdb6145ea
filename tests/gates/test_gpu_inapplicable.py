"""What does not apply to a kind of GPU, what a site declares of its slots, and a device without a profile."""

from __future__ import annotations

from pathlib import Path

import pytest

from arcops.errors import Refused
from arcops.finding import Outcome
from arcops.verdict import Verdict
from flows.policies.reading import parse_policy
from tests.gpu import bad, check_here, findings, folder, outcome
from tests.simulators.nvml import H100, Driver

pytestmark = pytest.mark.requirement("ARC-C1/thresholds-are-by-kind")

_SILENT = ("temperature", "slows-at", "margin", "field.82", "reasons", "power.", "pcie.", "field.179", "field.180")
VGPU = {key: value for key, value in H100.items() if not key.startswith((*_SILENT, "nvlink", "fabric", "mig", "field.91"))}
VGPU |= {"name": "NVIDIA H100-20C", "memory": 20 * 2**30}
AREAS = ("heat", "clocks", "power", "pcie-link", "pcie-errors")


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Driver:
    made = folder(tmp_path)
    for name, value in made.environment().items():
        monkeypatch.setenv(name, value)
    return made


def guest(*areas: str) -> str:
    """A site's own profile of a virtual GPU, in which *areas* do not apply."""
    figure = "source: guide, where: Table 1}"
    lines = [f"{name}: {{value: {value}, {figure}" for name, value in {
        "memory": 20 * 10**9, "bandwidth": 0, "ecc": "true", "rowRemapping": "true", "pageRetirement": "false",
        "sramThreshold": "true", "nvlinks": 0, "fabric": "false", "pcieGeneration": 5, "migInstances": 0, "power": 0,
    }.items()]  # fmt: skip
    lines += ["inapplicable:", *(f"  - {{area: {area}, source: guide, where: Table 2}}" for area in areas)] if areas else []
    rest = "\n        ".join(lines)
    return (
        "name: own\nvalidFor: P1D\ngates:\n  gpu-health:\n"
        "    optional: [serial, part-number, recovery-action, memory-temperature]\n"
        "    profiles:\n      - sku: H100-20C\n        names: [NVIDIA H100-20C]\n"
        "        publications: [{id: guide, title: Guide, address: 'https://docs.nvidia.com/vgpu/'}]\n        " + rest + "\n"
    )


def test_a_virtual_gpu_is_judged_by_what_applies_to_it(node: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    node.device = dict(VGPU)
    report, _ = check_here(node, monkeypatch, guest(*AREAS))
    assert report.verdict is Verdict.GREEN, bad(report)
    said = [one.text for one in findings(report) if one.rule == "gpu-health/power"]
    assert any("does not apply to H100-20C" in one for one in said)


@pytest.mark.parametrize("area", AREAS)
def test_what_applies_and_is_not_told_is_unknown(node: Driver, monkeypatch: pytest.MonkeyPatch, area: str) -> None:
    """Mutation: a profile of any kind excuses everything."""
    node.device = dict(VGPU)
    report, _ = check_here(node, monkeypatch, guest(*(one for one in AREAS if one != area)))
    assert list(bad(report)) == [f"gpu-health/{area}"]
    assert outcome(report, f"gpu-health/{area}") is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("gpu0.ret.nvmlDeviceGetPowerUsage=3", Outcome.PASS),
        ("gpu0.ret.nvmlDeviceGetPowerUsage=4", Outcome.UNKNOWN),  # not permitted
        ("gpu0.ret.nvmlDeviceGetPowerUsage=15", Outcome.UNKNOWN),  # lost
    ],
)
def test_an_answer_that_was_withheld_is_unknown_also_if_it_does_not_apply(
    node: Driver, monkeypatch: pytest.MonkeyPatch, fault: str, expected: Outcome
) -> None:
    node.device, node.faults = dict(VGPU), [fault]
    report, _ = check_here(node, monkeypatch, guest(*AREAS))
    assert outcome(report, "gpu-health/power") is expected


def test_an_area_needs_its_source() -> None:
    with pytest.raises(Refused, match="publication for heat"):
        parse_policy(
            guest("heat").replace("source: guide, where: Table 2", "source: hearsay, where: Table 2").encode(), where="t"
        )


def test_a_kind_without_a_profile_is_one_finding(node: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    node.device = dict(VGPU)
    report, _ = check_here(node, monkeypatch)
    assert list(bad(report)) == ["gpu-health/profile"]
    assert report.verdict is Verdict.RED
    node.faults = ["gpu0.errors.2.1.0=1"]  # what was seen to be bad is told all the same
    assert set(bad(check_here(node, monkeypatch)[0])) == {"gpu-health/profile", "gpu-health/ecc-errors"}
    node.faults = ["gpu0.ret.nvmlDeviceGetMemoryInfo=15"]
    assert "gpu-health/memory-size" in bad(check_here(node, monkeypatch)[0])


def health(**decisions: str) -> str:
    return "name: own\nvalidFor: P1D\ngates:\n  gpu-health:\n" + "".join(f"    {k}: {v}\n" for k, v in decisions.items())


@pytest.mark.parametrize(
    ("state", "slots", "expected"),
    [
        ({"pcie.most-width": 8, "pcie.width": 8}, "", Outcome.FAIL),
        ({"pcie.most-width": 8, "pcie.width": 8}, "[{sku: H100 SXM 80 GB, width: 8}]", Outcome.PASS),
        ({"pcie.most-width": 4, "pcie.width": 4}, "[{sku: H100 SXM 80 GB, width: 8}]", Outcome.FAIL),
        ({"pcie.most-width": 8, "pcie.width": 4}, "[{sku: H100 SXM 80 GB, width: 8}]", Outcome.FAIL),
        ({"pcie.most-width": 8, "pcie.width": 8}, "[{sku: L4, width: 8}]", Outcome.FAIL),
        ({"pcie.slot": 4, "pcie.generation": 4}, "", Outcome.FAIL),
        ({"pcie.slot": 4, "pcie.generation": 4}, "[{sku: H100 SXM 80 GB, generation: 4}]", Outcome.PASS),
        ({"pcie.slot": 3, "pcie.generation": 3}, "[{sku: H100 SXM 80 GB, generation: 4}]", Outcome.FAIL),
        ({"pcie.slot": 4, "pcie.generation": 4}, "[{sku: H100 SXM 80 GB, width: 16}]", Outcome.FAIL),
        ({}, "[{sku: H100 SXM 80 GB, width: 8, generation: 4}]", Outcome.PASS),
    ],
)
def test_a_slot_is_judged_by_what_the_site_declares(
    node: Driver, monkeypatch: pytest.MonkeyPatch, state: dict[str, int], slots: str, expected: Outcome
) -> None:
    node.device |= state
    report, _ = check_here(node, monkeypatch, health(slots=slots) if slots else health(mostReplays="0"))
    assert outcome(report, "gpu-health/pcie-link") is expected, bad(report)


@pytest.mark.parametrize("slots", ["[{sku: L4, width: 8}, {sku: L4, width: 16}]", "[{sku: L4, width: 64}]"])
def test_a_slot_that_cannot_be_meant_is_refused(slots: str) -> None:
    with pytest.raises(Refused, match="slots"):
        parse_policy(health(slots=slots).encode(), where="test")


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"state": 8, "busy": 0}, Outcome.WARN),  # it rests, although it does not say so
        ({"state": 8, "busy": 40}, Outcome.FAIL),
        ({"state": 0, "busy": 0}, Outcome.FAIL),
        ({"busy": 0}, Outcome.FAIL),
        ({"state": 8}, Outcome.FAIL),
        ({"state": 0, "busy": 40, "reasons": 1}, Outcome.WARN),  # it says that it is idle
    ],
)
def test_a_slow_link_at_rest_is_known_by_state_and_work(
    node: Driver, monkeypatch: pytest.MonkeyPatch, state: dict[str, int], expected: Outcome
) -> None:
    """Without the bit for idle, which not every driver sets. Mutation: any device that is slow is at rest."""
    node.device |= {"pcie.generation": 1, "reasons": 0, **state}
    report, _ = check_here(node, monkeypatch, health(mostReplays="0"))
    assert outcome(report, "gpu-health/pcie-link") is expected, bad(report)
