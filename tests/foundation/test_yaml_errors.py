"""What is wrong with a YAML file is said by line and column, and never in the file's own words."""

from __future__ import annotations

import pytest

from arcops.errors import Refused
from foundation.strict_yaml import load_all

pytestmark = pytest.mark.requirement("ARC-3/callers-are-bounded")

TELLING = "tellingword"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f"{TELLING}: [unclosed", "line 1, column"),
        (f"a: 1\n{TELLING}: b: c", "line 2, column"),
        (f"x: !{TELLING} y", "tags are not allowed"),
        (f"x: 'y {TELLING}", "line 1"),
        (f"- x\n- @{TELLING}", "line 2"),
        (f"x: !!int {TELLING}", "has the tag int, but is not one"),
        (f"x: !!timestamp {TELLING}", "tags are not allowed"),
        (f"x: !!bool {TELLING}", ""),
        (f"? [{TELLING}]\n: 1", "line 1"),
        (f"x: &{TELLING} 1\ny: *{TELLING}", "aliases"),
        (f"{TELLING}: 1\n{TELLING}: 2", "line 1"),
    ],
)
def test_a_message_says_where_and_quotes_nothing(text: str, place: str) -> None:
    with pytest.raises(Refused) as refused:
        load_all(text.encode(), what="the file")
    said = str(refused.value)
    assert place in said
    assert TELLING not in said
