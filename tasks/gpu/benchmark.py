"""The collector: opens the devices, runs their drills, and reports the results."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta

from arcops.collector import collector
from arcops.errors import Refused, Unavailable
from arcops.evidence import Seen, Sighting
from arcops.exercise import Exercise
from arcops.request import Request
from arcops.seen.baseline import Baselines
from arcops.seen.benchmark import Benchmark
from arcops.seen.gpu import Gpus
from arcops.seen.gpu_profile import GpuProfiles
from tasks.gpu.bench.drills import Device
from tasks.gpu.bench.sessions import Sessions
from tasks.gpu.gpu_driver import node_bounds


# It runs in a process of its own, a new one for each session (`Exercise.fresh`): a driver that hangs also hangs its caller,
# other load in the process would be measured, and all sessions of one process share what that process happened to get. It runs
# after the collectors that ask the driver about health, so that their calls are not measured, too.
@collector(
    "benchmark",
    Benchmark,
    version="2",
    wants=(Baselines, Gpus, GpuProfiles),
    deadline=timedelta(minutes=70),
    isolated=True,
    follows=True,
    measures=True,
    takes=("bench",),
    bounds=node_bounds,
    again=lambda body: body.unfinished,
)
def benchmark(request: Request, seen: Seen) -> Sighting[Benchmark]:
    """The speed of this machine's GPUs or processors. Raises `Refused` if the request asks for no exercise."""
    exercise = request.exercise
    if exercise is None:
        raise Refused(f"a {request.kind} cannot be benchmarked; benchmark a node with 'arcops gpu bench'")
    given, begun = seen.get(Baselines), time.monotonic()
    try:
        devices = _devices(exercise)
    except (Refused, Unavailable) as error:
        return Sighting(body=_nothing(exercise, f"BLOCKED: {error}"))
    try:
        known = given.body.baseline if given is not None else None
        before = seen.get(Benchmark)
        so_far = before.body if before is not None else None
        made = Sessions(devices, exercise, known, lambda: request.progress(0, 0), before=so_far, begun=begun)
        return Sighting(body=made.run())
    except (Refused, Unavailable) as error:
        return Sighting(body=_nothing(exercise, f"the devices cannot be used: {error}"))
    finally:
        for device in devices:
            device.close()


def _devices(exercise: Exercise) -> Sequence[Device]:
    """Imported here, not at the top of the file: the libraries for the devices are large, and may not be installed."""
    if exercise.cpu:
        from tasks.gpu.bench.cpu import processors

        return processors(exercise)
    from tasks.gpu.bench.cuda import gpus

    devices = gpus(exercise)
    if not devices:
        raise Refused("no GPU was found that can be measured; use --cpu on a node without a GPU")
    return devices


def _nothing(exercise: Exercise, said: str) -> Benchmark:
    return Benchmark(exercise=exercise, machines=(), figures=(), sustained=(), decided=False, said=said)
