"""GPU evidence over NVIDIA's own binding and a fake driver: what is seen, and that each fault turns the node red."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from arcops.evidence import Cause, Evidence, Missing, SourceKind
from arcops.finding import Outcome
from arcops.seen.gpu import DriverState, GpuDriver, Gpus, Unread, Why
from arcops.verdict import Verdict
from artifacts.statement import to_statement
from artifacts.wire import from_json, to_json
from flows.conclude import conclude
from flows.runners import direct
from flows.runners.looking import look
from tasks.gpu.gpu_driver import driver as driver_collector
from tests.gpu import bad, check, check_here, findings, folder, outcome, plan
from tests.simulators.nvml import T4, Driver

pytestmark = pytest.mark.requirement("ARC-C1/each-fault-is-found")


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Driver:
    made = folder(tmp_path)
    for name, value in made.environment().items():
        monkeypatch.setenv(name, value)
    return made


class TestHealthy:
    def test_a_healthy_node_is_green_by_the_shipped_policy(self, node: Driver) -> None:
        node.count = 8
        report, collected = check(node)
        assert report.verdict is Verdict.GREEN, bad(report)
        found = collected["gpus"]
        assert isinstance(found, Evidence)
        assert isinstance(found.body, Gpus)
        assert len(found.body.devices) == 8
        assert report.subject.kind == "gpu-node"
        assert report.subject.name == "node-1"
        assert report.subject.digests[0].algorithm == "sha256"

    def test_the_artifact_names_the_library_and_the_profiles_that_it_stands_on(self, node: Driver) -> None:
        report, _ = check(node)
        sources = {record.kind: record.sources for record in report.evidence}
        assert any(one.name.endswith("/libnvidia-ml.so.1") and one.digest for one in sources["gpu-driver"])
        assert [one.name for one in sources["gpu-profiles"]] == ["skus/h100-sxm-80gb.yaml"]
        assert all(one.kind is SourceKind.DATA and one.digest.startswith("sha256:") for one in sources["gpu-profiles"])

    def test_the_node_is_named_by_its_devices_in_whatever_order(self, node: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
        node.count = 2
        first, _ = check_here(node, monkeypatch)
        node.faults = [f"gpu{index}.uuid={node.uuid(1 - index)}" for index in range(2)]
        swapped, _ = check_here(node, monkeypatch)
        assert first.subject == swapped.subject
        node.faults = ["gpu1.uuid=GPU-ffffffff-0000-0000-0000-000000000000"]
        assert check_here(node, monkeypatch)[0].subject != first.subject

    @pytest.mark.requirement("ARC-C5/same-verdict-byte-for-byte")
    def test_the_same_node_gives_the_same_report_byte_for_byte(self, node: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
        node.faults = ["gpu0.rows.failed=1", "gpu0.fieldret.91=15", "event.0=79"]
        first, again = (check_here(node, monkeypatch)[0] for _ in range(2))
        assert to_statement(first) == to_statement(again)
        assert [record.digest for record in first.evidence] == [record.digest for record in again.evidence]

    def test_a_kind_that_cannot_do_much_is_green_too(self, node: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
        node.device = dict(T4)
        report, _ = check_here(node, monkeypatch)
        assert report.verdict is Verdict.GREEN, bad(report)

    def test_what_a_poorer_kind_may_leave_out_a_richer_one_may_not(self, node: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
        node.device = {**T4, "name": "NVIDIA H100 80GB HBM3"}
        said = bad(check_here(node, monkeypatch)[0])
        assert {"gpu-health/spares", "gpu-health/nvlink", "gpu-health/fabric", "gpu-health/mig", "gpu-health/wear"} <= set(said)

    def test_evidence_crosses_the_wire_unchanged(self, node: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
        node.faults = ["gpu0.ret.nvmlDeviceGetSerial=3", "gpu0.fieldret.91=15"]
        found = check_here(node, monkeypatch)[1]["gpus"]
        assert isinstance(found, Evidence)
        assert from_json(Gpus, json.dumps(to_json(found.body))) == found.body

    def test_mig_instances_are_seen(self, node: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
        node.device |= {"mig": 1}
        node.device |= {f"mig.{number}.uuid": f"MIG-{number}" for number in (0, 2)}
        node.device |= {f"mig.{number}.megabytes": 9984 for number in (0, 2)}
        # NVIDIA's library tells nothing of remapped rows while instances are active.
        node.faults = ["gpu.ret.nvmlDeviceGetRemappedRows=3", "gpu.ret.nvmlDeviceGetRowRemapperHistogram=3"]
        report, collected = check_here(node, monkeypatch)
        assert report.verdict is Verdict.GREEN, bad(report)
        found = collected["gpus"]
        assert isinstance(found, Evidence)
        assert isinstance(found.body, Gpus)
        instances = found.body.devices[0].mig.instances
        assert not isinstance(instances, Unread)
        assert [instance.uuid for instance in instances] == ["MIG-0", "MIG-2"]
        node.device |= {"mig": 0}
        assert "gpu-health/spares" in bad(check_here(node, monkeypatch)[0])


_EIGHT_INSTANCES = "".join(f"gpu0.mig.{number}.uuid=MIG-{number}\ngpu0.mig.{number}.megabytes=9\n" for number in range(8))

FAULTS = [
    # A line of the fake driver's state, the rule that it must break, and how.
    ("count=0", "gpu-driver/devices", Outcome.UNKNOWN),
    ("ret.nvmlDeviceGetCount_v2=999", "gpu-driver/devices", Outcome.UNKNOWN),
    ("ret.nvmlSystemGetDriverVersion=999", "gpu-driver/version", Outcome.UNKNOWN),
    ("driver=N/A", "gpu-driver/version", Outcome.UNKNOWN),
    ("ret.nvmlSystemGetCudaDriverVersion_v2=3", "gpu-driver/cuda", Outcome.UNKNOWN),
    ("cuda=0", "gpu-driver/cuda", Outcome.UNKNOWN),
    ("ret.nvmlSystemGetConfComputeSettings=999", "gpu-driver/confidential", Outcome.UNKNOWN),
    ("cc.on=0xffffffff", "gpu-driver/confidential", Outcome.UNKNOWN),
    ("gpu0.ret.*=15", "gpu-health/identity", Outcome.UNKNOWN),
    ("gpu0.name=Some Other GPU", "gpu-health/profile", Outcome.UNKNOWN),
    ("gpu0.name=", "gpu-health/identity", Outcome.UNKNOWN),
    ("gpu0.uuid=N/A", "gpu-health/identity", Outcome.UNKNOWN),
    ("gpu0.ret.nvmlDeviceGetPciInfo_v3=4", "gpu-health/identity", Outcome.UNKNOWN),
    ("after nvmlEventSetWait_v2 1: gpu0.ret.*=15", "gpu-health/steady", Outcome.UNKNOWN),
    ("after nvmlEventSetWait_v2 1: gpu0.uuid=GPU-another", "gpu-health/steady", Outcome.FAIL),
    ("after nvmlEventSetWait_v2 1: gpu0.ret.nvmlDeviceGetUUID=15", "gpu-health/steady", Outcome.UNKNOWN),
    ("gpu0.field.230=1", "gpu-health/steady", Outcome.FAIL),
    ("gpu0.memory=64000000000", "gpu-health/memory-size", Outcome.FAIL),
    ("gpu0.memory=0xffffffffffffffff", "gpu-health/memory-size", Outcome.UNKNOWN),
    ("gpu0.memory=0", "gpu-health/memory-size", Outcome.UNKNOWN),
    ("gpu0.ecc=0", "gpu-health/ecc-mode", Outcome.FAIL),
    ("gpu0.ecc.pending=0", "gpu-health/ecc-mode", Outcome.FAIL),
    ("gpu0.ecc=0\ngpu0.ecc.pending=1", "gpu-health/ecc-mode", Outcome.FAIL),
    ("gpu0.ecc=7\ngpu0.ecc.pending=1", "gpu-health/ecc-mode", Outcome.UNKNOWN),
    ("gpu0.ecc.pending=7", "gpu-health/ecc-mode", Outcome.UNKNOWN),
    ("gpu0.ret.nvmlDeviceGetEccMode=3", "gpu-health/ecc-mode", Outcome.UNKNOWN),
    ("gpu0.errors.2.1.0=1", "gpu-health/ecc-errors", Outcome.FAIL),
    ("gpu0.errors.7.1.1=1", "gpu-health/ecc-errors", Outcome.WARN),
    ("gpu0.errors.7.1.1=9", "gpu-health/ecc-errors", Outcome.FAIL),
    ("gpu0.errors.1.1.0=1", "gpu-health/ecc-errors", Outcome.FAIL),
    ("gpu0.errors.all.1.0=1", "gpu-health/ecc-errors", Outcome.FAIL),
    ("gpu0.errors.2.0.0=101", "gpu-health/ecc-errors", Outcome.WARN),
    ("gpu0.errors.2.1.0=0xffffffffffffffff", "gpu-health/ecc-errors", Outcome.UNKNOWN),
    ("gpu0.ret.nvmlDeviceGetMemoryErrorCounter=3", "gpu-health/ecc-errors", Outcome.UNKNOWN),
    ("gpu0.rows.failed=1", "gpu-health/spares", Outcome.FAIL),
    ("gpu0.rows.pending=1", "gpu-health/spares", Outcome.FAIL),
    ("gpu0.rows.failed=0xffffffff", "gpu-health/spares", Outcome.UNKNOWN),
    ("gpu0.rows.pending=0xffffffff", "gpu-health/spares", Outcome.UNKNOWN),
    ("gpu0.rows.corrected=0xffffffff", "gpu-health/spares", Outcome.UNKNOWN),
    ("gpu0.rows.uncorrected=0xffffffff", "gpu-health/spares", Outcome.UNKNOWN),
    ("gpu0.rows.corrected=9", "gpu-health/spares", Outcome.WARN),
    ("gpu0.rows.exhausted=1", "gpu-health/spares", Outcome.FAIL),
    ("gpu0.rows.uncorrected=9", "gpu-health/spares", Outcome.WARN),
    ("gpu0.ret.nvmlDeviceGetRemappedRows=3", "gpu-health/spares", Outcome.UNKNOWN),
    ("gpu0.ret.nvmlDeviceGetRowRemapperHistogram=3", "gpu-health/spares", Outcome.UNKNOWN),
    ("gpu0.sram.exceeded=1", "gpu-health/wear", Outcome.FAIL),
    ("after nvmlEventSetWait_v2 1: gpu0.errors.2.1.0=1", "gpu-health/ecc-errors", Outcome.FAIL),
    ("after nvmlEventSetWait_v2 1: gpu0.rows.failed=1", "gpu-health/spares", Outcome.FAIL),
    ("after nvmlEventSetWait_v2 1: gpu0.nvlink.4.active=0", "gpu-health/nvlink", Outcome.FAIL),
    ("after nvmlEventSetWait_v2 1: gpu0.pcie.width=8", "gpu-health/pcie-link", Outcome.FAIL),
    ("after nvmlEventSetWait_v2 1: gpu0.field.230=1", "gpu-health/steady", Outcome.FAIL),
    ("gpu0.ret.nvmlDeviceGetSramEccErrorStatus=4", "gpu-health/wear", Outcome.UNKNOWN),
    ("gpu0.unrepairable=1", "gpu-health/wear", Outcome.FAIL),
    ("gpu0.repair.tpc=1", "gpu-health/wear", Outcome.FAIL),
    ("gpu0.temperature=86", "gpu-health/heat", Outcome.FAIL),
    ("gpu0.margin=1", "gpu-health/heat", Outcome.FAIL),
    ("gpu0.margin=-2", "gpu-health/heat", Outcome.FAIL),
    ("gpu0.margin=6", "gpu-health/heat", Outcome.WARN),
    ("gpu0.field.82=100", "gpu-health/heat", Outcome.FAIL),
    ("gpu0.ret.nvmlDeviceGetTemperatureV=999", "gpu-health/heat", Outcome.UNKNOWN),
    ("after nvmlEventSetWait_v2 2: gpu0.temperature=86", "gpu-health/heat", Outcome.FAIL),
    ("gpu0.reasons=0x40", "gpu-health/clocks", Outcome.FAIL),
    ("gpu0.reasons=0x8", "gpu-health/clocks", Outcome.FAIL),
    ("gpu0.reasons=0x20", "gpu-health/clocks", Outcome.FAIL),
    ("gpu0.reasons=0x80", "gpu-health/clocks", Outcome.FAIL),
    ("gpu0.reasons=0x200", "gpu-health/clocks", Outcome.FAIL),  # a bit that the binding's own mask of all leaves out
    ("gpu0.reasons=0x400", "gpu-health/clocks", Outcome.FAIL),  # and the other one
    ("gpu0.reasons=0x80000", "gpu-health/clocks", Outcome.FAIL),  # an unknown bit
    ("gpu0.reasons=0x4", "gpu-health/clocks", Outcome.WARN),
    ("after nvmlEventSetWait_v2 1: gpu0.reasons=0x40", "gpu-health/clocks", Outcome.FAIL),
    ("gpu0.reasons.told=0x1bf", "gpu-health/clocks", Outcome.FAIL),  # it cannot tell of heat
    ("gpu0.ret.nvmlDeviceGetCurrentClocksEventReasons=3", "gpu-health/clocks", Outcome.UNKNOWN),
    ("gpu0.power.limit=500000", "gpu-health/power", Outcome.FAIL),
    ("gpu0.power.limit=800000", "gpu-health/power", Outcome.FAIL),
    ("gpu0.power.standard=600000", "gpu-health/power", Outcome.WARN),
    ("gpu0.ret.nvmlDeviceGetEnforcedPowerLimit=3", "gpu-health/power", Outcome.UNKNOWN),
    ("gpu0.ret.nvmlDeviceGetPowerUsage=3", "gpu-health/power", Outcome.UNKNOWN),
    ("gpu0.pcie.width=8", "gpu-health/pcie-link", Outcome.FAIL),
    ("gpu0.ret.nvmlDeviceGetGpuMaxPcieLinkGeneration=999", "gpu-health/pcie-link", Outcome.UNKNOWN),
    ("gpu0.pcie.generation=4\ngpu0.reasons=0", "gpu-health/pcie-link", Outcome.FAIL),  # slow, and it does not rest
    ("gpu0.fieldret.179=15", "gpu-health/pcie-errors", Outcome.UNKNOWN),  # optional, and lost
    ("gpu0.field.179=1", "gpu-health/pcie-errors", Outcome.WARN),
    ("gpu0.pcie.slot=4", "gpu-health/pcie-link", Outcome.FAIL),
    ("gpu0.ret.nvmlDeviceGetCurrPcieLinkWidth=3", "gpu-health/pcie-link", Outcome.UNKNOWN),
    ("gpu0.pcie.replays=11", "gpu-health/pcie-errors", Outcome.WARN),
    ("gpu0.field.180=1", "gpu-health/pcie-errors", Outcome.FAIL),
    ("gpu0.ret.nvmlDeviceGetPcieReplayCounter=3", "gpu-health/pcie-errors", Outcome.UNKNOWN),
    ("gpu0.nvlink.17.active=0", "gpu-health/nvlink", Outcome.FAIL),
    ("gpu0.field.91=12", "gpu-health/nvlink", Outcome.FAIL),
    ("gpu0.fieldret.91=3", "gpu-health/nvlink", Outcome.UNKNOWN),
    ("gpu0.fieldtype.91=0", "gpu-health/nvlink", Outcome.UNKNOWN),  # left untouched: success, and a double
    ("gpu0.nvlink.version=4", "gpu-health/nvlink", Outcome.FAIL),
    ("gpu0.field.91=19\ngpu0.nvlink.18.active=7", "gpu-health/nvlink", Outcome.UNKNOWN),  # one more than its kind has
    ("gpu0.nvlink.version=99", "gpu-health/nvlink", Outcome.UNKNOWN),
    ("gpu0.nvlink.3.errors.2=1", "gpu-health/nvlink", Outcome.WARN),
    ("gpu0.field.208.5=1", "gpu-health/nvlink", Outcome.WARN),
    ("gpu0.fieldret.208=15", "gpu-health/nvlink", Outcome.UNKNOWN),  # other counters are told
    ("gpu0.ret.nvmlDeviceGetNvLinkErrorCounter=3", "gpu-health/nvlink", Outcome.UNKNOWN),
    ("gpu0.fabric.state=2", "gpu-health/fabric", Outcome.FAIL),
    ("gpu0.fabric.status=999", "gpu-health/fabric", Outcome.FAIL),
    ("gpu0.fabric.status=0xffffffff", "gpu-health/fabric", Outcome.UNKNOWN),
    ("gpu0.fabric.mask=0\ngpu0.fabric.summary=0", "gpu-health/fabric", Outcome.UNKNOWN),
    ("gpu0.fabric.mask=1", "gpu-health/fabric", Outcome.FAIL),
    ("gpu0.fabric.mask=0x100000", "gpu-health/fabric", Outcome.FAIL),
    ("gpu0.fabric.summary=2", "gpu-health/fabric", Outcome.FAIL),
    ("gpu0.ret.nvmlDeviceGetGpuFabricInfoV=3", "gpu-health/fabric", Outcome.UNKNOWN),
    ("gpu0.mig.pending=1", "gpu-health/mig", Outcome.FAIL),
    ("gpu0.mig=1", "gpu-health/mig", Outcome.FAIL),  # on, with no instance
    ("gpu0.mig=7\ngpu0.mig.pending=0", "gpu-health/mig", Outcome.UNKNOWN),
    ("gpu0.mig.pending=7", "gpu-health/mig", Outcome.UNKNOWN),
    ("gpu0.mig=1\ngpu0.ret.nvmlDeviceGetMaxMigDeviceCount=999", "gpu-health/mig", Outcome.UNKNOWN),
    ("gpu0.mig=1\ngpu0.mig.0.uuid=MIG-0", "gpu-health/mig", Outcome.UNKNOWN),  # of what size?
    ("gpu0.ret.nvmlDeviceGetMigMode=3", "gpu-health/mig", Outcome.UNKNOWN),
    (f"{_EIGHT_INSTANCES}gpu0.mig.most=8\ngpu0.mig=1", "gpu-health/mig", Outcome.FAIL),  # more than its kind can have
    ("gpu0.persistence=0", "gpu-health/modes", Outcome.WARN),
    ("gpu0.persistence=7", "gpu-health/modes", Outcome.UNKNOWN),
    ("gpu0.compute-mode=2", "gpu-health/modes", Outcome.FAIL),
    ("gpu0.compute-mode=9", "gpu-health/modes", Outcome.UNKNOWN),
    ("gpu0.processes.compute=2", "gpu-health/processes", Outcome.WARN),
    ("gpu0.ret.nvmlDeviceGetComputeRunningProcesses_v3=4", "gpu-health/processes", Outcome.UNKNOWN),
    ("gpu0.ret.nvmlDeviceValidateInforom=14", "gpu-health/firmware", Outcome.FAIL),
    ("gpu0.ret.nvmlDeviceValidateInforom=3", "gpu-health/firmware", Outcome.UNKNOWN),
    ("gpu0.ret.nvmlDeviceGetVbiosVersion=999", "gpu-health/firmware", Outcome.UNKNOWN),
    ("event.0=79", "gpu-xids/run", Outcome.FAIL),
    ("event.0=63", "gpu-xids/run", Outcome.WARN),
    ("event.0=1\nevent.0.type=0x2000", "gpu-xids/run", Outcome.FAIL),  # a poison error
    ("event.0=1\nevent.0.type=0x4000", "gpu-xids/run", Outcome.FAIL),  # the device is not available any more
    ("event.0=1\nevent.0.type=0x80000", "gpu-xids/run", Outcome.UNKNOWN),  # an unknown event
    ("after nvmlDeviceGetUUID 2: event.0=79", "gpu-xids/run", Outcome.FAIL),  # reported after the last wait
    ("gpu0.events.told=0x17", "gpu-xids/run", Outcome.UNKNOWN),  # registering succeeds, and no XID is ever told
    ("gpu0.ret.nvmlDeviceGetSupportedEventTypes=999", "gpu-xids/run", Outcome.UNKNOWN),
    ("ret.nvmlEventSetCreate=3", "gpu-xids/run", Outcome.UNKNOWN),
    ("gpu0.ret.nvmlDeviceRegisterEvents=3", "gpu-xids/run", Outcome.UNKNOWN),
    ("ret.nvmlEventSetWait_v2=15", "gpu-xids/run", Outcome.UNKNOWN),
]


@pytest.mark.parametrize(("fault", "rule", "expected"), FAULTS, ids=[fault[0][-60:] for fault in FAULTS])
def test_each_fault_breaks_its_rule(
    node: Driver, monkeypatch: pytest.MonkeyPatch, fault: str, rule: str, expected: Outcome
) -> None:
    node.faults = [fault]
    report, _ = check_here(node, monkeypatch)
    assert outcome(report, rule) is expected, bad(report)
    assert report.verdict is (Verdict.AMBER if expected is Outcome.WARN else Verdict.RED)


OF_A_T4 = [
    # What only kinds have that retire pages, as their profile says.
    ("gpu0.pages.0=1", "gpu-health/spares", Outcome.FAIL),
    ("gpu0.pages.1=1", "gpu-health/spares", Outcome.FAIL),
    ("gpu0.pages.pending=1", "gpu-health/spares", Outcome.FAIL),
    ("gpu0.pages.pending=0xffffffff", "gpu-health/spares", Outcome.UNKNOWN),
    ("gpu0.ret.nvmlDeviceGetRetiredPages=999", "gpu-health/spares", Outcome.UNKNOWN),
    ("gpu0.ret.nvmlDeviceGetRetiredPagesPendingStatus=3", "gpu-health/spares", Outcome.UNKNOWN),
]


@pytest.mark.parametrize(("fault", "rule", "expected"), OF_A_T4, ids=[fault[0] for fault in OF_A_T4])
def test_each_fault_of_an_older_kind_breaks_its_rule(
    node: Driver, monkeypatch: pytest.MonkeyPatch, fault: str, rule: str, expected: Outcome
) -> None:
    node.device = dict(T4)
    node.faults = [fault]
    report, _ = check_here(node, monkeypatch)
    assert outcome(report, rule) is expected, bad(report)
    assert list(bad(report)) == [rule]


def test_a_fault_of_one_of_eight_is_named(node: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    node.count = 8
    node.faults = ["gpu5.rows.failed=1"]
    said = bad(check_here(node, monkeypatch)[0])
    assert list(said) == ["gpu-health/spares"]
    assert said["gpu-health/spares"].startswith(f"GPU 5 ({node.uuid(5)}): ")


def test_a_gpu_that_is_lost_during_the_check_is_named_once_for_each_rule(node: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    node.count = 2
    node.faults = ["after nvmlEventSetWait_v2 1: gpu1.ret.*=15", "event.0=79", "event.0.gpu=1"]
    report, _ = check_here(node, monkeypatch)
    said = [finding for finding in findings(report) if finding.outcome is not Outcome.PASS]
    assert len({finding.rule for finding in said}) == len(said) > 15
    assert all(finding.about.startswith(f"GPU 1 ({node.uuid(1)})") for finding in said if "gpu-health" in finding.rule)
    assert f"of GPU {node.pci(1).lower()} during" in bad(report)["gpu-xids/run"]


def test_two_devices_that_claim_one_identity_are_refused(node: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    node.count = 2
    node.faults = [f"gpu1.uuid={node.uuid(0)}"]
    assert outcome(check_here(node, monkeypatch)[0], "gpu-health/identity") is Outcome.FAIL


def test_a_gpu_that_only_the_bus_knows_is_red(node: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    node.count = 2
    node.faults = ["count=1"]
    said = bad(check_here(node, monkeypatch)[0])
    assert said == {"gpu-driver/bus": "2 NVIDIA GPU(s) are on the PCI bus, but the driver counts 1."}


def test_a_gpu_that_was_handed_to_a_virtual_machine_is_not_missed(node: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    node.count = 2
    node.faults = ["count=1"]
    node.write()
    given = node.folder / "sys" / "bus" / "pci" / "devices" / node.pci(1).lower()
    monkeypatch.setattr(node, "_write_bus", lambda: None)
    (given / "driver").symlink_to("../../bus/pci/drivers/vfio-pci")
    assert check_here(node, monkeypatch)[0].verdict is Verdict.GREEN


class TestInItsOwnProcess:
    def test_no_driver_library_is_blocked(self, node: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
        broken = node.folder / "broken"
        broken.mkdir()
        (broken / "libnvidia-ml.so.1").write_bytes(b"no library")  # whatever this machine has, the loader finds this first
        monkeypatch.setenv("LD_LIBRARY_PATH", str(broken))
        report, collected = check(node)
        assert report.verdict is Verdict.RED
        said = bad(report)
        assert said["gpu-driver/answers"].startswith("BLOCKED: No NVIDIA driver library")
        assert "BLOCKED: No NVIDIA driver library" in said["gpu-health/judged"]
        found = collected["gpu-driver"]
        assert isinstance(found, Evidence)
        assert isinstance(found.body, GpuDriver)
        assert found.body.state is DriverState.NO_LIBRARY

    @pytest.mark.parametrize(
        ("code", "state"),
        [(9, DriverState.NOT_LOADED), (4, DriverState.FORBIDDEN), (18, DriverState.MISMATCHED), (999, DriverState.FAILED)],
    )
    def test_what_keeps_the_driver_from_answering_is_said(
        self, node: Driver, monkeypatch: pytest.MonkeyPatch, code: int, state: DriverState
    ) -> None:
        node.faults = [f"ret.nvmlInitWithFlags={code}"]
        report, collected = check_here(node, monkeypatch)
        found = collected["gpu-driver"]
        assert isinstance(found, Evidence)
        assert isinstance(found.body, GpuDriver)
        assert found.body.state is state
        assert report.verdict is Verdict.RED
        assert bad(report)["gpu-driver/answers"].startswith("BLOCKED: ")

    def test_a_call_that_never_returns_costs_one_signal_and_the_deadline_is_kept(
        self, node: Driver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tasks.gpu.asking.SECONDS_A_CALL", 0.3)
        node.faults = ["gpu0.hang.nvmlDeviceGetMigMode=1"]
        report, collected = check_here(node, monkeypatch)
        found = collected["gpus"]
        assert isinstance(found, Evidence)
        assert isinstance(found.body, Gpus)
        device = found.body.devices[0]
        assert isinstance(device.mig.on, Unread)
        assert device.mig.on.why is Why.TIMED_OUT
        assert device.memory.total == 85520809984  # what was asked before is known
        same = found.body.later[0].same
        assert isinstance(same, Unread)
        assert "nvmlDeviceGetMigMode had not returned" in same.said
        assert report.verdict is Verdict.RED

    def test_a_driver_that_hangs_is_said_to(self, node: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tasks.gpu.asking.SECONDS_A_CALL", 0.2)
        monkeypatch.setattr("tasks.gpu.asking.SECONDS_TO_WAKE", 0.1)
        node.faults = ["hang.nvmlInitWithFlags=1"]
        report, _ = check_here(node, monkeypatch)
        assert bad(report)["gpu-driver/answers"] == (
            "BLOCKED: The NVIDIA driver does not answer: its first call has not returned."
        )
        assert report.verdict is Verdict.RED

    def test_a_library_that_hangs_the_process_costs_that_process_and_the_deadline_is_kept(
        self, node: Driver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("NVIDIA_FAKE_HANG", str(node.folder / "loading"))  # not even a thread beside it gets a turn
        node.write()
        quick = replace(driver_collector, deadline=timedelta(seconds=1))
        made = plan(node)
        made = replace(made, collectors=tuple(quick if one.body is GpuDriver else one for one in made.collectors))  # type: ignore[arg-type]  # of its own body
        collected = direct.collect(made, stop=threading.Event())
        found = collected["gpu-driver"]
        assert isinstance(found, Missing)
        assert found.cause is Cause.DEADLINE
        report = conclude(made, collected, runner="test")
        assert report.verdict is Verdict.RED
        assert {"gpu-driver/judged", "gpu-health/judged", "gpu-xids/run"} <= set(bad(report))

    def test_a_symbol_that_an_old_driver_lacks_is_missing_and_nothing_else(
        self, node: Driver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        symbols = ("nvmlDeviceGetRowRemapperHistogram", "nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetTemperatureV")
        for name, value in node.environment(without=symbols).items():
            monkeypatch.setenv(name, value)
        report, collected = check(node)
        said = bad(report)
        assert list(said) == ["gpu-health/spares"], "older names serve for clocks and temperature"
        found = collected["gpus"]
        assert isinstance(found, Evidence)
        assert isinstance(found.body, Gpus)
        banks = found.body.devices[0].memory.rows.exhausted_banks
        assert isinstance(banks, Unread)
        assert banks.why is Why.NO_SYMBOL

    def test_a_library_that_crashes_ends_only_its_own_process(self, node: Driver) -> None:
        node.faults = ["gpu0.crash.nvmlDeviceGetUUID=1"]
        report, collected = check(node)
        found = collected["gpus"]
        assert isinstance(found, Missing)
        assert found.cause is Cause.BROKEN
        assert report.verdict is Verdict.RED


def test_a_model_has_no_gpus(node: Driver, tmp_path: Path) -> None:
    found = look(driver_collector, replace(plan(node).request, kind="model"), {})  # type: ignore[arg-type]  # of its own body
    assert isinstance(found, Missing)
    assert found.cause is Cause.REFUSED
