"""NVIDIA's XID catalogue: every number, what it means, what NVIDIA says to do at once, and how grave ArcOps takes it.

The actions are facts of the catalogue; the words are ours. How grave a number is follows from its action: what needs a reset, a
restart of the machine, hands at the hardware or NVIDIA's support fails, because the GPU cannot serve until then. What only
needs the application again passes if the catalogue then looks for the fault in the application, and warns if it then asks for
support. What may be ignored warns, except numbers that an application, or a test of the board, causes. 157 and 161
are judged graver than their action, because nothing is left to repair with; numbers without an action by their meaning.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from arcops.finding import Outcome

CATALOGUE = "NVIDIA's XID catalogue as of 2025-10-29 (https://docs.nvidia.com/deploy/xid-errors/analyzing-xid-catalog.html)"
"""The source of the actions and its date; it has the numbers 1 to 172."""


class Action(Enum):
    """What the catalogue says to do at once. ``NONE``: it does not say, as for the newest numbers."""

    IGNORE = "IGNORE"
    RESTART_APP = "RESTART_APP"
    RESET_GPU = "RESET_GPU"
    RESTART_VM = "RESTART_VM"
    RESTART_BM = "RESTART_BM"
    CONTACT_SUPPORT = "CONTACT_SUPPORT"
    CHECK_MECHANICALS = "CHECK_MECHANICALS"
    CHECK_UVM = "CHECK_UVM"
    UPDATE_SWFW = "UPDATE_SWFW"
    AFTER_OTHERS = "WORKFLOW_XID_45"
    MEMORY = "WORKFLOW_XID_48"
    LINK = "WORKFLOW_NVLINK_ERR"
    LINK_5 = "WORKFLOW_NVLINK5_ERR"
    RECOVERY = "XID_154"
    NONE = ""


FIXES = {
    Action.IGNORE: "Nothing at once; if it repeats, ask NVIDIA's support.",
    Action.RESTART_APP: "Restart the application; if it repeats with others, drain the node and ask NVIDIA's support.",
    Action.RESET_GPU: "Drain the node and reset the GPU (nvidia-smi --gpu-reset); if it comes back, have the GPU replaced.",
    Action.RESTART_VM: "Restart the virtual machine.",
    Action.RESTART_BM: "Drain the node and restart the machine; if it comes back, have the GPU replaced.",
    Action.CONTACT_SUPPORT: "Drain the node and ask NVIDIA's support.",
    Action.CHECK_MECHANICALS: "Check the board's power cables and its seat.",
    Action.CHECK_UVM: "Read the messages of nvidia-uvm about the same time; if that has no messages, ask NVIDIA's support.",
    Action.UPDATE_SWFW: "Update the driver and the vGPU software, on host and guest.",
    Action.AFTER_OTHERS: "Follow the fault before it. If it is alone, and the program was not ended, restart fabric manager.",
    Action.MEMORY: "Drain the node and reset the GPU; then look at its spare rows and SRAM threshold.",
    Action.LINK: "Drain the node, reset the GPU, and check the link's other end: switch, bridge and fabric manager.",
    Action.LINK_5: "Drain the node, reset the GPU, and decode the message by the catalogue's sheet for XIDs 144 to 150.",
    Action.RECOVERY: "Do what the message says; 'nvidia-smi -q' shows it as 'GPU Recovery Action'.",
    Action.NONE: "Drain the node, and look the number up in NVIDIA's newest XID catalogue.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CataloguedXid:
    """One number. ``gravity`` is what it says about the device if the message itself does not say more."""

    number: int
    means: str
    action: Action
    gravity: Outcome


_PASS, _WARN, _FAIL = Outcome.PASS, Outcome.WARN, Outcome.FAIL
_UNUSED = (
    *(1, 2, 3, 4, 5, 6, 7, 9, 10, 12, *range(15, 25), 26, 27, 28, 29, 30, 33, 34, 35, 36, 42, 47, *range(49, 54), 55, 56, 57),
    *(58, 59, 61, 65, 73, 81, 87, 90, 91, *range(111, 119), *range(122, 126), 138),
)
"""Listed as unused, with the action CONTACT_SUPPORT: a driver that reports one means something that the catalogue does not."""

_ENGINES = {
    **{number: f"copy engine {number - 39}" for number in (39, 40, 41)},
    **{number: f"copy engine {number - 67}" for number in (70, 71, 72)},
    **{number: f"copy engine {number - 69}" for number in (75, 76, 77)},
    85: "copy engine 9",
    **{number: f"copy engine {number - 116}" for number in range(126, 136)},
    68: "video decoder 0",
    83: "video decoder 1",
    84: "video decoder 2",
    88: "video decoder 3",
    89: "video decoder 4",
    **{number: f"video decoder {number - 91}" for number in (96, 97, 98)},
    82: "JPEG decoder 0",
    **{number: f"JPEG decoder {number - 98}" for number in range(99, 106)},
    86: "optical-flow engine 0",
    139: "optical-flow engine 1",
}
"""Engines that report a fault of their own work; the action is RESTART_APP, and then CONTACT_SUPPORT."""

_OTHERS: tuple[tuple[int, Action, Outcome, str], ...] = (
    (8, Action.RESTART_APP, _WARN, "the GPU stopped processing an application's work"),
    (11, Action.RESTART_APP, _PASS, "invalid commands of an application"),
    (13, Action.RESTART_APP, _PASS, "graphics engine exception"),
    (14, Action.IGNORE, _WARN, "an unused number"),
    (25, Action.RESTART_APP, _PASS, "illegal commands of an application"),
    (31, Action.RESTART_APP, _PASS, "memory page fault of an application"),
    (32, Action.RESTART_APP, _PASS, "invalid commands of an application"),
    (37, Action.IGNORE, _PASS, "the GPU's firmware does not know a method that an application asked for"),
    (38, Action.IGNORE, _WARN, "the firmware's watchdog ran out"),
    (43, Action.IGNORE, _PASS, "an application's channel was reset"),
    (44, Action.IGNORE, _WARN, "graphics engine fault during a context switch"),
    (45, Action.AFTER_OTHERS, _PASS, "an application's channels were torn down"),
    (46, Action.RESET_GPU, _FAIL, "the GPU stopped processing"),
    (48, Action.MEMORY, _FAIL, "double-bit ECC error"),
    (54, Action.CHECK_MECHANICALS, _FAIL, "auxiliary power is not connected"),
    (60, Action.RESTART_APP, _WARN, "video processor exception"),
    (62, Action.RESET_GPU, _FAIL, "an internal micro-controller halted"),
    (63, Action.IGNORE, _WARN, "a memory row was remapped or a page retired"),
    (64, Action.RESET_GPU, _FAIL, "remapping a memory row or retiring a page failed"),
    (66, Action.IGNORE, _WARN, "illegal access by the driver"),
    (67, Action.IGNORE, _WARN, "illegal access by the driver"),
    (69, Action.RESTART_APP, _PASS, "graphics engine class error of an application"),
    (74, Action.LINK, _FAIL, "NVLink error"),
    (78, Action.UPDATE_SWFW, _FAIL, "a virtual GPU could not start"),
    (79, Action.RESTART_BM, _FAIL, "the GPU has fallen off the bus"),
    (80, Action.RESTART_APP, _WARN, "data that was sent to the GPU arrived corrupted"),
    (92, Action.IGNORE, _WARN, "many single-bit ECC errors"),
    (93, Action.IGNORE, _WARN, "the InfoROM was written more often than it is made for"),
    (94, Action.RESTART_APP, _WARN, "contained memory error"),
    (95, Action.RESET_GPU, _FAIL, "uncontained memory error"),
    (106, Action.IGNORE, _PASS, "a test message of the board's management bus"),
    (107, Action.IGNORE, _PASS, "a silent test message of the board's management bus"),
    (108, Action.IGNORE, _WARN, "an address of another GPU could not be translated"),
    (109, Action.RESET_GPU, _FAIL, "a context switch timed out"),
    (110, Action.RESET_GPU, _FAIL, "security fault"),
    (119, Action.RESET_GPU, _FAIL, "the GPU's system processor timed out"),
    (120, Action.RESET_GPU, _FAIL, "error of the GPU's system processor"),
    (121, Action.IGNORE, _WARN, "error of the link between processor and GPU (C2C)"),
    (136, Action.RESET_GPU, _FAIL, "an NVLink could not be trained"),
    (137, Action.IGNORE, _PASS, "an application's illegal access over NVLink"),
    (140, Action.RESET_GPU, _FAIL, "unrecovered ECC error"),
    (141, Action.IGNORE, _WARN, "error of CUDA's fast path"),
    (142, Action.CONTACT_SUPPORT, _FAIL, "error of video encoder 3"),
    (143, Action.RESET_GPU, _FAIL, "the GPU could not be initialised"),
    (144, Action.LINK_5, _FAIL, "NVLink error (SAW)"),
    (145, Action.LINK_5, _FAIL, "NVLink error (RLW)"),
    (146, Action.LINK_5, _FAIL, "NVLink error (TLW)"),
    (147, Action.LINK_5, _FAIL, "NVLink error (TREX)"),
    (148, Action.LINK_5, _FAIL, "NVLink error (NVLPW_CTRL)"),
    (149, Action.LINK_5, _FAIL, "NVLink error (NETIR)"),
    (150, Action.LINK_5, _FAIL, "NVLink error (MSE)"),
    (151, Action.RESTART_VM, _FAIL, "the rotation of keys failed"),
    (152, Action.IGNORE, _WARN, "memory error of the deep-learning accelerator"),
    (153, Action.IGNORE, _WARN, "the deep-learning accelerator timed out"),
    (154, Action.RECOVERY, _FAIL, "the GPU asks for a recovery"),
    (155, Action.RESET_GPU, _FAIL, "NVLink error that software defines"),
    (156, Action.RESET_GPU, _FAIL, "a part of the GPU was retired"),
    (157, Action.IGNORE, _FAIL, "a part of the GPU could not be retired"),
    (158, Action.RESET_GPU, _FAIL, "fatal timeout of the GPU"),
    (159, Action.CHECK_UVM, _FAIL, "error of the coherent link (CHI)"),
    (160, Action.IGNORE, _WARN, "a memory channel was retired"),
    (161, Action.IGNORE, _FAIL, "a memory channel could not be retired"),
    (162, Action.NONE, _WARN, "power smoothing works again"),
    (163, Action.NONE, _WARN, "power smoothing was switched off"),
    (164, Action.NONE, _WARN, "power smoothing is near the end of its life"),
    (165, Action.NONE, _WARN, "power smoothing is at the end of its life"),
    (166, Action.NONE, _FAIL, "traffic on an NVLink that was not yet encrypted"),
    (167, Action.NONE, _FAIL, "fatal timeout of PCIe"),
    (168, Action.NONE, _FAIL, "errors in protected memory, so there is less of it"),
    (169, Action.NONE, _FAIL, "the security micro-controller halted"),
    (170, Action.NONE, _FAIL, "error of an encrypted NVLink"),
    (171, Action.NONE, _FAIL, "uncorrectable DRAM error"),
    (172, Action.NONE, _FAIL, "uncorrectable SRAM error"),
)

_BY_NUMBER = {
    one.number: one
    for one in (
        *(CataloguedXid(number=n, means="an unused number", action=Action.CONTACT_SUPPORT, gravity=_FAIL) for n in _UNUSED),
        *(
            CataloguedXid(number=number, means=f"error of {engine}", action=Action.RESTART_APP, gravity=_WARN)
            for number, engine in _ENGINES.items()
        ),
        *(
            CataloguedXid(number=number, means=means, action=action, gravity=gravity)
            for number, action, gravity, means in _OTHERS
        ),
    )
}


def catalogued(number: int) -> CataloguedXid | None:
    """What the catalogue says about XID *number*, or ``None`` if it does not have it."""
    return _BY_NUMBER.get(number)


def all_catalogued() -> tuple[CataloguedXid, ...]:
    """Every number of the catalogue, in order."""
    return tuple(_BY_NUMBER[number] for number in sorted(_BY_NUMBER))
