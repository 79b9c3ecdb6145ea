"""Collect what a machine can do: drills on its processor or its GPUs, in sessions, beside a canary."""

from tasks.bench.collecting import benchmark
from tasks.bench.known import baselines

__all__ = ["baselines", "benchmark"]
