"""Faults in the kernel's messages: read from its buffer or the journal; if they cannot be seen, that is not 'no fault'."""

from __future__ import annotations

import importlib
import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from arcops.evidence import Cause, Evidence, Missing
from arcops.finding import Outcome
from arcops.seen.gpu_log import GpuLog, LogSource, Sign
from arcops.verdict import Verdict
from artifacts.wire import from_json, to_json
from flows.runners.looking import Found, look
from tasks.gpu.gpu_log import kernel_log
from tests.gpu import bad, check_here, folder, outcome, plan
from tests.simulators.nvml import Driver

pytestmark = pytest.mark.requirement("ARC-C1/kernel-messages-are-read")

BOOTED = "Linux version 6.8.0-45-generic"
CALM = "6,0,0,-;Linux version 6.8.0-45-generic"


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Driver:
    made = folder(tmp_path)
    made.write()
    for name, value in made.environment().items():
        monkeypatch.setenv(name, value)
    return made


def seen(node: Driver) -> Found:
    return look(kernel_log, plan(node).request, {})  # type: ignore[arg-type]  # of its own body


def log(node: Driver) -> GpuLog:
    found = seen(node)
    assert isinstance(found, Evidence), found
    assert isinstance(found.body, GpuLog)
    return found.body


def kmsg(node: Driver) -> Path:
    return node.folder / "dev" / "kmsg"


def forbid(wanted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let *wanted* not be opened, not even by root, which tests may run as."""
    opened = os.open

    def forbidden(path: str | bytes | Path, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if os.fsdecode(path) == str(wanted):
            raise PermissionError(1, "Operation not permitted")
        return opened(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", forbidden)


FAULTS = [
    # A message of the kernel, the rule that it breaks, how, and a part of what is said.
    (
        "NVRM: Xid (PCI:0000:3b:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.",
        "boot",
        Outcome.FAIL,
        "XID 79",
    ),
    ("NVRM: Xid (PCI:0000:3B:00.0): 48, pid=1, DBE (double bit error)", "boot", Outcome.FAIL, "GPU 00000000:3b:00.0"),
    ("NVRM: Xid (0000:3b:00): 95, Uncontained", "boot", Outcome.FAIL, "XID 95"),
    (
        "NVRM: Xid (PCI:0000:3b:00): 64, Row Remapper Error: All reserved rows for bank are remapped",
        "boot",
        Outcome.FAIL,
        "XID 64",
    ),
    ("NVRM: Xid (PCI:0000:3b:00): 74, NVLink: fatal error detected on link 2", "boot", Outcome.FAIL, "XID 74"),
    ("NVRM: Xid (PCI:0000:3b:00): 119, Timeout waiting for RPC from GSP!", "boot", Outcome.FAIL, "XID 119"),
    ("NVRM: Xid (PCI:0000:3b:00): 120, GSP Error", "boot", Outcome.FAIL, "XID 120"),
    ("NVRM: Xid (PCI:0000:3b:00): 140, Unrecovered ECC", "boot", Outcome.FAIL, "XID 140"),
    ("NVRM: Xid (PCI:0000:3b:00): 63, Row Remapper: New row marked", "boot", Outcome.WARN, "XID 63"),
    ("NVRM: Xid (PCI:0000:3b:00): 94, Contained ECC error", "boot", Outcome.WARN, "XID 94"),
    ("NVRM: Xid (PCI:0000:3b:00): 999, Something new", "boot", Outcome.WARN, "XID 999"),
    ("NVRM: Xid (PCI:0000:3b:00): 149, NETIR_LINK_EVT Fatal XC0 i0 Link 00 (0x1)", "boot", Outcome.FAIL, "(fatal)"),
    ("NVRM: Xid (PCI:0000:3b:00): 145, RLW_RXPIPE Nonfatal XC0 i0 Link 13 (0x1)", "boot", Outcome.WARN, "XID 145"),
    ("nvidia-nvswitch0: SXid (PCI:0000:c2:00.0): 20034, Fatal, Link 28 LTSSM Fault Up", "boot", Outcome.FAIL, "SXid 20034"),
    ("nvidia-nvswitch0: SXid (PCI:0000:c2:00.0): 19084, Non-fatal, Link 29 AN1 Heartbeat", "boot", Outcome.WARN, "SXid 19084"),
    ("NVRM: Xid (PCI:0000:3b:00 GPU-I:05): 95, Uncontained", "boot", Outcome.FAIL, "00000000:3b:00.0 GPU-I:05"),
    ("NVRM: Xid (PCI:0000:3b:00 GPU-I:05): 94, Contained", "boot", Outcome.WARN, "XID 94"),
    ("NVRM: Xid (PCI:0000:3b:00): 62, 323f0f30 0000c3d8", "boot", Outcome.FAIL, "XID 62"),
    ("NVRM: Xid (PCI:0000:3b:00): 109, pid=7, Ch 00000008, CTX SWITCH TIMEOUT", "boot", Outcome.FAIL, "XID 109"),
    ("NVRM: Xid (PCI:0000:3b:00): 136, Link training failed", "boot", Outcome.FAIL, "XID 136"),
    (
        "NVRM: Xid (PCI:0000:3b:00): 154, GPU recovery action changed from 0x0 (None) to 0x2 (Node Reboot Required)",
        *("boot", Outcome.FAIL, "Node Reboot Required"),
    ),
    ("NVRM: Xid (PCI:0000:3b:00): 45, pid=7, Ch 00000008 caused by previous Xid 79", "boot", Outcome.FAIL, "XID 79"),
    ("NVRM: GPU 0000:3b:00.0: GPU has fallen off the bus.", "boot", Outcome.FAIL, "fallen off the bus"),
    ("NVRM: GPU 0000:3b:00.0: RmInitAdapter failed! (0x24:0x65:1185)", "boot", Outcome.FAIL, "could not be initialised"),
    (
        "pcieport 0000:3a:00.0: AER: Uncorrected (Fatal) error received: 0000:3b:00.0",
        *("boot", Outcome.FAIL, "fatal PCIe error"),
    ),
    ("pci 0000:5e:00.0: [10de:2330] type 00 class 0x030200 PCIe Endpoint", "boot", Outcome.FAIL, "is not there any more"),
    ("NVRM: Xid: the words of some later driver", "whole", Outcome.UNKNOWN, "1 message(s)"),
    ("nvidia-nvswitch0: SXid (PCI:0000:c2:00.0): garbled", "whole", Outcome.UNKNOWN, "1 message(s)"),
]


@pytest.mark.parametrize(("line", "rule", "expected", "says"), FAULTS, ids=[fault[0][:60] for fault in FAULTS])
def test_each_message_turns_the_node(
    node: Driver, monkeypatch: pytest.MonkeyPatch, line: str, rule: str, expected: Outcome, says: str
) -> None:
    node.log = [BOOTED, "usb 1-1: new device", line]
    report, _ = check_here(node, monkeypatch)
    assert outcome(report, f"gpu-xids/{rule}") is expected, bad(report)
    assert says in bad(report)[f"gpu-xids/{rule}"]
    assert list(bad(report)) == [f"gpu-xids/{rule}"]
    assert report.verdict is (Verdict.AMBER if expected is Outcome.WARN else Verdict.RED)


def test_an_application_s_own_fault_says_nothing_of_the_gpu(node: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    node.log = [BOOTED, "NVRM: Xid (PCI:0000:3b:00): 31, pid=7, name=python3, MMU Fault"]
    assert check_here(node, monkeypatch)[0].verdict is Verdict.GREEN


@pytest.mark.parametrize(
    "line",
    [
        "NVRM: Xid (PCI:0000:3b:00 GPU-I:05): 31, pid=7, name=python3, MMU Fault",
        "NVRM: Xid (PCI:0000:3b:00): 154, GPU recovery action changed from 0x1 (GPU Reset Required) to 0x0 (None)",
        "pcieport 0000:00:01.0: AER: Uncorrected (Fatal) error received: 0000:07:00.0",  # of a disk
        "pci 0000:3b:00.0: [10de:2330] type 00 class 0x030200 PCIe Endpoint",  # which is still there
    ],
)
def test_what_is_no_fault_of_a_gpu(node: Driver, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    node.log = [BOOTED, line]
    report, _ = check_here(node, monkeypatch)
    assert report.verdict is Verdict.GREEN, bad(report)


def test_a_gpu_that_the_driver_made_and_took_away_again_is_not_lost(node: Driver) -> None:
    """A virtual GPU is listed after the driver began, and may go again."""
    made = "pci 0000:3b:00.4: [10de:2330] type 00 class 0x030200"
    node.log = [BOOTED, "NVRM: loading NVIDIA UNIX Open Kernel Module for x86_64  580.95.05", made]
    node.write()
    assert log(node).gone == ()


def test_what_programs_write_into_the_buffer_is_not_the_kernel_s(node: Driver) -> None:
    """Its facility is not 0: <syslog.h>. Mutation: the record's first number is not read."""
    fallen = "NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus."
    kmsg(node).write_text(f"{CALM}\n14,1,5,-;{fallen}\n30,2,6,-;{fallen}\n")
    assert log(node).xids == ()
    kmsg(node).write_text(f"{CALM}\n7,1,5,-;{fallen}\n")
    assert [one.xid for one in log(node).xids] == [79]


def test_one_record_of_three_lines_is_read_as_three(node: Driver) -> None:
    text = "NVRM: The NVIDIA GPU 0000:3b:00.0\\x0aNVRM: (PCI ID: 10de:26b5) installed in this system has"
    kmsg(node).write_text(f"{CALM}\n3,1,5,-;{text}\\x0aNVRM: fallen off the bus and is not responding to commands.\n")
    (one,) = log(node).signs
    assert (one.sign, one.pci) == (Sign.FALLEN, "00000000:3b:00.0")


def test_the_details_of_a_switch_are_no_faults_of_their_own(node: Driver) -> None:
    node.log = [
        BOOTED,
        "nvidia-nvswitch3: SXid (PCI:0000:04:00.0): 22013, Data {0x0000002b, 0x0000002b}",
        "nvidia-nvswitch3: SXid (PCI:0000:04:00.0): 22013, Non-fatal, Link 44 Minion Link DLREQ interrupt",
        "nvidia-nvswitch3: SXid (PCI:0000:04:00.0): 22013, Severity 0 Engine instance 44 Sub-engine instance 00",
    ]
    node.write()
    assert [(one.sxid, one.count) for one in log(node).sxids] == [(22013, 1)]
    assert log(node).unclear == 0


def test_a_fault_that_repeats_is_counted_and_one_that_turns_fatal_is_told_apart(node: Driver) -> None:
    mild, grave = (f"nvidia-nvswitch0: SXid (PCI:0000:c2:00.0): 20009, {how}, Link 28" for how in ("Non-fatal", "Fatal"))
    node.log = [BOOTED, mild, mild, grave]
    node.write()
    assert [(one.fatal, one.count, one.seconds) for one in log(node).sxids] == [(False, 2, 2), (True, 1, 3)]


def test_a_log_that_tells_of_faults_crosses_the_wire_unchanged(node: Driver) -> None:
    node.log = [BOOTED, *(fault[0] for fault in FAULTS)]
    node.write()
    assert from_json(GpuLog, json.dumps(to_json(log(node)))) == log(node)


def test_a_buffer_that_lost_its_beginning_is_not_whole(node: Driver) -> None:
    kmsg(node).write_text("6,4711,900000000,-;usb 1-1: new device\n")
    assert log(node).since_boot is False


def test_what_the_buffer_forgot_turns_the_node_red(node: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Driver.write

    def forgetful(self: Driver) -> None:
        write(self)
        kmsg(self).write_text("6,4711,900000000,-;usb 1-1: new device\n")

    monkeypatch.setattr(Driver, "write", forgetful)
    report, _ = check_here(node, monkeypatch)
    assert list(bad(report)) == ["gpu-xids/whole"]
    assert report.verdict is Verdict.RED


def test_continued_and_strange_records_do_not_hide_a_fault(node: Driver) -> None:
    kmsg(node).write_bytes(
        f"{CALM}\n SUBSYSTEM=pci\n6,1,5,c;\\xff\\xfe\n".encode()
        + b"\xff\xfe no record at all\n"
        + b"3,2,90000000,-,caller=T1;NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus.\n"
    )
    (fault,) = log(node).xids
    assert (fault.xid, fault.seconds) == (79, 90)


class TestUnseen:
    """What may not or cannot be read is missing, so RED: an empty answer proves nothing."""

    def refused(self, node: Driver) -> str:
        found = seen(node)
        assert isinstance(found, Missing)
        assert found.cause is Cause.REFUSED
        return found.reason

    def test_messages_that_may_not_be_read(self, node: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
        forbid(kmsg(node), monkeypatch)
        assert "Operation not permitted" in self.refused(node)
        report, _ = check_here(node, monkeypatch)
        assert list(bad(report)) == ["gpu-xids/judged"]
        assert report.verdict is Verdict.RED

    def test_no_messages_at_all(self, node: Driver) -> None:
        kmsg(node).write_text("")
        assert "empty" in self.refused(node)

    def test_no_buffer(self, node: Driver) -> None:
        kmsg(node).unlink()
        assert "No such file" in self.refused(node)

    def test_a_pipe_in_its_place_is_not_waited_for(self, node: Driver) -> None:
        kmsg(node).unlink()
        os.mkfifo(kmsg(node))
        assert "not the kernel's message buffer" in self.refused(node)

    def test_messages_without_end(self, node: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(importlib.import_module("tasks.gpu.gpu_log"), "_MOST", 10_000)
        kmsg(node).write_text(f"{CALM}\n" * 20_000)
        assert "larger than the limit" in self.refused(node)


class TestJournal:
    """If the buffer may not be read, the journal of this boot may be; a small program replaces journalctl here."""

    @pytest.fixture
    def journal(self, node: Driver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
        entries = tmp_path / "entries"
        program = tmp_path / "bin" / "journalctl"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\n[ "$1 $2" = "-k -b" ] || exit 9\nexec cat {entries}\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
        forbid(Path("/dev/kmsg"), monkeypatch)
        return entries

    def seen(self, node: Driver) -> Found:
        asked = replace(plan(node).request, target=Path("/"))
        return look(kernel_log, asked, {})  # type: ignore[arg-type]  # of its own body

    def entry(self, message: object, seconds: int, facility: str = "0") -> str:
        told = {"MESSAGE": message, "SYSLOG_FACILITY": facility, "_SOURCE_MONOTONIC_TIMESTAMP": str(seconds * 1_000_000)}
        return json.dumps(told) + "\n"

    def beside(self, buffer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let /dev/kmsg hold *buffer*."""
        held = tmp_path / "held"
        held.write_text(buffer)
        opened = os.open

        def other(path: str | bytes | Path, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
            return opened(held if os.fsdecode(path) == "/dev/kmsg" else path, flags, mode, dir_fd=dir_fd)

        monkeypatch.setattr(os, "open", other)

    def body(self, node: Driver) -> GpuLog:
        found = self.seen(node)
        assert isinstance(found, Evidence), found
        assert isinstance(found.body, GpuLog)
        return found.body

    FELL = "NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus."
    HALTED = "NVRM: Xid (PCI:0000:3b:00): 62, 323f0f30"

    def test_what_the_buffer_has_dropped_is_read_from_the_journal(
        self, node: Driver, journal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each message counts once, although both hold some. Mutations: the buffer alone; each source's own count."""
        self.beside(f"4,7,90000000,-;{self.FELL}\n4,8,95000000,-;{self.HALTED}\n", tmp_path, monkeypatch)
        journal.write_text(self.entry(BOOTED, 0) + self.entry(self.FELL, 30) + self.entry(self.FELL, 90))
        body = self.body(node)
        assert body.source is LogSource.BOTH
        assert body.since_boot
        assert [(one.xid, one.count, one.seconds) for one in body.xids] == [(62, 1, 95), (79, 2, 90)]

    @pytest.mark.parametrize("missed", ["begin", "middle"])
    def test_a_journal_with_a_gap_does_not_complete_the_buffer(
        self, node: Driver, journal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missed: str
    ) -> None:
        self.beside("6,7,90000000,-;usb 1-1: new device\n", tmp_path, monkeypatch)
        first = "usb 1-1: new device" if missed == "begin" else BOOTED
        journal.write_text(self.entry(first, 0) + self.entry("Missed 42 kernel messages", 30) + self.entry("x", 90))
        body = self.body(node)
        assert body.source is LogSource.BUFFER
        assert not body.since_boot

    def test_what_programs_write_is_not_the_kernel_s(self, node: Driver, journal: Path) -> None:
        journal.write_text(self.entry(BOOTED, 0) + self.entry(self.FELL, 90, facility="3"))
        assert self.body(node).xids == ()

    def test_faults_are_read_from_it(self, node: Driver, journal: Path) -> None:
        fallen = list(b"NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen \xff off the bus.")  # as journalctl writes such bytes
        journal.write_text(self.entry(BOOTED, 0) + self.entry(fallen, 90))
        found = self.seen(node)
        assert isinstance(found, Evidence), found
        assert isinstance(found.body, GpuLog)
        assert found.body.source is LogSource.JOURNAL
        assert found.body.since_boot
        assert [(one.xid, one.seconds) for one in found.body.xids] == [(79, 90)]

    def test_a_journal_that_begins_later_is_not_whole(self, node: Driver, journal: Path) -> None:
        journal.write_text(self.entry("usb 1-1: new device", 90))
        found = self.seen(node)
        assert isinstance(found, Evidence)
        assert isinstance(found.body, GpuLog)
        assert not found.body.since_boot

    @pytest.mark.parametrize("text", ["", "No journal files were found.\n"])
    def test_a_journal_that_holds_nothing_or_is_no_json_is_missing(self, node: Driver, journal: Path, text: str) -> None:
        journal.write_text(text)
        assert isinstance(self.seen(node), Missing)
