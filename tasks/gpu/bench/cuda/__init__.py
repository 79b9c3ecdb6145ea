"""The GPUs of this machine as devices of the benchmark. NVIDIA's packages are not imported before the devices are listed."""

from __future__ import annotations

from collections.abc import Sequence

from arcops.exercise import Exercise
from tasks.gpu.bench.drills import Device


def gpus(exercise: Exercise) -> Sequence[Device]:
    """Every GPU that this process may use, then every pair of them; opened, and the caller closes each.

    Raises `Refused` if the extra ``gpu`` is not installed, or if there is no driver, no device or no permission; `Unavailable`
    if the driver answers with an error that may be temporary.
    """
    from tasks.gpu.bench.cuda.opening import opened

    return opened(exercise)
