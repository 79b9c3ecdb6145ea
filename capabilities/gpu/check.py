"""Check the GPUs of this machine."""

from __future__ import annotations

from dataclasses import dataclass

from arcops.subjects.gpu import Node
from capabilities.contract import Scope, tool
from capabilities.judging import Judged, judged
from flows.place import Place
from flows.subjects.gpu import GPU_VALIDATION


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckGpus(Node):
    """By which policy to judge the GPUs here."""

    policy: str = "gpu"
    """The name of a registered policy, or its digest (sha256:…); on one's own command line also a file."""


# Not ``deployed``: that would judge the worker's machine, but the caller means this one. The flow ``gpu-validation`` does that.
@tool(title="Check the GPUs of this node", scope=Scope.CHECK, usual=True, long=True)
def check_gpus(ask: CheckGpus, at: Place) -> Judged:
    """Judge every GPU of this machine, and keep a signed artifact of the verdict: GREEN, AMBER or RED.

    It asks NVIDIA's driver about identity, memory errors, spare rows, heat, clocks, power, links and modes, twice, and watches
    for faults meanwhile. It reads the kernel's messages for faults since boot. A signal that could not be read is RED. A
    machine without a GPU is BLOCKED and RED.
    """
    return judged(GPU_VALIDATION, ask, ask.policy, at)
