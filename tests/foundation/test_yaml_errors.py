"""What is wrong with a YAML file is said by line and column, and never in the file's own words."""

from __future__ import annotations

import pytest

from arcops.errors import Refused
from foundation.strict_yaml import load_all

pytestmark = pytest.mark.requirement("ARC-3")

TELLING = "tellingword"


@pytest.mark.parametrize(
    ("text", "if"),
    [
        (f"{TELLING}: [unclosed", "line 1, column"),
        (f"a: 1\n{TELLING}: b: c", "line 2, column"),
        (f"x: !{TELLING} y", "a tag has no meaning here"),
        (f"x: 'y {TELLING}", "line 1"),
        (f"- x\n- @{TELLING}", "line 2"),
        (f"x: !!int {TELLING}", "no int of YAML 1.2"),
        (f"x: !!timestamp {TELLING}", "a tag has no meaning here"),
        (f"x: !!bool {TELLING}", ""),
        (f"? [{TELLING}]\n: 1", "line 1"),
        (f"x: &{TELLING} 1\ny: *{TELLING}", "aliases"),
        (f"{TELLING}: 1\n{TELLING}: 2", "line 1"),
    ],
)
def test_a_message_says_where_and_quotes_nothing(text: str, where: str) -> None:
    with pytest.raises(Refused) as refused:
        load_all(text.encode(), what="the file")
    said = str(refused.value)
    assert where in said
    assert TELLING not in said
