"""Licence expressions: what is read, what is refused, and what "may we?" answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused
from arcops.licence import AllOf, AnyOf, Expression, Licence, holds, named, parse_licence

pytestmark = pytest.mark.requirement("ARC-A6/licences-are-judged")

_NAMES = st.sampled_from(
    ["MIT", "Apache-2.0", "GPL-3.0-only", "LicenseRef-own", "DocumentRef-a:LicenseRef-b", "llama3.1", "EPL-2.0+"]
)
_LEAVES = st.builds(Licence, name=_NAMES) | st.just(Licence(name="GPL-2.0-only", exception="Classpath-exception-2.0"))
_EXPRESSIONS: st.SearchStrategy[Expression] = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, min_size=2, max_size=4).flatmap(
        lambda parts: st.sampled_from([AllOf(parts=tuple(parts)), AnyOf(parts=tuple(parts))])
    ),
    max_leaves=8,
)


@given(_EXPRESSIONS)
def test_what_is_written_is_read_back_with_the_same_meaning(expression: Expression) -> None:
    again = parse_licence(str(expression))
    assert {str(licence) for licence in named(again)} == {str(licence) for licence in named(expression)}
    names = sorted({str(licence) for licence in named(expression)})
    for chosen in range(2 ** len(names)):
        allowed = {name for bit, name in enumerate(names) if chosen >> bit & 1}

        def permitted(licence: Licence, allowed: set[str] = allowed) -> bool:
            return str(licence) in allowed

        assert holds(again, permitted) == holds(expression, permitted)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_a_sentence(text: str) -> None:
    try:
        said = str(parse_licence(text))
    except Refused as error:
        said = str(error)
    assert said


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("apache-2.0", "Apache-2.0"),
        ("mit or gpl-2.0+", "MIT OR GPL-2.0-or-later"),
        ("GPL-3.0", "GPL-3.0-only"),
        ("MIT AND (Apache-2.0 OR ISC)", "MIT AND (Apache-2.0 OR ISC)"),
        ("MIT OR Apache-2.0 AND ISC", "MIT OR Apache-2.0 AND ISC"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"),
        ("Apache License, Version 2.0", "Apache-2.0"),
        ("odbl", "ODbL-1.0"),
        ("openrail++", "LicenseRef-openrail-plus-plus"),
        ("unknown", "NOASSERTION"),
        ("None", "NONE"),
    ],
)
def test_a_name_has_one_spelling(written: str, meant: str) -> None:
    assert str(parse_licence(written)) == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "MIT Apache-2.0",
        "MIT And ISC",
        "MIT AND",
        "AND MIT",
        "(MIT",
        "MIT)",
        "MIT WITH",
        "MIT WITH AND",
        "MIT/Apache-2.0",
        "MIT AND NONE",
        "NOASSERTION OR MIT",
        "a:b",
        "BSD License",
        "(" * 40 + "MIT" + ")" * 40,
        "MIT OR " * 2000 + "MIT",
    ],
)
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        parse_licence(text)


def test_and_needs_all_and_or_needs_one() -> None:
    def only_mit(licence: Licence) -> bool:
        return licence.name == "MIT"

    assert holds(parse_licence("MIT OR GPL-3.0-only"), only_mit)
    assert not holds(parse_licence("MIT AND GPL-3.0-only"), only_mit)
    assert not holds(parse_licence("(MIT OR ISC) AND GPL-3.0-only"), only_mit)
    assert holds(parse_licence("MIT OR ISC AND GPL-3.0-only"), only_mit)
