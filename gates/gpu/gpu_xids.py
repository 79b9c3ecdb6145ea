"""Did the driver report no fault of a GPU (XID) since the node was booted, and none while the check ran?

Why: If a GPU falls off the bus, runs out of spare memory rows or loses a link, the kernel reports it once, and the GPU may look
healthy again a minute later. NVIDIA numbers these messages (XID) and documents what each means.

Judged: every XID in the kernel's messages since boot, and every XID that the driver reported during the check, by the lists of
the policy: some are hardware faults and fail, some are warnings, some are errors of an application and say nothing about the
device. A number in no list is a warning, and fails if the message itself calls it fatal. Faults of NVLink switches (SXids) fail
if the message calls them fatal; the others warn. If the messages cannot be read, or do not reach back to the boot, the result
is UNKNOWN.

Fix: Follow NVIDIA's XID catalogue for the number: usually, drain the node and reset the GPU. After repeated faults, run
NVIDIA's field diagnosis and have the GPU replaced. The messages are those of this boot, so a reboot after the repair clears the
finding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from arcops.control import nist, soc
from arcops.errors import Refused
from arcops.evidence import Evidence, Seen
from arcops.finding import Finding, Outcome, Rule
from arcops.gate import Example, gate
from arcops.seen.gpu import FaultEvent, FaultKind, Gpus, Unread
from arcops.seen.gpu_log import GpuLog, LogSource, SxidLogged, XidLogged
from arcops.subjects.gpu import Node
from arcops.verdict import Verdict
from gates.breach import Weight, doubted
from gates.gpu.healthy import healthy
from gates.listing import capped

BOOT = Rule(
    id="gpu-xids/boot",
    asks="Are the kernel's messages since boot free of GPU faults?",
    fix="Drain the node, look up the number in NVIDIA's XID catalogue, reset or replace the GPU, and reboot.",
)
WHOLE = Rule(
    id="gpu-xids/whole",
    asks="Do the kernel's messages reach back to the boot, and are all of them understood?",
    fix="Keep the journal of the boot (journald, Storage=persistent), or set a larger kernel buffer (log_buf_len), and reboot.",
)
RUN = Rule(
    id="gpu-xids/run",
    asks="Did the check run without a reported GPU fault?",
    fix="Drain the node, look up the number in NVIDIA's XID catalogue, and reset or replace the GPU.",
)

# What NVIDIA's XID catalogue says about these numbers, in a few words, for the finding.
_MEANINGS = {
    13: "graphics engine exception",
    31: "memory page fault of an application",
    43: "an application's channel was reset",
    45: "an application's channels were torn down",
    46: "the GPU stopped processing",
    48: "double-bit ECC error",
    63: "a memory row was remapped or a page retired",
    64: "remapping a memory row or retiring a page failed",
    74: "NVLink error",
    79: "the GPU has fallen off the bus",
    94: "contained memory error",
    95: "uncontained memory error",
    119: "the GPU's system processor timed out",
    120: "error of the GPU's system processor",
    140: "unrecovered ECC error",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuXidsPolicy:
    """``fail`` and ``warn`` are XID numbers; ``application`` are those that an application's own error causes, which pass. A
    number in none of them is a warning. ``quiet_sxids`` are faults of switches that pass unless they are fatal. ``forgotten``
    says how grave it is that the messages do not reach back to the boot.
    """

    fail: tuple[int, ...] = (46, 48, 64, 74, 79, 95, 119, 120, 140)
    warn: tuple[int, ...] = (63, 94)
    application: tuple[int, ...] = (13, 31, 43, 45)
    quiet_sxids: tuple[int, ...] = ()
    forgotten: Weight = Weight.FAIL

    def __post_init__(self) -> None:
        named = (*self.fail, *self.warn, *self.application)
        twice = sorted({xid for xid in named if named.count(xid) > 1})
        if twice:
            raise Refused(f"the policy of gate 'gpu-xids' names XID {twice[0]} more than once; decide for one list")


def examples() -> Iterator[Example[GpuXidsPolicy]]:
    calm = GpuLog(source=LogSource.BUFFER, since_boot=True, xids=(), sxids=(), unclear=0)
    gpus, _ = healthy()

    def xid(number: int, text: str, *, fatal: bool = False) -> XidLogged:
        return XidLogged(pci="00000000:3b:00.0", xid=number, fatal=fatal, count=2, seconds=90, text=text)

    def sxid(*, fatal: bool) -> SxidLogged:
        return SxidLogged(pci="00000000:c1:00.0", sxid=20034, fatal=fatal, count=1, seconds=90, text="Link 28 LTSSM Fault Up")

    def example(name: str, verdict: Verdict, log: GpuLog, seen: Gpus = gpus) -> Example[GpuXidsPolicy]:
        return Example(name=name, verdict=verdict, evidence=(log, seen), policy=GpuXidsPolicy())

    def said(*xids: XidLogged) -> GpuLog:
        return replace(calm, xids=xids)

    yield example("No fault since boot", Verdict.GREEN, calm)
    yield example("An application's page fault", Verdict.GREEN, said(xid(31, "MMU Fault")))
    yield example("A memory row was remapped", Verdict.AMBER, said(xid(63, "Row remapper: new row marked for remapping")))
    yield example("The GPU fell off the bus an hour ago", Verdict.RED, said(xid(79, "GPU has fallen off the bus.")))
    yield example("A fault in no list that calls itself fatal", Verdict.RED, said(xid(149, "NETIR Fatal XC0", fatal=True)))
    yield example("A switch reports a fault that is not fatal", Verdict.AMBER, replace(calm, sxids=(sxid(fatal=False),)))
    yield example("A switch reports a fatal fault", Verdict.RED, replace(calm, sxids=(sxid(fatal=True),)))
    yield example("The kernel no longer has the messages of the boot", Verdict.RED, replace(calm, since_boot=False))
    yield example("A message about a fault that ArcOps cannot read", Verdict.RED, replace(calm, unclear=1))
    event = FaultEvent(pci="00000000:3b:00.0", kind=FaultKind.XID, xid=95)
    yield example("An uncontained memory error during the check", Verdict.RED, calm, replace(gpus, events=(event,)))


@gate(
    "gpu-xids",
    judges=(Node,),
    needs=(GpuLog,),
    wants=(Gpus,),
    policy=GpuXidsPolicy,
    rules=(BOOT, WHOLE, RUN),
    examples=examples,
    speaks_to=nist("SI-4", "SI-13") + soc("CC7.2"),
)
def gpu_xids(seen: Seen, policy: GpuXidsPolicy) -> Iterator[Finding]:
    log, gpus = seen[GpuLog], seen.get(Gpus)
    yield from capped(_boot(log, policy), rest="There are {count} more faults since boot.")
    yield from _whole(log, policy)
    if gpus is None:
        yield RUN.unknown("No GPU could be read, so faults during the check were not seen.", log)
    else:
        yield from capped(_run(gpus, policy), rest="There are {count} more faults during the check.")


def _outcome(xid: int, policy: GpuXidsPolicy, *, fatal: bool = False) -> Outcome:
    if xid in policy.fail:
        return Outcome.FAIL
    if xid in policy.application:
        return Outcome.PASS
    return Outcome.FAIL if fatal and xid not in policy.warn else Outcome.WARN


def _named(xid: int) -> str:
    return f"XID {xid} ({_MEANINGS[xid]})" if xid in _MEANINGS else f"XID {xid}"


def _boot(log: Evidence[GpuLog], policy: GpuXidsPolicy) -> Iterator[Finding]:
    quiet = True
    for fault, name, about, outcome in _faults(log.body, policy):
        if outcome is Outcome.PASS:
            continue
        quiet = False
        times = "once" if fault.count == 1 else f"{fault.count} times"
        text = f"{name}{' (fatal)' if fault.fatal else ''} {times} since boot, the last time {fault.seconds} s after boot."
        say = BOOT.fails if outcome is Outcome.FAIL else BOOT.warns
        yield say(text, log, about=about)
    if quiet:
        others = sum(fault.count for fault in log.body.xids)
        beside = f"; {others} error(s) of applications" if others else ""
        yield BOOT.passes(f"The {log.body.source.value} reports no GPU fault{beside}.", log)


def _faults(log: GpuLog, policy: GpuXidsPolicy) -> Iterator[tuple[XidLogged | SxidLogged, str, str, Outcome]]:
    """Each fault, its text, what it is about, and how grave it is."""
    for xid in log.xids:
        name, about = f"GPU {xid.pci} reported {_named(xid.xid)}", f"XID {xid.xid} of {xid.pci}"
        yield xid, name, about, _outcome(xid.xid, policy, fatal=xid.fatal)
    for sxid in log.sxids:
        mild = Outcome.PASS if sxid.sxid in policy.quiet_sxids else Outcome.WARN
        name, about = f"NVLink switch {sxid.pci} reported SXid {sxid.sxid}", f"SXid {sxid.sxid} of {sxid.pci}"
        yield sxid, name, about, Outcome.FAIL if sxid.fatal else mild


def _whole(log: Evidence[GpuLog], policy: GpuXidsPolicy) -> Iterator[Finding]:
    if log.body.unclear:
        yield WHOLE.unknown(f"{log.body.unclear} message(s) report a fault in a form that ArcOps cannot read.", log)
    if log.body.since_boot:
        if not log.body.unclear:
            yield WHOLE.passes(f"The {log.body.source.value} reaches back to the boot.", log)
        return
    text = f"The {log.body.source.value} does not reach back to the boot, so older faults may be missing."
    if policy.forgotten is not Weight.PASS or not log.body.unclear:
        yield doubted(WHOLE, policy.forgotten, text, log)


def _run(gpus: Evidence[Gpus], policy: GpuXidsPolicy) -> Iterator[Finding]:
    watched = gpus.body.watched
    if isinstance(watched, Unread):
        yield RUN.unknown(f"Faults during the check could not be watched: {watched.said}.", gpus)
    quiet = not isinstance(watched, Unread)
    for event in gpus.body.events:
        of_xid = event.kind is FaultKind.XID
        outcome = _outcome(event.xid, policy) if of_xid else Outcome.FAIL
        if outcome is Outcome.PASS:
            continue
        quiet = False
        place = "a GPU that is gone" if isinstance(event.pci, Unread) else f"GPU {event.pci}"
        text = f"The driver reported {_named(event.xid) if of_xid else event.kind.value} of {place} during the check."
        about = f"XID {event.xid} of {place}" if of_xid else f"{event.kind.value} of {place}"
        yield RUN.fails(text, gpus, about=about) if outcome is Outcome.FAIL else RUN.warns(text, gpus, about=about)
    if quiet:
        yield RUN.passes("No fault was reported during the check.", gpus)
