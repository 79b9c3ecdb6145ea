"""What the kernel writes about GPUs, line by line: numbers, MIG instances, causes, recoveries, and faults without a number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.seen.gpu_log import Sign
from tasks.gpu.kernel_faults import Faults, faults

pytestmark = pytest.mark.requirement("ARC-C1/faults-without-a-number-are-found")

GPU = "00000000:3b:00.0"


def read(*lines: str, devices: tuple[str, ...] = ()) -> Faults:
    return faults([(number * 1_000_000, line) for number, line in enumerate(lines)], devices)


@pytest.mark.parametrize(
    ("line", "xid", "instance", "recovery", "fatal", "mild"),
    [
        ("NVRM: Xid (PCI:0000:3b:00 GPU-I:05): 94, pid=7194, Contained: CE User Channel", 94, "GPU-I:05", "", False, False),
        ("NVRM: Xid (PCI:0000:3b:00 GPU-I:01 GPU-CI:02): 13, pid=9, name=a, x", 13, "GPU-I:01 GPU-CI:02", "", False, False),
        ("NVRM: Xid (0000:3b:00): 48, DBE", 48, "", "", False, False),
        ("NVRM: Xid (PCI:0000:3b:00): 149, NETIR_LINK_EVT Fatal XC0 i0 Link 00 (0x1)", 149, "", "", True, False),
        ("NVRM: Xid (PCI:0000:3b:00): 145, RLW_RXPIPE Nonfatal XC0 i0 Link 13 (0x1)", 145, "", "", False, True),
        ("NVRM: Xid (PCI:0000:3b:00): 145, RLW_RXPIPE Non-Fatal XC0 i0 Link 13 (0x1)", 145, "", "", False, True),
        (
            "NVRM: Xid (PCI:0000:3b:00): 154, GPU recovery action changed from 0x0 (None) to 0x1 (GPU Reset Required)",
            *(154, "", "GPU Reset Required", False, False),
        ),
        (
            "NVRM: Xid (PCI:0000:3b:00): 154, GPU recovery action changed from 0x1 (GPU Reset Required) to 0x0 (None)",
            *(154, "", "None", False, False),
        ),
        ("NVRM: Xid (PCI:0000:3b:00): 154, some later words", 154, "", "", False, False),
    ],
)
def test_a_numbered_fault(line: str, xid: int, instance: str, recovery: str, fatal: bool, mild: bool) -> None:
    told = read(line)
    (one,) = told.xids
    assert (one.pci, one.xid, one.instance, one.recovery, one.fatal, one.mild) == (GPU, xid, instance, recovery, fatal, mild)
    assert told.unclear == 0
    assert told.signs == ()


CLEANED = "NVRM: Xid (PCI:0000:3b:00): 45, pid=7, name=python3, Ch 00000008 caused by previous Xid 62"


def test_a_cause_that_only_another_message_names_counts() -> None:
    """Mutation: the words at the end of the message are dropped."""
    told = read(CLEANED, CLEANED)
    assert [(one.xid, one.told, one.count) for one in told.xids] == [(45, False, 2), (62, True, 2)]


def test_a_cause_that_has_its_own_message_is_not_told_twice() -> None:
    told = read("NVRM: Xid (PCI:0000:3b:00): 62, 323f0f30", CLEANED)
    assert [(one.xid, one.told) for one in told.xids] == [(45, False), (62, False)]
    other = read("NVRM: Xid (PCI:0000:5e:00): 62, 323f0f30", CLEANED)
    assert [(one.pci[9:11], one.xid) for one in other.xids] == [("3b", 45), ("3b", 62), ("5e", 62)]


THREE = ("NVRM: The NVIDIA GPU 0000:3b:00.0", "NVRM: (PCI ID: 10de:26b5) installed in this system has")
LAST = "NVRM: fallen off the bus and is not responding to commands."


@pytest.mark.parametrize(
    ("lines", "sign", "pci"),
    [
        (("NVRM: GPU 0000:3b:00.0: GPU has fallen off the bus.",), Sign.FALLEN, GPU),
        (("NVRM: GPU at PCI:0000:3b:00: GPU has fallen off the bus.",), Sign.FALLEN, GPU),
        ((*THREE, LAST), Sign.FALLEN, GPU),
        (("\n".join((*THREE, LAST)),), Sign.FALLEN, GPU),  # one record of the buffer
        (("NVRM: GPU0 gpuHandleSanityCheckRegReadError: GPU lost from the bus [NV_ERR_GPU_IS_LOST]",), Sign.FALLEN, ""),
        ((LAST,), Sign.FALLEN, ""),
        (("NVRM: GPU 0000:3b:00.0: RmInitAdapter failed! (0x24:0x65:1185)",), Sign.NOT_STARTED, GPU),
        (("NVRM: RmInitAdapter failed! (0x62:0x65:28)",), Sign.NOT_STARTED, ""),
        (("NVRM: GPU 0000:3b:00.0: rm_init_adapter failed, device minor number 0",), Sign.NOT_STARTED, GPU),
        (("NVRM: GPU0 RmInitAdapter: Cannot initialize GSP firmware RM",), Sign.NOT_STARTED, ""),
        (
            ("NVRM: nvGpuOpsReportFatalError: uvm encountered global fatal error 0x60, requiring os reboot to recover.",),
            *(Sign.MEMORY_MANAGER, ""),
        ),
        (("NVRM: The NVIDIA probe routine failed for 1 device(s).",), Sign.NOT_STARTED, ""),
        (("nvidia 0000:3b:00.0: probe with driver nvidia failed with error -1",), Sign.NOT_STARTED, GPU),
        (("nvidia: probe of 0000:3b:00.0 failed with error -1",), Sign.NOT_STARTED, GPU),
        (("nvidia 0000:3b:00.0: Unable to change power state from D3cold to D0, device inaccessible",), Sign.UNPOWERED, GPU),
        (("WARNING: infoROM is corrupted at gpu 0000:3b:00.0",), Sign.INFOROM, GPU),
        (("NVRM: GPU0 _kgspRpcRecvPoll: GSP RM heartbeat timed out",), Sign.FIRMWARE, ""),
        (
            ("NVRM: GPU0 _kgspIsHeartbeatTimedOut: Heartbeat timed out, currentTimeMs 322227881 heartbeat 0 timeout 5200",),
            *(Sign.FIRMWARE, ""),
        ),
        (
            ("NVRM: nvAssertOkFailedNoLog: Assertion failed: Reset required [NV_ERR_RESET_REQUIRED] (0x00000062) returned",),
            *(Sign.STUCK, ""),
        ),
        (("NVRM: GPU 0000:3b:00.0: GPU is probably locked!",), Sign.STUCK, GPU),
        (("NVRM: GPU0 _kgspRpcRecvPoll: Timeout after 45s of waiting for RPC response from GPU0 GSP!",), Sign.STUCK, ""),
        (("nvidia 0000:3b:00.0: AER: PCIe Bus Error: severity=Uncorrected (Fatal), type=Inaccessible",), Sign.PCIE, GPU),
        (("nvidia 0000:3b:00.0: PCIe Bus Error: severity=Uncorrectable (Fatal), type=Transaction Layer",), Sign.PCIE, GPU),
    ],
)
def test_a_fault_without_a_number(lines: tuple[str, ...], sign: Sign, pci: str) -> None:
    told = read("Linux version 6.8.0", *lines)
    (one,) = told.signs
    assert (one.sign, one.pci, one.count) == (sign, pci, 1)
    assert told.xids == ()


RECEIVED = "pcieport 0000:3a:00.0: AER: Uncorrected (Fatal) error received: 0000:3b:00.0"


@pytest.mark.parametrize(
    "line",
    [
        RECEIVED,
        "pcieport 0000:3a:00.0: AER: Multiple Uncorrected (Fatal) error received: 0000:3b:00.0",
        "pcieport 0000:3a:00.0: AER: Uncorrectable (Fatal) error message received from 0000:3b:00.0",
        "pcieport 0000:3a:00.0: DPC: containment event, status:0x1f01 source:0x3b00",
        "pcieport 0000:3a:00.0: DPC: containment event, status:0x1f05, ERR_FATAL received from 0000:3b:00.0",
    ],
)
def test_a_fatal_bus_error_is_a_gpu_s_if_its_address_is(line: str) -> None:
    """Mutation: the address is not compared, so that a disk's error makes the GPU's node RED."""
    assert read(line).signs == ()
    assert [one.sign for one in read(line, devices=(GPU,)).signs] == [Sign.PCIE]
    assert read(line, devices=("00000000:3c:00.0",)).signs == ()
    # The driver names the address elsewhere in the log, or the kernel did at boot, before the GPU was gone.
    assert len(read("nvidia 0000:3b:00.0: enabling device (0000 -> 0003)", line).signs) == 1
    assert len(read("pci 0000:3b:00.0: [10de:2330] type 00 class 0x030200 PCIe Endpoint", line).signs) == 1


@pytest.mark.parametrize(
    "line",
    [
        "pcieport 0000:3a:00.0: AER: Corrected error received: 0000:3b:00.0",
        "pcieport 0000:3a:00.0: AER: Uncorrected (Non-Fatal) error received: 0000:3b:00.0",
        "nvidia 0000:3b:00.0: AER: PCIe Bus Error: severity=Uncorrected (Non-Fatal), type=Transaction Layer",
        "NVRM: loading NVIDIA UNIX Open Kernel Module for x86_64  570.158.01",
        "NVRM: GPU 0000:3b:00.0: GPU is on Board 1234",
        "nvidia 0000:3b:00.0: vgaarb: VGA decodes changed: olddecodes=io+mem,decodes=none:owns=none",
        "mlx5_core 0000:ab:00.0: heartbeat timed out",
        "NVRM: A GPU crash dump has been created.",
        "NVRM: GPU0 nvAssertFailedNoLog: Assertion failed: (status == NV_OK) || (status == NV_ERR_RESET_REQUIRED) @ a.c:844",
        "NVRM: GPU0 nvCheckFailedNoLog: Check failed: (status == NV_OK) || (status == NV_ERR_GPU_IN_FULLCHIP_RESET)",
    ],
)
def test_what_is_no_fault(line: str) -> None:
    assert read(line, devices=(GPU,)) == Faults(xids=(), sxids=(), unclear=0, signs=())


@given(st.lists(st.text(max_size=80), max_size=5))
def test_any_text_is_read_without_an_error(lines: list[str]) -> None:
    for begin in ("NVRM: Xid (", "SXid (", "NVRM: The NVIDIA GPU ", "nvidia 0000:3b:00.0: AER: ", ""):
        told = read(*(begin + line for line in lines))
        assert told.unclear >= 0
