"""Evaluations of a *model*."""

from __future__ import annotations

from arcops.judgeable import Judgeable
from arcops.subjects.model import Model
from flows.subjects.evaluation import Evaluation

READINESS = Evaluation(
    flow="readiness",
    subject=Model,
    judging=(Judgeable,),
    doc="Judge a model by every gate that the policy names, whatever evidence it needs.",
)
SUPPLY_CHAIN = Evaluation(
    flow="supply-chain",
    subject=Model,
    doc="Judge what a model is, who signed it, what it is made of, and what is known against it.",
)
