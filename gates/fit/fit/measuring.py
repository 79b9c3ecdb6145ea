"""The plan held against what was measured at the endpoint: memory of the GPU while it worked, and how many requests it
answered.
"""

from __future__ import annotations

from collections.abc import Iterator

from arcops.evidence import Evidence
from arcops.finding import Finding
from arcops.seen.fit import FitSeen, MeasuredModel
from arcops.seen.fit_wanted import WantedModel
from arcops.seen.inference_server import RoomKind
from gates.fit.fit.placing import Placed
from gates.fit.fit.policy import FitPolicy
from gates.fit.fit.rules import MEASURED
from gates.fit.fit.sizes import Span, gib, total


def measured_findings(body: FitSeen, placed: Placed | None, policy: FitPolicy, found: Evidence[FitSeen]) -> Iterator[Finding]:
    """Each model that names an endpoint, held against it; and those that name none."""
    said = {one.model: one for one in body.measured}
    without = [one.name for one in body.wanted.models if not one.endpoint]
    if without:
        text = f"{', '.join(without)}: predicted, and not measured, because no endpoint is named."
        yield MEASURED.passes(text, found) if policy.unmeasured else MEASURED.warns(text, found)
    for wanted in body.wanted.models:
        if not wanted.endpoint:
            continue
        one = said.get(wanted.name)
        if one is None or one.problem:
            why = one.problem if one is not None else "nothing was looked up"
            yield MEASURED.unknown(f"{wanted.name}: it is not known what was measured: {why}.", found, about=wanted.name)
        elif placed is None:
            yield MEASURED.unknown(f"{wanted.name}: without a placement there is nothing to compare.", found, about=wanted.name)
        else:
            yield _memory(wanted, one, placed, policy, found)
            yield _answered(wanted, one, found)


def _memory(wanted: WantedModel, one: MeasuredModel, placed: Placed, policy: FitPolicy, found: Evidence[FitSeen]) -> Finding:
    """Predicted and measured use of the devices that this model is on."""
    rooms = [room for room in one.rooms if room.kind is RoomKind.DEVICE]
    read = [(room.total, room.least) for room in rooms]
    if not rooms or any(whole is None or least is None for whole, least in read):
        why = next((room.said for room in rooms if room.said), "its machine's GPUs were not seen")
        text = f"{wanted.name}: {one.artifact} has no figure of the GPU's memory ({why})."
        return MEASURED.warns(text, found, about=wanted.name)
    devices = {device for copy, where in placed.copies if copy.model == wanted.name for device in where}
    used = sum((whole or 0) - (least or 0) for whole, least in read)
    expected = total(
        Span(placed.taken(device).least + device.reserved, placed.taken(device).most + device.reserved) for device in devices
    )
    many = f"{len(rooms)} GPU(s) there, {len(devices)} here"
    if len(rooms) != len(devices):
        text = (
            f"{wanted.name}: the GPUs that were measured are not those of the plan ({many}), so their memory is not compared."
        )
        return MEASURED.warns(text, found, about=wanted.name)
    off = expected.least - used if used < expected.least else max(0, used - expected.most)
    error = off * 1000 // used if used else 1000
    middle = abs(expected.least + expected.most - 2 * used) * 500 // used if used else 1000
    side = f"inside of it, {middle / 10:g} % from its middle" if not off else f"{error / 10:g} % outside of it"
    text = f"{wanted.name}: {gib(used)} were taken when it was measured, {expected} are predicted: {side} ({one.artifact})."
    if error <= policy.error * 10:
        return MEASURED.passes(text, found, about=wanted.name)
    return MEASURED.fails(text, found, about=wanted.name)


def _answered(wanted: WantedModel, one: MeasuredModel, found: Evidence[FitSeen]) -> Finding:
    """Did it answer as many requests at once as are wanted?"""
    whole = [run for run in one.runs if run.requests and run.whole == run.requests]
    most = max((run.concurrency for run in whole), default=0)
    broken = [run for run in one.runs if run.whole < run.requests and run.concurrency <= wanted.concurrency]
    if broken:
        run = broken[0]
        text = f"{wanted.name}: of {run.requests} requests at concurrency {run.concurrency}, {run.whole} got a whole answer"
        return MEASURED.fails(f"{text}, and {wanted.concurrency:,} at once are wanted.", found, about=wanted.name)
    text = (
        f"{wanted.name}: {most:,} requests at once were all answered when it was measured; {wanted.concurrency:,} are wanted."
    )
    return (
        MEASURED.passes(text, found, about=wanted.name)
        if most >= wanted.concurrency
        else MEASURED.warns(text, found, about=wanted.name)
    )
