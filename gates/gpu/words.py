"""How the benchmark gates show figures to people."""

from __future__ import annotations

from arcops.evidence import Evidence
from arcops.finding import Finding, Rule
from arcops.seen.baseline import Baselines
from arcops.seen.benchmark import Benchmark, Measured, Unit
from arcops.zones import PPM, Interval
from gates import breach
from gates.breach import Weight
from gates.words import shown

_PREFIXES = ("", "k", "M", "G", "T", "P")


def label(figure: Measured) -> str:
    """A figure and its device, by which a waiver names it."""
    return shown(f"{figure.name} on {figure.device}")


def rate(value: int, unit: Unit) -> str:
    """``4.2 TB/s`` or ``989.0 TFLOP/s``."""
    thousands = min(len(_PREFIXES) - 1, (len(str(value)) - 1) // 3)
    tenths = value * 10 // 1000**thousands
    return f"{tenths // 10}.{tenths % 10} {_PREFIXES[thousands]}{'B/s' if unit is Unit.BYTES else 'FLOP/s'}"


def percent(ratio: int) -> str:
    """Millionths of 1 as ``104.2 %``."""
    tenths = (ratio * 1000 + PPM // 2) // PPM
    return f"{tenths // 10}.{tenths % 10} %"


def said(interval: Interval) -> str:
    """The ratio with its interval."""
    return f"{percent(interval.ratio)} (95 % interval {percent(interval.low)} to {percent(interval.high)})"


def weighed(rule: Rule, weight: Weight, text: str, *cites: Evidence[Benchmark] | Evidence[Baselines], about: str) -> Finding:
    """A finding of *rule* as grave as *weight* says. If it passes, it says that the policy allows it."""
    passing = " The policy allows it." if weight is Weight.PASS else ""
    return breach.weighed(rule, weight, f"{text}{passing}", *cites, about=about)
