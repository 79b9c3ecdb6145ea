"""Part of gate `inference`: can agents use the model's calls of tools?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from arcops.evidence import Evidence
from arcops.finding import Finding, Rule
from arcops.seen.inference import Inference
from arcops.seen.inference_tools import PLANNED_TRIALS, ToolProblem
from gates.breach import weighed
from gates.inference.inference.policy import InferencePolicy
from gates.words import shown

TOOLS = Rule(
    id="inference/tools",
    asks="If it was asked for: does every model call tools validly, one and two at once, streamed and not, and the same twice?",
    fix="Use a model and a chat template made for tools, and turn on the server's parser for them.",
)


def called(found: Evidence[Inference], policy: InferencePolicy) -> Iterator[Finding]:
    body = found.body
    if not body.load.tools:
        text = "Calls of tools were not asked for (--tools)"
        if policy.need_tools:
            yield TOOLS.unknown(f"{text}, and the policy needs them.", found)
        else:
            yield TOOLS.passes(f"{text}, and the policy does not need them.", found)
        return
    for model in body.load.models:
        yield _of_model(found, model, policy)


def _of_model(found: Evidence[Inference], model: str, policy: InferencePolicy) -> Finding:
    trials = [one for one in found.body.tools if one.model == model]
    others = [one.removeprefix(f"{model}: ") for one in found.body.offers if one.startswith(f"{model}: ")]
    beside = f" Beside text: {', '.join(others)}." if others else ""
    bad = Counter((one.title, one.problem) for one in trials if one.problem is not ToolProblem.NONE)
    if bad:
        kinds = "; ".join(f"{title}: {problem.value} ({count} of 2)" for (title, problem), count in bad.items())
        said = next((one.said for one in trials if one.said), "")
        text = f"{shown(model)} cannot be used with tools: {kinds}{f' ({shown(said)})' if said else ''}.{beside}"
        return TOOLS.fails(text, found, about=model)
    if len(trials) < PLANNED_TRIALS:
        text = f"{len(trials)} of {PLANNED_TRIALS} requests with tools to {shown(model)} had ended when the time was over."
        return TOOLS.unknown(text, found, about=model)
    seen: dict[str, set[str]] = {}
    for one in trials:
        seen.setdefault(one.title, set()).add(one.calls)
    unlike = [title for title, calls in seen.items() if len(calls) > 1]
    if unlike:
        text = f"{shown(model)} made different calls of tools for the same request: {', '.join(unlike)}.{beside}"
        return weighed(TOOLS, policy.determinism, text, found, about=model)
    text = f"{shown(model)} called tools validly in all {len(trials)} requests, and the same twice.{beside}"
    return TOOLS.passes(text, found, about=model)
