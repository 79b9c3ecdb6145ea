"""Templates: those of known families pass, every trick is refused by its line, and time is bounded."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.model.content import rendered, templates
from tests.tasks.hostile.by_template import ESCAPES
from tests.tasks.hostile.sound_templates import TEMPLATES

pytestmark = pytest.mark.requirement("ARC-A5/templates-are-checked")


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates_of_known_families_pass(name: str) -> None:
    assert templates.fault_of(TEMPLATES[name], surely=True) == ""


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("trick", ["a key of parts", "attr", "a call of a key", "include"])
def test_the_smallest_trick_in_one_of_them_is_refused(name: str, trick: str) -> None:
    assert "line" in templates.fault_of(TEMPLATES[name] + "\n" + ESCAPES[trick], surely=True)


@pytest.mark.parametrize("trick", ESCAPES)
def test_every_trick_is_refused_soon(trick: str) -> None:
    begun = time.process_time()
    assert templates.fault_of(ESCAPES[trick], surely=True)
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    "trick", [trick for trick in ESCAPES if trick not in ("an unknown tag", "no template", "a huge number")]
)
def test_a_trick_is_refused_wherever_braces_stand(trick: str) -> None:
    assert templates.fault_of(ESCAPES[trick], surely=False)


@pytest.mark.parametrize(
    "text", ["{{masterpiece, best quality}}", "{{#if x}}", "{{ .System }}", "{% no %}", "a {x} b", "}} {{"]
)
def test_braces_that_are_no_template_of_jinja_are_no_fault_unless_a_renderer_takes_them(text: str) -> None:
    assert templates.fault_of(text, surely=False) == ""
    assert rendered.looks_like(text) == bool(templates.fault_of(text, surely=True))


@given(
    st.lists(
        st.sampled_from(["{{", "}}", "{%", "%}", " a", "['", "']", "(", ")", "if ", "endif", "for ", "in ", "|", "~", "."])
    )
)
def test_no_text_breaks_it(parts: list[str]) -> None:
    templates.fault_of(" ".join(parts), surely=True)


@pytest.mark.parametrize("piece", ["{{ a.b['c'] }}", "{{ [", "{% set a = a + a %}{{ x[a] }}", "x"])
def test_the_longest_template_is_read_in_bounded_time(piece: str) -> None:
    begun = time.process_time()
    templates.fault_of(piece * (templates.LONGEST // len(piece)), surely=True)
    assert time.process_time() - begun < 20
