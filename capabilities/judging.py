"""What every check of a subject shares: its answer, the judging here, and the answer from a worker of Prefect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from arcops.errors import Refused
from arcops.evidence import Body, Evidence
from arcops.judgeable import Judgeable
from arcops.late_dataclass import dataclass
from arcops.policy import Policy
from arcops.result import Report
from capabilities.contract import Deployed, Left
from flows.place import Place, bounded
from flows.subjects.evaluation import Evaluation
from flows.subjects.meaning import called, meant


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What was found, and the digest of the signed artifact that says so."""

    report: Report
    artifact: str
    """The digest under which the store keeps the sealed report."""


def judged(
    what: Evaluation,
    subject: Judgeable,
    policy: str | Policy,
    at: Place,
    *,
    runner: str = "",
    seen: Evidence[Body] | None = None,
) -> Judged:
    """Judge *subject* here; *runner* is who does it, if the artifact is to say. *seen* was collected a moment ago and is not
    collected again. Raises as `flows.evaluate.evaluate` does.
    """
    from flows.evaluate import evaluate  # not for a check at another server

    sealed = evaluate(what, subject, policy, at, runner=runner, seen=seen)
    return Judged(report=sealed.report, artifact=sealed.digest)


def as_judged(ask: Any, report: Report, artifact: str, at: Place) -> Judged:
    """The answer of a check that has no more fields."""
    return Judged(report=report, artifact=artifact)


def deployed(
    what: Evaluation,
    answer: Callable[[Any, Report, str, Place], Any] = as_judged,
    *,
    refuse: Callable[[Any], None] = lambda ask: None,
) -> Deployed[Any, Any]:
    """How a worker answers a check by *what*: the check's ask is a subject, and names a ``policy``.

    *answer* makes the answer from the report that the run left. *refuse* raises what a worker would raise, so that the caller
    is told at once.
    """

    def parameters(ask: Any, at: Place) -> Mapping[str, object]:
        policy = worker_policy(ask.policy, at)
        told = what.told(bounded(ask, at))
        refuse(ask)
        meant(ask, replace(at, elsewhere=True))
        return {**told, "policy": policy}

    def answered(ask: Any, left: Left, at: Place) -> Any:
        from capabilities.kept import left_about  # opens artifacts of other runs; a check here makes its own

        name = called(ask, at)
        return answer(ask, left_about(left, at, what=what, name=name.name, kind=ask.kind), left.artifact, at)

    return Deployed(name=f"{what.flow}/{what.flow}", parameters=parameters, answer=answered)


def worker_policy(policy: str, at: Place) -> str:
    """*policy* for a worker: by its digest, so that the worker judges by the policy that was meant.

    Raises `Refused` as `Place.policy` does, and if it is not registered: a worker takes only registered policies.
    """
    from flows.policies.registered import registered_policy

    found = at.policy(policy)
    try:
        return registered_policy(found.digest, at.settings.policies).digest
    except Refused as error:
        raise Refused(
            f"policy {found.name!r} ({found.digest}) is not registered, and workers judge by registered policies alone; "
            f"'arcops policy register {policy}' registers it ({error})"
        ) from error


def judging_policy(report: Report, at: Place) -> Policy | None:
    """The policy that judged *report*, from the store by the digest in the report; ``None`` if it could not be read then."""
    from capabilities.kept import kept_bytes
    from flows.policies.reading import parse_policy
    from flows.policies.unread import NOTHING

    if report.policy_digest == NOTHING:
        return None
    return parse_policy(kept_bytes(report.policy_digest, at), where=report.policy_digest, as_then=True)
