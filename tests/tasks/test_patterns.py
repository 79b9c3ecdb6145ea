"""Regular expressions as Kubernetes' rules search with them, compared with Python's own in what both know."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.kubernetes.manifests.pattern_syntax import MOST_STEPS, Unsupported
from tasks.kubernetes.manifests.patterns import matches

pytestmark = pytest.mark.requirement("ARC-B2/custom-objects-fit-their-definitions")

ONES = st.sampled_from(["a", "b", "[ab]", "[^a]", "[a-c]", ".", r"\w", r"\.", "(?:ab)", "(a|b)", "(?:a|ab)(?:c|bcd)", "(?i)Ab"])
TIMES = st.sampled_from(["", "*", "+", "?", "{2}", "{1,2}", "*?", "+?", "??", "{0,1}?"])
PARTS = st.builds(lambda one, times: f"(?:{one}){times}" if "(?i)" not in one else f"(?i:a){times}", ONES, TIMES)
PATTERNS = st.builds(
    lambda head, ways, tail: head + "|".join("".join(way) for way in ways) + tail,
    st.sampled_from(["", "^", r"\b"]),
    st.lists(st.lists(PARTS, min_size=1, max_size=3), min_size=1, max_size=3),
    st.sampled_from(["", "$"]),
)


def found(text: str, pattern: str) -> list[str]:
    return list(matches(text, pattern, lambda steps: None))


@given(st.text("abcdAB .\n", max_size=9), PATTERNS)
def test_the_first_match_is_python_s(text: str, pattern: str) -> None:
    same = re.search(pattern.replace("$", r"\Z"), text)
    assert found(text, pattern)[:1] == ([] if same is None else [same.group()])


@pytest.mark.parametrize(
    ("pattern", "text", "wanted"),
    [
        ("a*", "baaac", ["", "aaa", ""]),  # Go leaves out an empty match that touches the one before it
        ("", "ab", ["", "", ""]),
        ("(|a)*", "aa", ["", "", ""]),
        ("(|a)+", "aa", ["", "", ""]),
        (r"\d+", "1 \u0661", ["1"]),
        (r"\s", "\v ", [" "]),
        ("[[:alpha:]]+", "ab1c", ["ab", "c"]),
        ("[[:^alpha:]]", "a1", ["1"]),
        (r"[\d\-x]+", "1-x y", ["1-x"]),
        ("[]a]+", "]a", ["]a"]),
        ("[^]]", "]a", ["a"]),
        (r"\pL+", "aé1", ["aé"]),
        (r"\P{Lu}", "Aa", ["a"]),
        (r"\x41\x{42}", "AB", ["AB"]),
        ("(?s).", "\n", ["\n"]),
        ("(?m)^a$", "b\na\n", ["a"]),
        ("^a$", "b\na", []),
        (r"\Aa\z", "a", ["a"]),
        ("(?P<name>a)(?<other>b)", "ab", ["ab"]),
        ("(?i)straße", "STRAßE", ["STRAßE"]),
        ("a{,2}", "a{,2}", ["a{,2}"]),
        ("(?U)a+", "aa", ["a", "a"]),
    ],
)
def test_what_go_means_by_it(pattern: str, text: str, wanted: list[str]) -> None:
    assert found(text, pattern) == wanted


@pytest.mark.parametrize("pattern", ["(", ")", "[a", "*", "a**", "[b-a]", "a{2,1}", "a{1001}", "(?=a)", "(?<!a)b", "[[:no:]]"])
def test_what_re2_refuses_is_no_pattern(pattern: str) -> None:
    with pytest.raises(ValueError, match=r".") as error:
        found("a", pattern)
    assert not isinstance(error.value, Unsupported)


@pytest.mark.parametrize("pattern", [r"\p{Greek}", r"\C", r"\Qa\E", r"\1", "(" * 200 + ")" * 200, "(a{1000}){9}"])
def test_what_is_not_known_is_not_guessed(pattern: str) -> None:
    with pytest.raises(Unsupported):
        found("a", pattern)


def test_no_pattern_takes_more_than_its_length_for_each_character() -> None:
    taken = 0

    def spend(steps: int) -> None:
        nonlocal taken
        taken += steps

    assert not list(matches("a" * 300, "(a*)*(a|a)*((a+)+)+b", spend))
    assert taken < 300 * 40 < MOST_STEPS * 300
