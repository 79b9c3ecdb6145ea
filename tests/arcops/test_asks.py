"""What a field says of its values holds at every door, and not only at a command line."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from arcops.asks import refuse_outside, shaped
from arcops.errors import Refused
from capabilities.server.catalog_deciding import HostCatalogRate, host_catalog_rate
from tests.models import bench


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    stars: int = field(default=3, metadata=shaped(least=0, most=5))
    name: str = field(default="", metadata=shaped(least=2, most=4, pattern="[a-z]*"))
    many: tuple[str, ...] = field(default=(), metadata=shaped(least=1, most=2, pattern="[a-z]"))
    maybe: int | None = field(default=None, metadata=shaped(least=1))


@pytest.mark.parametrize("good", [{}, {"stars": 0}, {"stars": 5}, {"name": "ab"}, {"many": ("a", "b")}, {"maybe": 1}])
def test_what_is_within_its_bounds_passes(good: dict[str, object]) -> None:
    refuse_outside(replace(Ask(), **good))  # type: ignore[arg-type]  # values of the fields


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"stars": 6}, "stars is 6; use from 0 to 5"),
        ({"stars": -1}, "stars is -1; use from 0 to 5"),
        ({"name": "a"}, "name has 1 characters; use from 2 to 4"),
        ({"name": "abcde"}, "name has 5 characters; use from 2 to 4"),
        ({"name": "aB"}, "name does not match the pattern"),
        ({"name": "ab\n"}, "name does not match the pattern"),
        ({"many": ("a", "b", "c")}, "many has 3 values; use from 1 to 2"),
        ({"many": ("a", "1")}, "many does not match the pattern"),
        ({"maybe": 0}, "maybe is 0; use 1 or more"),
    ],
)
def test_what_is_outside_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(Refused, match=said):
        refuse_outside(replace(Ask(), **wrong))  # type: ignore[arg-type]  # values of the fields


def test_a_tool_checks_its_ask(tmp_path_factory: pytest.TempPathFactory) -> None:
    """However it is asked: an agent rates with 5 stars at most, too."""
    with pytest.raises(Refused, match="stars is 1000000; use from 0 to 5"):
        host_catalog_rate(HostCatalogRate(name="io.example/time", stars=1_000_000), bench(tmp_path_factory.mktemp("x")).place())
