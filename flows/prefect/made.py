"""Each evaluation as a flow of Prefect. Its parameters are the fields of its subject's class, which are typed there, once.

``flows.prefect.made.network_safety`` is the flow ``network-safety``. It is made when it is asked for: ``prefect.yaml`` and a
worker can name any flow that `flows.subjects` has, without a file for each.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine
from enum import Enum
from inspect import Parameter, Signature
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import Field

from arcops.asks import Question, questions
from arcops.errors import Refused
from flows.prefect.api import Flow, State, flow
from flows.prefect.flow import evaluate
from flows.subjects.evaluation import Evaluation, evaluation

POLICY = "The name of a registered policy ('arcops policy list' on the worker's machine lists them), or its digest (sha256:…)."
OUTPUT = "Also write the sealed artifact to this new file, in the worker's ARCOPS_OUTPUT."
_NOWHERE = Path(os.devnull)
"""No result is kept in Prefect. If this were not said, each run would ask its server for the place of results."""
_MADE: dict[str, Flow[Any, Any]] = {}


def __getattr__(name: str) -> Flow[Any, Any]:
    if name.startswith("_"):
        raise AttributeError(name)
    if name not in _MADE:
        try:
            _MADE[name] = flow_of(evaluation(name.replace("_", "-")))
        except Refused as error:
            raise AttributeError(str(error)) from error
    return _MADE[name]


def flow_of(what: Evaluation) -> Flow[Any, Any]:
    """The flow of the evaluation *what*, with its subject's fields as parameters, and ``policy`` and ``output``."""

    async def run(**parameters: Any) -> State[None]:
        return await evaluate(what, parameters)

    name = what.flow.replace("-", "_")
    taken = [one for one in questions(what.subject) if not one.own and one.name not in dict(what.fixed)]
    said = {one.name: one.doc for one in taken} | {"policy": POLICY, "output": OUTPUT}
    made: Any = run
    made.__name__ = made.__qualname__ = name
    made.__module__ = __name__
    made.__doc__ = "\n".join([what.doc, "", "Args:", *(f"    {name}: {doc}" for name, doc in said.items())])
    made.__signature__ = Signature(
        [
            *(_parameter(one) for one in taken),
            _text("policy", what.default_policy, Field(min_length=1, max_length=200)),
            _text("output", "", Field(max_length=4096)),
        ]
    )
    working: Callable[..., Coroutine[Any, Any, State[None]]] = made
    return flow(name=what.flow, persist_result=False, result_storage=_NOWHERE, validate_parameters=True)(working)


def _text(name: str, default: str, bounds: Any) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[str, bounds])


def _parameter(one: Question) -> Parameter:
    kind = _on_the_wire(one.hint)
    least, most = one.shape.least, one.shape.most
    bounds: dict[str, Any] = {"ge": least, "le": most} if kind is int else {"min_length": least, "max_length": most}
    if one.shape.pattern:
        bounds["pattern"] = one.shape.pattern
    if kind is bool or get_origin(kind) is Literal:
        bounds = {}
    default = Parameter.empty if one.required else _plain(one.default, kind)
    told = {name: bound for name, bound in bounds.items() if bound is not None}
    return Parameter(one.name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, Field(**told)])


def _on_the_wire(hint: Any) -> Any:
    """The type of a parameter: what JSON has for a field's type. What may be left out is then empty text."""
    if isinstance(hint, UnionType):
        hint = next(one for one in get_args(hint) if one is not type(None))
    if hint is Path:
        return str
    if isinstance(hint, type) and issubclass(hint, Enum):
        return Literal[tuple(one.value for one in hint)]
    if get_origin(hint) is tuple:
        inside: Any = _on_the_wire(get_args(hint)[0])
        return tuple[inside, ...]
    return hint


def _plain(value: Any, kind: Any) -> Any:
    if value is None:
        return "" if kind is str else None
    if isinstance(value, Enum):
        return value.value
    return tuple(map(str, value)) if isinstance(value, tuple) and kind == tuple[str, ...] else value
