"""What a policy decides about GPUs: each decision changes the verdict on one and the same node, and excuses nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from arcops.errors import Refused
from arcops.finding import Outcome
from arcops.verdict import Verdict
from flows.policies.reading import parse_policy
from gates.gpu.gpu_health.policy import Signal
from tests.gpu import bad, check_here, findings, folder, outcome
from tests.simulators.nvml import T4, Driver

BOOTED = "Linux version 6.8.0-45-generic"

pytestmark = pytest.mark.requirement("ARC-C1/a-policy-decides-each-signal")


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Driver:
    made = folder(tmp_path)
    for name, value in made.environment().items():
        monkeypatch.setenv(name, value)
    return made


def policy(gate: str, **decisions: str) -> str:
    lines = "".join(f"    {name}: {value}\n" for name, value in decisions.items())
    return f"name: own\nvalidFor: P1D\ngates:\n  {gate}:{'' if decisions else ' {}'}\n{lines}"


DECISIONS = [
    # The state of the node, the gate, the rule, what it is by default, the decision, and what it becomes.
    ("gpu0.nvlink.active=0", "gpu-health", "nvlink", Outcome.FAIL, {"nvlinks": "any"}, Outcome.PASS),
    ("gpu0.fabric.state=0", "gpu-health", "fabric", Outcome.FAIL, {"fabric": "false"}, Outcome.PASS),
    ("gpu0.nvlink.3.errors.2=5", "gpu-health", "nvlink", Outcome.WARN, {"mostLinkErrors": "5"}, Outcome.PASS),
    ("gpu0.pcie.replays=5", "gpu-health", "pcie-errors", Outcome.WARN, {"mostReplays": "5"}, Outcome.PASS),
    ("gpu0.pcie.generation=1", "gpu-health", "pcie-link", Outcome.WARN, {"slowAtIdle": "fail"}, Outcome.FAIL),
    ("gpu0.pcie.generation=1", "gpu-health", "pcie-link", Outcome.WARN, {"slowAtIdle": "pass"}, Outcome.PASS),
    (
        "gpu0.pcie.most-width=8\ngpu0.pcie.width=8",
        "gpu-health",
        "pcie-link",
        Outcome.FAIL,
        {"narrowSlot": "warn"},
        Outcome.WARN,
    ),
    ("gpu0.persistence=0", "gpu-health", "modes", Outcome.FAIL, {"persistence": "warn"}, Outcome.WARN),
    ("gpu0.compute-mode=2", "gpu-health", "modes", Outcome.FAIL, {"computeModes": "[prohibited]"}, Outcome.PASS),
    ("gpu0.compute-mode=0", "gpu-health", "modes", Outcome.PASS, {"computeModes": "[prohibited]"}, Outcome.FAIL),
    ("gpu0.processes.compute=1", "gpu-health", "processes", Outcome.FAIL, {"processes": "pass"}, Outcome.PASS),
    ("gpu0.processes.graphics=1", "gpu-health", "processes", Outcome.FAIL, {"processes": "warn"}, Outcome.WARN),
    ("gpu0.mig=0", "gpu-health", "mig", Outcome.PASS, {"mig": "on"}, Outcome.FAIL),
    (
        "gpu0.mig=1\ngpu0.mig.0.uuid=MIG-0\ngpu0.mig.0.megabytes=9",
        "gpu-health",
        "mig",
        Outcome.FAIL,
        {"mig": "on"},
        Outcome.PASS,
    ),
    (
        "gpu0.mig=1\ngpu0.mig.0.uuid=MIG-0\ngpu0.mig.0.megabytes=9",
        "gpu-health",
        "mig",
        Outcome.FAIL,
        {"mig": "on", "leastInstances": "2"},
        Outcome.FAIL,
    ),
    ("gpu0.power.limit=500000", "gpu-health", "power", Outcome.FAIL, {"leastPowerPercent": "70"}, Outcome.PASS),
    ("gpu0.memory=75000000000", "gpu-health", "memory-size", Outcome.FAIL, {"leastMemoryPercent": "90"}, Outcome.PASS),
    ("gpu0.errors.2.0.0=5", "gpu-health", "ecc-errors", Outcome.WARN, {"mostCorrected": "5"}, Outcome.PASS),
    ("gpu0.errors.2.1.1=5", "gpu-health", "ecc-errors", Outcome.FAIL, {"mostUncorrectedEver": "5"}, Outcome.WARN),
    ("gpu0.errors.2.1.0=1", "gpu-health", "ecc-errors", Outcome.FAIL, {"mostUncorrectedEver": "5"}, Outcome.FAIL),
    ("gpu0.rows.uncorrected=5", "gpu-health", "spares", Outcome.WARN, {"mostRemappedRows": "5"}, Outcome.PASS),
    ("gpu0.margin=7", "gpu-health", "heat", Outcome.WARN, {"leastMargin": "8"}, Outcome.FAIL),
    ("gpu0.field.82=90", "gpu-health", "heat", Outcome.PASS, {"mostMemoryHeat": "80"}, Outcome.FAIL),
    ("gpu0.reasons=4", "gpu-health", "clocks", Outcome.WARN, {"slowWarns": "[]"}, Outcome.FAIL),  # in no list
    ("gpu0.reasons=2", "gpu-health", "clocks", Outcome.PASS, {"slowPasses": "[gpu-idle]"}, Outcome.FAIL),
    (
        "gpu0.vbios=96.00.A5.00.01",
        "gpu-health",
        "firmware",
        Outcome.PASS,
        {"firmware": "[{sku: H100 SXM 80 GB, leastVbios: 96.00.A5.00.02}]"},
        Outcome.FAIL,
    ),
    (
        "gpu0.vbios=96.00.A5.00.01",
        "gpu-health",
        "firmware",
        Outcome.PASS,
        {"firmware": "[{sku: H100 SXM 80 GB, leastVbios: 96.00.9F.00.02}]"},  # its parts are hexadecimal
        Outcome.PASS,
    ),
    (
        "gpu0.inforom=G520.0200.00.05",
        "gpu-health",
        "firmware",
        Outcome.PASS,
        {"firmware": "[{sku: H100 SXM 80 GB, inforoms: [G520.0200.00.06]}]"},
        Outcome.FAIL,
    ),
    ("cuda=13000", "gpu-driver", "devices", Outcome.PASS, {"devices": "2"}, Outcome.FAIL),
    ("cuda=12040", "gpu-driver", "cuda", Outcome.PASS, {"leastCuda": '"12.5"'}, Outcome.FAIL),
    ("driver=580.95.05", "gpu-driver", "version", Outcome.PASS, {"leastDriver": "580.100.01"}, Outcome.FAIL),
    ("driver=580.95.05", "gpu-driver", "version", Outcome.PASS, {"leastDriver": "580.95.05"}, Outcome.PASS),
    ("cc.on=1\ncc.environment=2", "gpu-driver", "confidential", Outcome.PASS, {"confidential": "off"}, Outcome.FAIL),
    ("cc.on=0", "gpu-driver", "confidential", Outcome.PASS, {"confidential": "on"}, Outcome.FAIL),
    ("cc.on=1\ncc.environment=1", "gpu-driver", "confidential", Outcome.FAIL, {"confidential": "on"}, Outcome.FAIL),
    ("cc.on=1\ncc.environment=2\ncc.tools=1", "gpu-driver", "confidential", Outcome.FAIL, {"confidential": "on"}, Outcome.FAIL),
    ("event.0=62", "gpu-xids", "run", Outcome.FAIL, {"warn": "[62]"}, Outcome.WARN),
    ("event.0=63", "gpu-xids", "run", Outcome.WARN, {"fail": "[63]", "warn": "[94]"}, Outcome.FAIL),
    ("event.0=31", "gpu-xids", "run", Outcome.PASS, {"application": "[]"}, Outcome.WARN),
]


@pytest.mark.parametrize(
    ("state", "gate", "rule", "before", "decisions", "after"),
    DECISIONS,
    ids=[f"{one[0].splitlines()[-1]} {' '.join(f'{key}={value}' for key, value in one[4].items())}" for one in DECISIONS],
)
def test_a_decision_changes_what_it_names(
    node: Driver,
    monkeypatch: pytest.MonkeyPatch,
    state: str,
    gate: str,
    rule: str,
    before: Outcome,
    decisions: dict[str, str],
    after: Outcome,
) -> None:
    node.faults = state.splitlines()
    strict, _ = check_here(node, monkeypatch, policy(gate))
    assert outcome(strict, f"{gate}/{rule}") is before, bad(strict)
    decided, _ = check_here(node, monkeypatch, policy(gate, **decisions))
    assert outcome(decided, f"{gate}/{rule}") is after, bad(decided)


def test_without_a_decision_a_healthy_node_is_green(node: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    for gate in ("gpu-driver", "gpu-health", "gpu-xids"):
        report, _ = check_here(node, monkeypatch, policy(gate))
        assert report.verdict is Verdict.GREEN, bad(report)


OPTIONAL = [
    # What is needed unless a policy does without it: the fault, the rule, and the name of the signal.
    ("gpu0.ret.nvmlDeviceGetSerial=3", "identity", "serial"),
    ("gpu0.ret.nvmlDeviceGetBoardPartNumber=3", "identity", "part-number"),
    ("gpu0.ret.nvmlDeviceGetInforomImageVersion=3", "firmware", "inforom"),
    ("gpu0.ret.nvmlDeviceValidateInforom=3", "firmware", "inforom"),
    ("gpu0.ret.nvmlDeviceGetSramEccErrorStatus=3", "wear", "sram-threshold"),
    ("gpu0.ret.nvmlDeviceGetUnrepairableMemoryFlag_v1=3", "wear", "unrepairable-memory"),
    ("gpu0.ret.nvmlDeviceGetRepairStatus=3", "wear", "pending-repairs"),
    ("gpu0.fieldret.230=3", "steady", "recovery-action"),
    ("gpu0.ret.nvmlDeviceGetRowRemapperHistogram=3", "spares", "spare-rows"),
    ("gpu0.ret.nvmlDeviceGetRemappedRows=3", "spares", "remapped-rows"),
    ("gpu0.field.82=0", "heat", "memory-temperature"),  # as a device without the sensor answers
    ("gpu0.fieldret.82=3", "heat", "memory-temperature"),
    ("gpu0.fieldret.180=3", "pcie-errors", "pcie-errors"),
    ("gpu0.ret.nvmlDeviceGetPowerManagementLimitConstraints=3", "power", "power-range"),
]


@pytest.mark.parametrize(("fault", "rule", "signal"), OPTIONAL, ids=[f"{one[2]} {one[0]}" for one in OPTIONAL])
def test_each_signal_is_needed_unless_the_policy_does_without_it(
    node: Driver, monkeypatch: pytest.MonkeyPatch, fault: str, rule: str, signal: str
) -> None:
    node.faults = [fault]
    strict, _ = check_here(node, monkeypatch, policy("gpu-health"))
    assert outcome(strict, f"gpu-health/{rule}") is Outcome.UNKNOWN
    assert list(bad(strict)) == [f"gpu-health/{rule}"]
    without, _ = check_here(node, monkeypatch, policy("gpu-health", optional=f"[{signal}]"))
    assert without.verdict is Verdict.GREEN, bad(without)


def test_every_optional_signal_is_tried_above() -> None:
    assert {signal for _, _, signal in OPTIONAL} == {signal.value for signal in Signal}


def test_a_policy_cannot_want_mig_of_a_kind_that_has_none(node: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    node.device = dict(T4)
    report, _ = check_here(node, monkeypatch, policy("gpu-health", mig="on"))
    assert "this kind of GPU has no MIG" in bad(report)["gpu-health/mig"]


SPARED = "nvmlDeviceGetUnrepairableMemoryFlag_v1"


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (f"gpu0.ret.{SPARED}=3", Outcome.PASS),  # the device does not know it
        (f"gpu0.ret.{SPARED}=13", Outcome.PASS),  # nor does the driver
        (f"gpu0.ret.{SPARED}=15", Outcome.UNKNOWN),  # the device is lost
        (f"gpu0.ret.{SPARED}=4", Outcome.UNKNOWN),  # not permitted
        (f"gpu0.ret.{SPARED}=10", Outcome.UNKNOWN),  # it took too long
        (f"gpu0.ret.{SPARED}=999", Outcome.UNKNOWN),
        ("gpu0.unrepairable=0xffffffff", Outcome.UNKNOWN),  # a blank
        ("gpu0.unrepairable=1", Outcome.FAIL),
    ],
)
def test_a_signal_that_the_policy_does_without_may_be_unknown_to_a_device_and_not_be_lost(
    node: Driver, monkeypatch: pytest.MonkeyPatch, fault: str, expected: Outcome
) -> None:
    node.faults = [fault]
    report, _ = check_here(node, monkeypatch, policy("gpu-health", optional="[unrepairable-memory]"))
    assert outcome(report, "gpu-health/wear") is expected, bad(report)
    strict, _ = check_here(node, monkeypatch, policy("gpu-health"))
    assert outcome(strict, "gpu-health/wear") is not Outcome.PASS


def test_what_a_policy_does_without_is_said_all_the_same(node: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    node.count = 2
    node.faults = [f"gpu.ret.{SPARED}=3"]
    report, _ = check_here(node, monkeypatch, policy("gpu-health", optional="[unrepairable-memory]"))
    said = [finding.text for finding in findings(report) if finding.rule == "gpu-health/wear"]
    assert said == [
        "No device is worn beyond its vendor's threshold.",
        f"2 GPU(s): whether its memory is beyond repair is not known: {SPARED} answered NOT_SUPPORTED (3);"
        " optional in the policy.",
    ]


A100 = {"name": "NVIDIA A100-SXM4-80GB", "memory": 85899345920, "field.91": 12, "fabric.state": 0, "power.limit": 400000}


@pytest.mark.parametrize(
    ("running", "expected", "said"),
    [
        (["nv-fabricmanage"], Outcome.PASS, "the fabric manager runs"),
        ([], Outcome.FAIL, "no fabric manager runs"),
        (["nv-hostengine"], Outcome.FAIL, "no fabric manager runs"),
    ],
)
def test_switches_without_their_manager_are_red(
    node: Driver, monkeypatch: pytest.MonkeyPatch, running: list[str], expected: Outcome, said: str
) -> None:
    """A100s do not report their fabric, and CUDA fails with error 802. Mutation: the switches on the bus are not counted."""
    node.device |= A100
    node.count, node.switches, node.running = 8, 6, running
    report, _ = check_here(node, monkeypatch, policy("gpu-driver"))
    assert outcome(report, "gpu-driver/fabric-manager") is expected
    assert said in next(one.text for one in findings(report) if one.rule == "gpu-driver/fabric-manager")
    assert outcome(report, "gpu-driver/devices") is Outcome.PASS


def test_a_fabric_that_every_gpu_has_joined_has_its_manager(node: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    node.count, node.switches = 8, 4
    report, _ = check_here(node, monkeypatch)
    assert outcome(report, "gpu-driver/fabric-manager") is Outcome.PASS
    node.faults = ["gpu3.fabric.state=2"]
    report, _ = check_here(node, monkeypatch)
    assert outcome(report, "gpu-driver/fabric-manager") is Outcome.FAIL


def test_a_manager_that_cannot_be_seen_from_a_container_is_unknown(node: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    node.device |= A100
    node.count, node.switches = 8, 6
    write = Driver.write

    def contained(self: Driver) -> None:
        write(self)
        (self.folder / "proc" / "2" / "comm").write_text("bash\n")

    monkeypatch.setattr(Driver, "write", contained)
    report, _ = check_here(node, monkeypatch, policy("gpu-driver"))
    assert outcome(report, "gpu-driver/fabric-manager") is Outcome.UNKNOWN
    report, _ = check_here(node, monkeypatch, policy("gpu-driver", unseenManager="warn"))
    assert outcome(report, "gpu-driver/fabric-manager") is Outcome.WARN


def test_gpus_that_are_gone_from_driver_and_bus(node: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of eight, one is left. Mutations: the boot's messages, the switches, or the policy's number are not compared."""

    def devices(decided: str = "") -> tuple[Outcome, str]:
        report, _ = check_here(node, monkeypatch, decided)
        return outcome(report, "gpu-driver/devices"), bad(report).get("gpu-driver/devices", "")

    report, _ = check_here(node, monkeypatch)
    (said,) = [one.text for one in findings(report) if one.rule == "gpu-driver/devices"]
    assert "does not say how many the node must have" in said
    assert devices(policy("gpu-driver", devices="8"))[0] is Outcome.FAIL
    node.switches = 4
    outcome_beside_switches, why = devices()
    assert outcome_beside_switches is Outcome.FAIL
    assert "4 NVLink switch(es)" in why
    assert devices(policy("gpu-driver", devices="1"))[0] is Outcome.PASS
    node.switches = 0
    node.log = [BOOTED, *(f"pci 0000:{0x3B + one:02x}:00.0: [10de:2330] type 00 class 0x030200" for one in range(8))]
    report, _ = check_here(node, monkeypatch)
    gone = [one.about for one in findings(report) if one.rule == "gpu-xids/boot"]
    assert gone == [f"GPU 00000000:{0x3B + one:02x}:00.0" for one in range(1, 8)]


def test_a_bridge_that_is_absent_is_excused_and_one_that_is_half_dead_is_not(
    node: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.device |= {"name": "NVIDIA H100 PCIe", "field.91": 12, "nvlink.active": 0}
    built_in = policy("gpu-health", nvlinks="built-in", mig="any")
    assert outcome(check_here(node, monkeypatch, built_in)[0], "gpu-health/nvlink") is Outcome.PASS
    assert outcome(check_here(node, monkeypatch, policy("gpu-health"))[0], "gpu-health/nvlink") is Outcome.FAIL
    node.device |= {"nvlink.0.active": 1}
    report, _ = check_here(node, monkeypatch, built_in)
    assert "1 of its 12 NVLinks are up" in bad(report)["gpu-health/nvlink"]


def test_a_fault_that_came_and_went_is_still_told(node: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    node.faults = ["gpu0.nvlink.2.active=0", "after nvmlEventSetWait_v2 1: gpu0.nvlink.2.active=1"]
    assert "down: 2" in bad(check_here(node, monkeypatch)[0])["gpu-health/nvlink"]


def test_a_fault_that_began_during_the_check_is_said_to(node: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    node.faults = ["after nvmlEventSetWait_v2 1: gpu0.rows.failed=1"]
    said = bad(check_here(node, monkeypatch)[0])
    assert said == {"gpu-health/spares": f"GPU 0 ({node.uuid(0)}): remapping a memory row failed (new since the check began)."}


def test_a_failure_is_waived_for_one_device_alone(node: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    node.count = 2
    node.faults = ["gpu.power.limit=500000"]
    waiver = (
        "waivers:\n  - rule: gpu-health/power\n    subject: node-1\n    anyContent: true\n    owner: ops\n"
        "    reason: quiet hours\n"
        f'    expires: 2027-01-01T00:00:00Z\n    about: "GPU 0 ({node.uuid(0)}): capped"\n'
    )
    report, _ = check_here(node, monkeypatch, policy("gpu-health") + waiver)
    outcomes = [finding.outcome for finding in findings(report) if finding.rule == "gpu-health/power"]
    assert outcomes == [Outcome.WARN, Outcome.FAIL]


@pytest.mark.parametrize(
    ("gate", "decisions"),
    [
        ("gpu-health", {"optional": "[temperature]"}),
        ("gpu-health", {"slowFails": "[gpu-idle]"}),  # which also passes
        ("gpu-health", {"leastMemoryPercent": "0"}),
        ("gpu-health", {"leastPowerPercent": "101"}),
        ("gpu-health", {"firmware": "[{sku: H100 SXM 80 GB, leastVbios: newest}]"}),
        ("gpu-driver", {"leastCuda": "latest"}),
        ("gpu-driver", {"leastDriver": "R580"}),
        ("gpu-driver", {"devices": "-1"}),
        ("gpu-xids", {"fail": "[79]", "warn": "[79]"}),
        ("gpu-xids", {"forgotten": "green"}),
    ],
)
def test_a_decision_that_cannot_be_meant_is_refused(gate: str, decisions: dict[str, str]) -> None:
    with pytest.raises(Refused):
        parse_policy(policy(gate, **decisions).encode(), where="test")
