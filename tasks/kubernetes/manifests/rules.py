"""Rules in CEL, as a CustomResourceDefinition writes them, evaluated by Google's own runtime.

The runtime ends an expression after a fixed number of iterations and its regular expressions take linear time, so one
evaluation is bounded. A rule that it cannot compile, such as one with an unknown function, is reported as not checked.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from tasks.kubernetes.manifests.comprehensions import expanded
from tasks.kubernetes.manifests.functions import Meter, functions
from tasks.kubernetes.manifests.pattern_syntax import UNSUPPORTED

if TYPE_CHECKING:
    from cel_expr_python import cel  # type: ignore[import-untyped]  # it brings stubs and no py.typed

_LONGEST = 20_000
_MOST_LOOKED_AT = 1_000_000
_METER = Meter()
_LISTS = re.compile(r"\.(?:isSorted|sum|min|max|indexOf|lastIndexOf|(?:e|ofE|joinedE)ntries)\(|\bsets\.")
_LONGEST_LIST = 1000
"""The limit for functions over whole lists: the evaluator passes the list again in each of its ten thousand iterations."""


class NotChecked(Exception):
    """The rule could not be evaluated at all."""


class Evaluator:
    """Rules, each compiled once."""

    def __init__(self) -> None:
        self._compiled: dict[tuple[str, bool], cel.Expression | str] = {}

    def holds(self, rule: str, value: object, *, new: bool = False) -> bool | str:
        """Does *rule* hold for *value* (``self``)? A sentence if evaluating it fails, which refuses the object.

        **new*: the rule also asks about the earlier object, which does not exist (``optionalOldSelf``). Raises `NotChecked`.
        """
        answer, kind = self._evaluated(rule, value, new=new)
        if kind is None:
            return f"evaluating it fails: {answer}"
        return answer if isinstance(answer, bool) else f"its result is {kind!r}, not a boolean"

    def says(self, expression: str, value: object, *, new: bool = False) -> str:
        """The message that *expression* gives; empty if it gives none: then the API server uses another message."""
        try:
            answer, kind = self._evaluated(expression, value, new=new)
        except NotChecked:
            return ""
        return answer.strip() if kind is not None and isinstance(answer, str) and "\n" not in answer.strip() else ""

    def _evaluated(self, rule: str, value: object, *, new: bool) -> tuple[object, object | None]:
        """The answer and its type. If evaluating it fails, the answer is the reason and the type is `None`."""
        from cel_expr_python import cel

        rule = expanded(rule)
        expression = self._compiled.get((rule, new))
        if expression is None:
            expression = self._compiled[rule, new] = _compiled(rule, new=new)
        if isinstance(expression, str):
            raise NotChecked(expression)
        if _LISTS.search(rule) and _longest(value) > _LONGEST_LIST:
            raise NotChecked(f"it evaluates a list of more than {_LONGEST_LIST:,} values")
        _METER.left = _MOST_LOOKED_AT
        try:
            found = expression.eval(data={"self": value})
        except RuntimeError as error:
            return _failed(error), None
        if found.type() == cel.Type.ERROR:
            return _failed(found.value()), None
        if found.type() == cel.Type.UNKNOWN:
            return _line(found.value()), None
        return found.value(), found.type()


def _longest(value: object) -> int:
    """The length of the longest list in *value*."""
    if isinstance(value, list):
        return max(len(value), *(_longest(one) for one in value), 0)
    return max((_longest(one) for one in value.values()), default=0) if isinstance(value, dict) else 0


def _compiled(rule: str, *, new: bool) -> cel.Expression | str:
    if len(rule) > _LONGEST:
        return f"it has {len(rule):,} characters"
    try:
        return _environment().compile(f"cel.bind(oldSelf, optional.none(), {rule})" if new else rule)
    except RuntimeError as error:
        return _line(error)


@cache
def _environment() -> Any:
    """``self``, the extensions of Kubernetes that the runtime has (strings, optionals), and those that are added here."""
    from cel_expr_python import cel
    from cel_expr_python.ext import ext_bindings, ext_optional, ext_strings  # type: ignore[import-untyped]  # as above

    extensions = [ext_strings.ExtStrings(), ext_optional.ExtOptional(), ext_bindings.ExtBindings(), functions(_METER)]
    return cel.NewEnv(variables={"self": cel.Type.DYN}, extensions=extensions)


def _failed(error: object) -> str:
    """Why evaluating fails. Raises `NotChecked` if it fails only here, by a regular expression that is not known."""
    if UNSUPPORTED in str(error):
        raise NotChecked(_line(error))
    return _line(error)


def _line(error: object) -> str:
    return str(error).strip().partition("\n")[0][:200]
