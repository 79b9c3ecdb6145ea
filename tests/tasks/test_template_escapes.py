"""Random templates: each that passes is rendered without a sandbox, and must not look up a name with two underscores."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jinja2 import Environment
from jinja2.exceptions import TemplateError

from tasks.model.content import templates

pytestmark = pytest.mark.requirement("ARC-A5/templates-are-checked")

NAMES = ("messages", "tools", "a", "b", "k", "ns", "loop", "x", "f")
TEXTS = ("'__class__'", "'_'", "'__'", "'class'", "'a'", "'k'", "'ssalc__'", "'x_y'", "0", "1", "-1")
JOINS = ("~", "+", "*", "%", "and", "or", "==")
FILTERS = (
    "join", "reverse", "list", "first", "last", "string", "trim", "default('__class__')", "default(b)", "int('__class__')",
    "length", "upper", "replace('a', '_')", "items", "map('upper')", "sort", "safe", "tojson",
)  # fmt: skip
METHODS = (
    "split('a')",
    "replace('a', '_')",
    "items()",
    "keys()",
    "get('k')",
    "get('k', b)",
    "join(a)",
    "strip('a')",
    "values()",
)


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, st.sampled_from(JOINS), inner).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        st.tuples(inner, st.sampled_from(FILTERS)).map(lambda p: f"({p[0]} | {p[1]})"),
        st.tuples(inner, st.sampled_from(METHODS)).map(lambda p: f"({p[0]}).{p[1]}"),
        st.tuples(inner, inner).map(lambda p: f"({p[0]})[{p[1]}]"),
        st.tuples(inner, inner).map(lambda p: f"[{p[0]}, {p[1]}]"),
        st.tuples(inner, inner).map(lambda p: f"({p[0]} if x else {p[1]})"),
        inner.map(lambda p: f"({p})[::-1]"),
        inner.map(lambda p: f"({p}).k"),
        inner.map(lambda p: f"{{'k': {p}}}"),
        inner.map(lambda p: f"f({p})"),
    )


EXPRESSIONS = st.recursive(st.one_of(st.sampled_from(NAMES), st.sampled_from(TEXTS)), grown, max_leaves=6)
STATEMENTS = st.one_of(
    EXPRESSIONS.map(lambda e: f"{{{{ {e} }}}}"),
    st.tuples(st.sampled_from(("a", "b", "k", "x")), EXPRESSIONS).map(lambda p: f"{{% set {p[0]} = {p[1]} %}}"),
    EXPRESSIONS.map(lambda e: f"{{% set ns = namespace(k={e}) %}}"),
    EXPRESSIONS.map(lambda e: f"{{% set ns.k = {e} %}}"),
    EXPRESSIONS.map(lambda e: f"{{% set k %}}{{{{ {e} }}}}{{% endset %}}"),
    st.tuples(EXPRESSIONS, EXPRESSIONS).map(lambda p: f"{{% for k in {p[0]} %}}{{{{ {p[1]} }}}}{{% endfor %}}"),
    EXPRESSIONS.map(lambda e: f"{{% macro f(k) %}}{{{{ {e} }}}}{{% endmacro %}}"),
    st.sampled_from(("{{ messages[k] }}", "{{ messages[ns.k] }}", "{{ x[a] }}", "{{ messages[loop.k] }}", "{{ x[a][b] }}")),
)


class Watched(Environment):
    """Notes every name with two underscores that a template looks up."""

    seen: list[str]

    def getattr(self, obj: Any, attribute: str) -> Any:
        self._note(attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        self._note(argument)
        return super().getitem(obj, argument)

    def _note(self, name: object) -> None:
        if isinstance(name, str) and "__" in name:
            self.seen.append(name)


def looked_up(text: str) -> list[str]:
    environment = Watched()
    environment.seen = []
    data: dict[str, Any] = {
        "messages": [{"role": "user", "content": "a,b", "k": "v"}],
        "tools": {"k": {"k": "k"}},
        "a": "aa",
        "b": ["k", 0],
        "k": "k",
        "x": {"k": ["k"], "aa": 1},
    }
    with suppress(
        TemplateError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError, SyntaxError
    ):
        environment.from_string(text).render(data)
    return environment.seen


@settings(suppress_health_check=list(HealthCheck))
@given(st.lists(STATEMENTS, min_size=1, max_size=5).map("".join))
def test_what_passes_looks_up_no_name_of_pythons_machinery(text: str) -> None:
    if not templates.fault_of(text, surely=True):
        assert looked_up(text) == []


@pytest.mark.parametrize("build", [lambda part: "{{ messages['__' ~ '" + part + "__'] }}"])
def test_the_watch_sees_such_a_name(build: Callable[[str], str]) -> None:
    assert looked_up(build("class")) == ["__class__"]
