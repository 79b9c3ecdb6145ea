"""Rules in CEL, as a CustomResourceDefinition writes them, evaluated by Google's own runtime.

The runtime ends an expression after a fixed number of iterations and its regular expressions take linear time, so one
evaluation is bounded. What it cannot compile, such as a function that only Kubernetes has, is not checked, and said to be so.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cel_expr_python import cel  # type: ignore[import-untyped]  # it brings stubs and no py.typed

_LONGEST = 20_000


class NotChecked(Exception):
    """The rule could not be asked at all."""


class Evaluator:
    """Rules, each compiled once."""

    def __init__(self) -> None:
        self._compiled: dict[str, cel.Expression | str] = {}

    def holds(self, rule: str, value: object) -> bool | str:
        """Does *rule* hold for *value* (``self``)? A sentence where evaluating it fails, which refuses the object.

        Raises `NotChecked`.
        """
        from cel_expr_python import cel

        expression = self._compiled.get(rule)
        if expression is None:
            expression = self._compiled[rule] = _compiled(rule)
        if isinstance(expression, str):
            raise NotChecked(expression)
        try:
            found = expression.eval(data={"self": value})
        except RuntimeError as error:
            return f"evaluating it fails: {_line(error)}"
        if found.type() == cel.Type.ERROR:
            return f"evaluating it fails: {_line(found.value())}"
        answer = found.value()
        return answer if isinstance(answer, bool) else f"it gives {found.type()!r} and no boolean"


def _compiled(rule: str) -> cel.Expression | str:
    if len(rule) > _LONGEST:
        return f"it has {len(rule):,} characters"
    try:
        return _environment().compile(rule)
    except RuntimeError as error:
        return _line(error)


@cache
def _environment() -> Any:
    """``self`` and the extensions of Kubernetes that the runtime has: strings and optionals."""
    from cel_expr_python import cel
    from cel_expr_python.ext import ext_optional, ext_strings  # type: ignore[import-untyped]  # as above

    return cel.NewEnv(variables={"self": cel.Type.DYN}, extensions=[ext_strings.ExtStrings(), ext_optional.ExtOptional()])


def _line(error: object) -> str:
    return str(error).strip().partition("\n")[0][:200]
