"""The check of a subject that has no capability of its own. It is made from the subject's class; no code is needed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field, make_dataclass
from functools import cache
from typing import Any

from arcops.asks import said
from arcops.judgeable import Judgeable, about, all_judgeables
from capabilities.contract import Scope, Tool, tool
from capabilities.judging import Judged, deployed, judged
from flows.place import Place
from flows.subjects.evaluation import Evaluation, all_evaluations

_POLICY = "The name of a registered policy, or its digest (sha256:…); on one's own command line also a file."


def generic_checks(known: Iterable[Tool[Any, Any]]) -> tuple[Tool[Any, Any], ...]:
    """One check for each subject that has a title and that none of the *known* capabilities checks."""
    asked = [one.ask for one in known]
    alone = [one for one in all_judgeables() if about(one).title and not any(issubclass(ask, one) for ask in asked)]
    return tuple(_check(one) for one in alone)  # type: ignore[arg-type]  # classes are hashable; mypy does not believe it


@cache
def _check(subject: type[Judgeable]) -> Tool[Any, Any]:
    """The check of *subject*. It is made once, because its ask is a class."""
    what = next(one for one in all_evaluations() if one.subject is subject)
    policy = field(default=what.default_policy, metadata=said(_POLICY))
    ask: Any = make_dataclass(
        f"Check{subject.__name__}",
        [("policy", str, policy)],
        bases=(subject,),
        frozen=True,
        slots=True,
        kw_only=True,
        namespace={"__module__": subject.__module__},
    )
    return _tool(what, ask)


def _tool(what: Evaluation, ask: Any) -> Tool[Any, Any]:
    def check(ask: Any, at: Place) -> Judged:
        return judged(what, ask, ask.policy, at)

    check.__doc__ = f"{what.doc} Keeps a signed artifact: GREEN, AMBER or RED. What could not be seen is RED."
    check.__annotations__ = {"ask": ask, "at": Place, "return": Judged}
    name = f"check_{what.about.word}"
    declare = tool(name=name, title=what.about.title, scope=Scope.CHECK, long=True, deployed=deployed(what))
    return declare(check)
