"""Collect what a machine can do: drills on its processor or its GPUs, in sessions, beside a canary."""

from tasks.gpu.benchmark import benchmark
from tasks.gpu.benchmark_baseline import baselines

__all__ = ["baselines", "benchmark"]
