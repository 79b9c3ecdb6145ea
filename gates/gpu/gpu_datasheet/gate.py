"""Does every GPU reach enough of the figures in its vendor's data sheet?

Why: a baseline that was measured on an unhealthy machine hides the same fault in all machines like it. A data sheet does not.

Judged: the rates of device memory and of matrix products against the figures in the profile of the device's kind
(`policies/skus`), by the 95 percent interval over sessions: RED if even its good end is below the first share of the policy,
AMBER if its bad end is below the second. If cuBLASLt is absent, ArcOps's own kernels make the products. These are not compared
with a data sheet, and the finding says so.

Fix: Check clocks, power, cooling and other load; measure again. A device that stays below is faulty, or configured to be slow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from arcops.control import nist, soc
from arcops.errors import Refused
from arcops.evidence import Evidence, Seen
from arcops.finding import Finding, Rule
from arcops.gate import gate
from arcops.seen.benchmark import Benchmark, Measured
from arcops.seen.gpu_profile import DatasheetFigure, GpuProfiles, Profile
from arcops.subjects.gpu import Node
from arcops.zones import LEAST_SESSIONS, PPM, against
from gates.breach import Weight
from gates.gpu.words import label, percent, rate, weighed
from gates.words import shown

FLOOR = Rule(
    id="gpu-datasheet/floor",
    asks="Does every figure reach enough of the vendor's data sheet?",
    fix="Check clocks, power limit, cooling and other load on the device; then measure again, or have it replaced.",
)
PROFILE = Rule(
    id="gpu-datasheet/profile",
    asks="Is there a profile with the vendor's figures for every device?",
    fix="Write a profile for the device with a source for every figure (policies/skus), and propose it.",
)

_MEMORY = ("memory-copy", "memory-triad")
_PRODUCT, _OWN = "gemm-", "-own"


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuDatasheetPolicy:
    """In percent of the vendor's figure: a memory rate below ``red_below`` fails, below ``amber_below`` warns. For products of
    matrices, the two that begin with ``arithmetic`` count. ``own_kernels`` is for products that cuBLASLt did not make,
    ``no_figure`` for a measurement that the profile has no figure for.
    """

    red_below: int = 70
    amber_below: int = 85
    arithmetic_red_below: int = 70
    arithmetic_amber_below: int = 85
    own_kernels: Weight = Weight.WARN
    no_figure: Weight = Weight.WARN

    def __post_init__(self) -> None:
        for red, amber in ((self.red_below, self.amber_below), (self.arithmetic_red_below, self.arithmetic_amber_below)):
            if not 1 <= red <= amber <= 100:
                raise Refused(f"the policy of gate 'gpu-datasheet' is red below {red} and amber below {amber}; use 1 to 100")


@gate(
    "gpu-datasheet",
    judges=(Node,),
    needs=(Benchmark, GpuProfiles),
    policy=GpuDatasheetPolicy,
    rules=(PROFILE, FLOOR),
    speaks_to=nist("CP-2(2)") + soc("A1.1"),
)
def gpu_datasheet(seen: Seen, policy: GpuDatasheetPolicy) -> Iterator[Finding]:
    found, shipped = seen[Benchmark], seen[GpuProfiles]
    profiles: dict[str, Profile] = {}
    unknown = False
    for machine in found.body.machines:
        if ">" in machine.device:
            continue
        profile = next((one for one in shipped.body.profiles if machine.model in one.names), None)
        if profile is None:
            unknown = True
            text = f"There is no profile of {shown(machine.model)}, so its vendor's figures are unknown."
            yield PROFILE.unknown(text, found, shipped, about=shown(machine.device))
        else:
            profiles[machine.device] = profile
    if not profiles and not unknown:
        yield PROFILE.unknown(f"{found.body.said or 'No GPU was measured'}.", found, shipped)
    elif not unknown:
        kinds = ", ".join(sorted({profile.sku for profile in profiles.values()}))
        yield PROFILE.passes(f"The devices are judged by the data sheets of {kinds}.", found, shipped)
    judged = 0
    for figure in found.body.figures:
        profile = profiles.get(figure.device)
        if profile is not None and (figure.name in _MEMORY or figure.name.startswith(_PRODUCT)):
            judged += 1
            yield _judged(figure, profile, found, shipped, policy)
    if not judged:
        yield FLOOR.unknown(f"{found.body.said or 'Nothing was measured that a data sheet has a figure for'}.", found, shipped)


def _judged(
    figure: Measured,
    profile: Profile,
    found: Evidence[Benchmark],
    shipped: Evidence[GpuProfiles],
    policy: GpuDatasheetPolicy,
) -> Finding:
    about, memory = label(figure), figure.name in _MEMORY
    precision = figure.name.removeprefix(_PRODUCT)
    if precision.endswith(_OWN):
        text = (
            f"{about} was measured with ArcOps's own kernels, because cuBLASLt is absent; a data sheet does not apply to them."
        )
        return weighed(FLOOR, policy.own_kernels, text, found, about=about)
    told = dict(profile.figures()).get("bandwidth" if memory else precision)
    if not isinstance(told, DatasheetFigure) or not told.value:
        text = f"The profile of {profile.sku} has no figure for {shown(figure.name)}."
        if not figure.sessions:
            return FLOOR.passes(f"{text} It was not measured, either.", found, shipped, about=about)
        return weighed(FLOOR, policy.no_figure, text, found, about=about)
    if figure.said or len(figure.sessions) < LEAST_SESSIONS:
        text = f"{about} is {rate(told.value, figure.unit)} by the data sheet, but was not measured: {shown(figure.said)}."
        return FLOOR.unknown(text, found, shipped, about=about)
    red, amber = (
        (policy.red_below, policy.amber_below) if memory else (policy.arithmetic_red_below, policy.arithmetic_amber_below)
    )
    interval = against(figure.times, max(1, figure.work * 10**9 // told.value))
    share = percent(PPM * PPM // interval.ratio)
    sheet = f"the {rate(told.value, figure.unit)} of {profile.sku}'s data sheet"
    text = f"{about}: {rate(figure.rate or 0, figure.unit)}, {share} of {sheet}"
    if interval.low * red > PPM * 100:
        return FLOOR.fails(f"{text}; it must reach {red} %.", found, shipped, about=about)
    if interval.high * amber > PPM * 100:
        return FLOOR.warns(f"{text}; it is not certain that it reaches {amber} %.", found, shipped, about=about)
    return FLOOR.passes(f"{text}.", found, shipped, about=about)
