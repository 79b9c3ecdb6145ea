"""The GPUs of this machine as devices of the benchmark. Nothing of NVIDIA's is imported before they are asked for."""

from __future__ import annotations

from collections.abc import Sequence

from arcops.exercise import Exercise
from tasks.gpu.bench.drills import Device


def gpus(exercise: Exercise) -> Sequence[Device]:
    """Every GPU that this process may use, then every pair of them; opened, and the caller closes each.

    Raises `Refused` where the extra ``gpu`` is not installed, or there is no driver, no device or no permission; `Unavailable`
    where the driver answers with an error that may pass.
    """
    from tasks.gpu.bench.cuda.opening import opened

    return opened(exercise)
