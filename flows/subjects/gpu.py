"""Evaluations of a node: the machine that the flow runs on."""

from __future__ import annotations

from dataclasses import replace

from arcops.errors import Refused
from arcops.exercise import FOR_A_BASELINE, Exercise
from arcops.policy import Policy
from arcops.subjects.gpu import ExercisedNode, Node
from arcops.zones import LEAST_SESSIONS
from artifacts.beneath import is_file
from flows.place import Place
from flows.subjects.evaluation import Evaluation
from flows.subjects.meaning import ROOT, Meant, beside, means, this_machine

GPU_VALIDATION = Evaluation(flow="gpu-validation", subject=Node, doc="Judge whether the GPUs of this node are fit to serve.")
GPU_BENCHMARK = Evaluation(
    flow="gpu-benchmark",
    subject=ExercisedNode,
    fixed=(("cpu", False),),
    doc="Judge whether the GPUs of this node calculate correctly, and as fast as they should.",
)
NODE_BENCHMARK = Evaluation(
    flow="node-benchmark",
    subject=ExercisedNode,
    policy="cpu-bench",
    fixed=(("cpu", True),),
    doc="Judge whether the processor of a node without a GPU calculates correctly, and as fast as it should.",
)


@means(ExercisedNode)
def exercised(node: ExercisedNode, at: Place) -> Meant:
    """This machine, and its exercise. Raises `Refused` for a baseline that is not a file, and for an impossible exercise."""
    exercise = Exercise(
        cpu=node.cpu,
        least=node.least or (LEAST_SESSIONS if node.baseline else FOR_A_BASELINE),
        most=node.most,
        tolerance=node.tolerance,
        sustained=node.sustained_s * 1_000_000,
        budget=node.budget_s * 1_000_000,
        seed=node.seed,
        size=node.size,
        fresh=True,
    )
    if node.baseline is not None and not is_file(node.baseline, at.within):
        raise Refused(f"{node.baseline} is not a file; give a baseline that 'arcops gpu baseline' made")
    return Meant(target=ROOT, named=this_machine(), attached=beside(node, at), exercise=exercise)


def as_strict(asked: Exercise, policy: Policy) -> Exercise:
    """*asked* with the tolerance of *policy* if that is stricter, and with the policy's drift.

    They decide when enough was measured.
    """
    from gates.gpu.benchmark.policy import BenchmarkPolicy  # only a benchmark needs it

    judged = policy.gates.get("benchmark")
    if not isinstance(judged, BenchmarkPolicy):
        return asked
    return replace(asked, tolerance=min(asked.tolerance, judged.tolerance), drift=judged.most_drift)
