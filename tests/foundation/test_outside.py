"""A URL of someone else leads to the public internet alone, and to what the operator named."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused
from arcops.tier import Tier
from foundation.egress import web
from foundation.egress.outside import Outside, inside
from foundation.egress.permission import Purpose
from tests.simulators.far_server import far_server

pytestmark = pytest.mark.requirement("OPER-3/a-remote-server-leads-nowhere-inside")
PURPOSE = Purpose(what="the address", form="write it", instead="nothing")
INSIDE = [
    "127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "169.254.0.9",
    "100.100.100.200", "100.64.0.1", "168.63.129.16", "0.0.0.0", "255.255.255.255", "224.0.0.1", "192.0.2.1",  # noqa: S104
    "198.18.0.1",
    "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
    "64:ff9b::a00:1", "64:ff9b::a9fe:a9fe", "2002:a00:1::", "2002:7f00:1::1", "::10.0.0.1", "fec0::1",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_inside_is_refused(address: str) -> None:
    with pytest.raises(Refused, match="a resource may not send the operator there"):
        Outside().refuse("x.example", address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"])
def test_the_public_internet_is_reached(address: str) -> None:
    Outside().refuse("x.example", address)


@pytest.mark.parametrize(
    ("named", "host", "address", "lets"),
    [
        ("10.0.0.0/8", "x.example", "10.1.2.3", True),
        ("10.0.0.0/8", "x.example", "8.8.8.8", True),
        ("10.0.0.0/8", "x.example", "192.168.0.1", False),
        ("10.1.2.3", "10.1.2.3", "10.1.2.3", True),
        ("mcp.intra.example", "mcp.intra.example", "10.1.2.3", True),
        ("mcp.intra.example", "MCP.Intra.example.", "10.1.2.3", True),
        ("mcp.intra.example", "other.intra.example", "10.1.2.3", False),
        ("mcp.intra.example", "x.mcp.intra.example", "10.1.2.3", False),
    ],
)
def test_what_the_operator_named_is_reached(named: str, host: str, address: str, lets: bool) -> None:
    outside = Outside(named=(named,))
    if lets:
        outside.refuse(host, address)
    else:
        with pytest.raises(Refused):
            outside.refuse(host, address)


def test_a_network_that_is_none_is_refused() -> None:
    with pytest.raises(Refused, match="is no network"):
        Outside(named=("10.0.0.1/8",))


@given(st.ip_addresses(v=4))
def test_an_address_in_another_dress_is_the_same(address: IPv4Address) -> None:
    plain = inside(address)
    mapped = inside(IPv6Address(f"::ffff:{address}"))
    translated = inside(IPv6Address((0x64FF9B << 96) | int(address)))
    tunnelled = inside(IPv6Address((0x2002 << 112) | (int(address) << 80)))
    assert bool(plain) == bool(mapped) == bool(translated) == bool(tunnelled)


@given(st.ip_addresses())
def test_nothing_that_is_not_global_is_outside(address: IPv4Address | IPv6Address) -> None:
    if not address.is_global:
        assert inside(address)


def asked(url: str, outside: Outside) -> int:
    async def ask() -> int:
        async with web.client(Tier.RESTRICTED, url, PURPOSE, seconds=5, outside=outside) as client:
            return (await client.get(url)).status_code

    return asyncio.run(ask())


def test_a_name_is_looked_up_before_it_is_asked() -> None:
    with far_server() as far:
        for host in ("localhost", "127.0.0.1"):
            with pytest.raises(Refused, match=r"127\.0\.0\.1, which is this machine|::1, which is this machine"):
                asked(f"http://{host}:{far.port}/mcp", Outside())
        assert not far.methods
        assert asked(f"http://localhost:{far.port}/mcp", Outside(named=("localhost",))) >= 200


def test_a_name_with_one_address_inside_is_refused_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    async def two(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(2, 1, 6, "", ("8.8.8.8", 443)), (2, 1, 6, "", ("169.254.169.254", 443))]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", two)
    with pytest.raises(Refused, match="metadata service"):
        asyncio.run(Outside().addresses("rebinding.example", 443))


def test_the_address_that_was_looked_at_is_the_one_that_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that leads elsewhere the second time: there is no second time."""
    asked_for: list[str] = []

    async def once(*given: object, **_: object) -> list[tuple[object, ...]]:
        asked_for.append(str(given[1]))
        return [(2, 1, 6, "", ("127.0.0.1", 0))]

    with far_server() as far:
        monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", once)
        assert asked(f"http://twice.example:{far.port}/mcp", Outside(named=("twice.example",))) >= 200
    assert asked_for == ["twice.example"]
