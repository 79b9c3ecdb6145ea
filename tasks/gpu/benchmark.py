"""The collector: open the devices, let them do their drills, and say what came of it."""

from __future__ import annotations

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


# A process of its own, for a driver that hangs takes along whoever called it, and a busy neighbour would be measured. It waits
# for those who ask the driver about health, lest their questions be measured, too.
@collector(
    "benchmark",
    Benchmark,
    version="1",
    wants=(Baselines, Gpus, GpuProfiles),
    deadline=timedelta(minutes=70),
    isolated=True,
    follows=True,
    measures=True,
    takes=("bench",),
    bounds=node_bounds,
)
def benchmark(request: Request, seen: Seen) -> Sighting[Benchmark]:
    """What the GPUs of this machine do, or its processors. Raises `Refused` where the request asks for no exercise."""
    exercise = request.exercise
    if exercise is None:
        raise Refused(f"a {request.kind} is not asked for any exercise; benchmark a node with 'arcops gpu bench'")
    given = seen.get(Baselines)
    try:
        devices = _devices(exercise)
    except (Refused, Unavailable) as error:
        return Sighting(body=_nothing(exercise, f"BLOCKED: {error}"))
    try:
        known = given.body.baseline if given is not None else None
        made = Sessions(devices, exercise, known, lambda: request.progress(0, 0))
        return Sighting(body=made.run())
    except (Refused, Unavailable) as error:
        return Sighting(body=_nothing(exercise, f"the devices could not be used: {error}"))
    finally:
        for device in devices:
            device.close()


def _devices(exercise: Exercise) -> Sequence[Device]:
    """Opened here, and not where this is imported: what drives the devices is heavy, and may not be installed."""
    if exercise.cpu:
        from tasks.gpu.bench.cpu import processors

        return processors(exercise)
    from tasks.gpu.bench.cuda import gpus

    devices = gpus(exercise)
    if not devices:
        raise Refused("there is no GPU that can be measured; say --cpu for a node without one")
    return devices


def _nothing(exercise: Exercise, said: str) -> Benchmark:
    return Benchmark(exercise=exercise, machines=(), figures=(), sustained=(), decided=False, said=said)
