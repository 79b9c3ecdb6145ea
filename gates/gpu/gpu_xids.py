"""Did the driver report no fault of a GPU (XID) since the node was booted, and none while the check ran?

Why: If a GPU falls off the bus, runs out of spare memory rows or loses a link, the kernel reports it once, and the GPU may look
healthy again a minute later. NVIDIA numbers these messages (XID) and documents what each means.

Judged: every XID in the kernel's messages since boot, and every XID that the driver reported during the check, by NVIDIA's XID
catalogue and the policy's own lists. Hardware faults fail, some are warnings, some are errors of an application and say nothing
about the device. A number in neither is a warning, and fails if the message itself calls it fatal. The NVLink errors 144 to 150
warn if the message calls them not fatal; 154 counts by the recovery that it asks for. If a message names an earlier XID as its
cause, that counts too. Lost or broken devices are also reported without a number: fallen off the bus, not initialised, no
heartbeat, corrupted InfoROM, a fatal PCIe error of a GPU's own address; these fail, and so does a GPU that the kernel found at
boot and that is gone from the bus. Faults of NVLink switches (SXids) fail if the message calls them fatal; the others warn. If
the messages cannot be read, or do not reach back to the boot, the result is UNKNOWN.

Fix: Do what the finding says: it is the immediate action of NVIDIA's catalogue for the number. After repeated faults, run
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
from arcops.seen.gpu_log import GpuLog, LogSource, Sign, SignLogged, SxidLogged, XidLogged
from arcops.subjects.gpu import Node
from arcops.verdict import Verdict
from gates.breach import Weight, doubted
from gates.gpu.healthy import healthy
from gates.gpu.xid_catalogue import CATALOGUE, FIXES, Action, catalogued
from gates.listing import capped
from gates.words import shown

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

_GONE_FIX = "Look for the GPU in the kernel's messages (dmesg); restart the machine, and reseat or replace the GPU."
_SIGN_FIXES = {
    Sign.INFOROM: "Restart the machine; if it stays, have the GPU replaced.",
    Sign.PCIE: "Drain the node, restart the machine, and reseat the GPU or its riser; if it comes back, have it replaced.",
}
_NO_RECOVERY = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuXidsPolicy:
    """``fail`` and ``warn`` are XIDs that are judged so, whatever NVIDIA's catalogue and the message say. ``application`` are
    those that an application's own error causes, and test messages: they pass, and no others do. ``quiet_sxids`` are faults of
    switches that pass unless they are fatal. ``forgotten`` says how grave it is that the messages do not reach back to the
    boot.
    """

    fail: tuple[int, ...] = ()
    warn: tuple[int, ...] = ()
    application: tuple[int, ...] = (11, 13, 25, 31, 32, 37, 43, 45, 69, 106, 107, 137)
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
    yield example("A micro-controller of the GPU halted", Verdict.RED, said(xid(62, "323f0f30 0000c3d8")))
    yield example("A new number that calls itself fatal", Verdict.RED, said(xid(900, "Fatal", fatal=True)))
    yield example("An NVLink error that is not fatal", Verdict.AMBER, said(replace(xid(145, "RLW Nonfatal"), mild=True)))
    recovered = replace(xid(154, "GPU recovery action changed from 0x1 (GPU Reset Required) to 0x0 (None)"), recovery="None")
    yield example("The GPU needs no recovery any more", Verdict.GREEN, said(recovered))
    yield example("The GPU needs a reset", Verdict.RED, said(replace(recovered, recovery="GPU Reset Required")))
    fallen = SignLogged(pci="00000000:3b:00.0", sign=Sign.FALLEN, count=1, seconds=90, text="GPU has fallen off the bus.")
    yield example("A GPU fell off the bus, and no XID says so", Verdict.RED, replace(calm, signs=(fallen,)))
    yield example("A GPU that was there at boot is gone", Verdict.RED, replace(calm, gone=("00000000:5e:00.0",)))
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


def _outcome(xid: int, policy: GpuXidsPolicy, logged: XidLogged | None = None) -> Outcome:
    """By the policy's lists, else by the catalogue and what the message says itself."""
    for numbers, decided in ((policy.fail, Outcome.FAIL), (policy.warn, Outcome.WARN), (policy.application, Outcome.PASS)):
        if xid in numbers:
            return decided
    known = catalogued(xid)
    if known is None:
        return Outcome.FAIL if logged is not None and logged.fatal else Outcome.WARN
    if logged is not None:
        if known.action is Action.RECOVERY:
            return Outcome.PASS if logged.recovery.lower() == _NO_RECOVERY else Outcome.FAIL
        if known.action is Action.LINK_5:
            return Outcome.WARN if logged.mild else Outcome.FAIL
    return Outcome.WARN if known.gravity is Outcome.PASS else known.gravity


def _named(xid: int) -> str:
    known = catalogued(xid)
    return f"XID {xid} ({known.means})" if known else f"XID {xid}"


def _fix(xid: int) -> str:
    known = catalogued(xid)
    if known is None:
        return f"Look the number up: {CATALOGUE} does not have it."
    return f"{FIXES[known.action]} ({CATALOGUE}: {known.action.value or 'no action'}.)"


def _boot(log: Evidence[GpuLog], policy: GpuXidsPolicy) -> Iterator[Finding]:
    quiet = True
    for fault in _faults(log.body, policy):
        if fault.outcome is Outcome.PASS:
            continue
        quiet = False
        times = "once" if fault.count == 1 else f"{fault.count} times"
        text = f"{fault.text} {times} since boot, the last time {fault.seconds} s after boot."
        say = BOOT.fails if fault.outcome is Outcome.FAIL else BOOT.warns
        yield say(text, log, about=fault.about, fix=fault.fix)
    for pci in log.body.gone:
        quiet = False
        text = f"GPU {pci} was on the PCI bus at boot, and is not there any more."
        yield BOOT.fails(text, log, about=f"GPU {pci}", fix=_GONE_FIX)
    if quiet:
        others = sum(fault.count for fault in log.body.xids)
        beside = f"; {others} error(s) of applications" if others else ""
        yield BOOT.passes(f"The {log.body.source.value} reports no GPU fault{beside}.", log)


@dataclass(frozen=True, slots=True, kw_only=True)
class _JudgedFault:
    text: str
    about: str
    outcome: Outcome
    count: int
    seconds: int
    fix: str


def _faults(log: GpuLog, policy: GpuXidsPolicy) -> Iterator[_JudgedFault]:
    for xid in log.xids:
        place = f"{xid.pci} {xid.instance}".strip()
        text = f"GPU {place} reported {_named(xid.xid)}{' (fatal)' if xid.fatal else ''}{_beside(xid)}"
        yield _JudgedFault(
            text=text,
            about=f"XID {xid.xid} of {place}",
            outcome=_outcome(xid.xid, policy, xid),
            count=xid.count,
            seconds=xid.seconds,
            fix=_fix(xid.xid),
        )
    for sxid in log.sxids:
        mild = Outcome.PASS if sxid.sxid in policy.quiet_sxids else Outcome.WARN
        yield _JudgedFault(
            text=f"NVLink switch {sxid.pci} reported SXid {sxid.sxid}{' (fatal)' if sxid.fatal else ''}",
            about=f"SXid {sxid.sxid} of {sxid.pci}",
            outcome=Outcome.FAIL if sxid.fatal else mild,
            count=sxid.count,
            seconds=sxid.seconds,
            fix=BOOT.fix,
        )
    for sign in log.signs:
        who = f"GPU {sign.pci}" if sign.pci else "a GPU"
        yield _JudgedFault(
            text=f"The kernel said of {who}: {sign.sign.value} ({shown(sign.text)}),",
            about=f"{who}: {sign.sign.value}",
            outcome=Outcome.FAIL,
            count=sign.count,
            seconds=sign.seconds,
            fix=_SIGN_FIXES.get(sign.sign, FIXES[Action.RESTART_BM]),
        )


def _beside(xid: XidLogged) -> str:
    """What the message adds to the number."""
    if xid.told:
        return " as the cause of another fault"
    known = catalogued(xid.xid)
    if known is not None and known.action is Action.RECOVERY:
        return f": {shown(xid.recovery or 'the message does not say which')}"
    return ""


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
        say = RUN.fails if outcome is Outcome.FAIL else RUN.warns
        yield say(text, gpus, about=about, fix=_fix(event.xid) if of_xid else RUN.fix)
    if quiet:
        yield RUN.passes("No fault was reported during the check.", gpus)
