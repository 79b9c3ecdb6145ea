"""The figures of every GPU here, against floors computed from bytes and operations and the vendor's published speeds.

    python benches/gpu.py [--required] [--size THOUSANDTHS]

Without a GPU it says so; with --required that is an error. Wrong results are an error always.
"""

from __future__ import annotations

import argparse
import statistics
import sys

from arcops.errors import ArcOpsError
from arcops.exercise import Exercise
from arcops.seen.benchmark import Unit
from arcops.seen.gpu_profile import DatasheetFigure, Profile
from tasks.gpu.bench.cuda import gpus
from tasks.gpu.bench.drills import Device, Drill
from tasks.gpu.gpu_profiles import shipped_profiles

SAMPLES = 5
RED, AMBER = 70, 85
"""Percent of the published speed; below this, a policy reports it."""
AIMS = {"memory-copy": 88, "gemm-bf16": 75}
"""The percentage that is our aim on an H200."""


def published(profile: Profile | None, drill: Drill) -> DatasheetFigure | None:
    """The speed that *profile* gives for what *drill* measures; our own kernels are compared with it, too."""
    if profile is None:
        return None
    if drill.name.startswith("memory-"):
        return profile.bandwidth
    name = drill.name.removeprefix("gemm-").removesuffix("-own")
    found = getattr(profile, name, None) if drill.name.startswith("gemm-") else None
    return found if isinstance(found, DatasheetFigure) else None


def told(drill: Drill, profile: Profile | None) -> tuple[str, int]:
    """A line on *drill*, and how many results were wrong."""
    if drill.absent:
        return f"  {drill.name:28} absent: {drill.absent}", 0
    took = statistics.median_low(list(drill.time(SAMPLES)))
    rate = drill.work * 1e9 / took
    unit = "GB/s" if drill.unit is Unit.BYTES else "GFLOP/s"
    line = f"  {drill.name:28} {drill.work:>16,} in {took / 1e6:9.3f} ms = {rate / 1e9:12,.1f} {unit}"
    figure = published(profile, drill)
    if figure is not None:
        percent = 100 * rate / figure.value
        colour = "RED" if percent < RED else "AMBER" if percent < AMBER else "GREEN"
        line += f"  {percent:5.1f} % of {figure.value / 1e9:,.0f} (floor {drill.work * 1e3 / figure.value:.3f} ms, {colour})"
        aim = AIMS.get(drill.name)
        line += f"  aim {aim} %: {'met' if percent >= aim else 'MISSED'}" if aim else ""
    wrong = 0
    if drill.check is not None:
        found = drill.check()
        wrong = found.wrong
        line += f"  {'right' if not wrong else f'WRONG: {wrong} of {found.compared}'}"
    return line, wrong


def measure(device: Device, profiles: dict[str, Profile], sustained: int) -> int:
    machine = device.machine
    print(f"{machine.device} {machine.model}\n  {machine.software}")
    wrong = 0
    for drill in (device.canary(), *device.drills()):
        line, more = told(drill, profiles.get(machine.model))
        print(line, flush=True)
        wrong += more
    moments = list(device.sustain(sustained)) if ">" not in machine.device else []
    if moments:
        first, last = moments[0], moments[-1]
        print(
            f"  kept up for {last.at / 1e6:.1f} s: a round took {first.took / 1e6:.1f} ms, at the end {last.took / 1e6:.1f} ms"
        )
        print(f"  at the end: {last.clock} MHz, {last.celsius} °C, {last.power} mW, {last.reasons}")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--required", action="store_true")
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--sustained", type=int, default=10_000_000, help="microseconds")
    asked = parser.parse_args()
    try:
        devices = gpus(Exercise(size=asked.size))
    except ArcOpsError as error:
        print(f"no GPU was measured: {error}")
        return 1 if asked.required else 0
    profiles = {name: profile for profile, _ in shipped_profiles() for name in profile.names}
    try:
        wrong = sum(measure(device, profiles, asked.sustained) for device in devices)
    finally:
        for device in devices:
            device.close()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
