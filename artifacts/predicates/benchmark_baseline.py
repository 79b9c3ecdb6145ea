"""The benchmark baseline: the figures that later runs of the same exercise are compared with."""

from __future__ import annotations

from arcops.seen.baseline import Baseline
from artifacts.baseline import BASELINE, baseline_from
from artifacts.predicate import Predicate

BENCHMARK_BASELINE = Predicate(
    uri=BASELINE,
    title="ArcOps benchmark baseline, version 1: an in-toto Statement v1",
    holds=Baseline,
    read=baseline_from,
    published=True,
)
