"""A server's name is a part of its address, so nothing else may answer there."""

from __future__ import annotations

import pytest

from adapters.http.checked import HEALTH
from arcops.errors import Refused
from services.host.reserved import RESERVED, refuse_reserved


@pytest.mark.parametrize("name", ["time", "a", "0", "my-server-2", "x" * 63])
def test_a_name(name: str) -> None:
    refuse_reserved(name)


@pytest.mark.parametrize(
    "name", ["", "-a", "a-", "A", "a_b", "a.b", "a/b", "é", "a b", "x" * 64, ".well-known", "..", "a\n", "%61"]
)
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(Refused, match="cannot be the name of a server"):
        refuse_reserved(name)


@pytest.mark.parametrize("name", ["mcp", "prefect", "metrics", "open", "login", "status", "sse", "messages"])
def test_what_is_reserved(name: str) -> None:
    with pytest.raises(Refused, match="is the address of something else here"):
        refuse_reserved(name)


def test_the_probes_are_reserved() -> None:
    assert {one.strip("/") for one in HEALTH} <= RESERVED
