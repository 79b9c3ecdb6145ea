"""Names of files that a caller may give: what a person would read as another name is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused
from foundation.sandbox.names import refuse_unplain

pytestmark = pytest.mark.requirement("BASE-10/storage-sandbox")


@pytest.mark.parametrize("name", ["a.tar", "models/tiny/model.sig", "/srv/out/ä b.json", ".hidden", "日本.json"])
def test_plain_names(name: str) -> None:
    refuse_unplain(Path(name))


@pytest.mark.parametrize(
    "name",
    [
        "a\nb",
        "a\x1b[2Jb",
        "a\u202egnp.exe",
        "a\u200bb",
        "a\ud800",
        " a",
        "a ",
        "x/ a/y",
        "a" * 256,
        "ä" * 128,
        "/".join("a" * 33),
        "/".join(["a" * 100] * 11),
    ],
)
def test_names_that_are_read_as_others(name: str) -> None:
    with pytest.raises(Refused):
        refuse_unplain(Path(name))


@given(st.text(max_size=300))
def test_any_text_is_plain_or_refused(text: str) -> None:
    plain = all(one.isprintable() and one == one.strip() for one in Path(text).parts)
    long = len(text.encode(errors="replace")) > 255
    if plain and not long:
        refuse_unplain(Path(text))
    elif not plain:
        with pytest.raises(Refused):
            refuse_unplain(Path(text))
