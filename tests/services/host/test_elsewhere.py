"""The lock and the installation of a server of another machine are its address, and each is compared with the other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from arcops.errors import Refused
from arcops.tier import Tier
from services.host.elsewhere import headers_of
from services.host.installers.workshop import Workshop, installer
from services.host.spec import Source, read_package
from tasks.server.addresses import installed_address

pytestmark = pytest.mark.requirement("HOST-020/only-allowed-locks-start")
URL = "https://mcp.example/mcp"


def shop(folder: Path, tier: Tier = Tier.RESTRICTED) -> Workshop:
    return Workshop(tier=tier, cache=folder, environment={}, secrets=())


@pytest.mark.parametrize("source", [Source.REMOTE, Source.SSE])
def test_what_is_resolved_is_installed_and_found_again(tmp_path: Path, source: Source) -> None:
    package, at = read_package(f"{source.value}:{URL}"), shop(tmp_path)
    lock = installer(source).resolve(package, at)
    installer(source).install(lock, tmp_path, at)
    assert installer(source).launch(package, tmp_path, "").command == ()
    assert installed_address(tmp_path, lock.package, lock.text).url == URL
    other = {Source.REMOTE: Source.SSE, Source.SSE: Source.REMOTE}[source]
    locks = {installer(one.source).resolve(one, at).digest for one in (package, replace(package, source=other))}
    assert len(locks) == 2, "another transport is another lock"
    assert installer(source).resolve(replace(package, name=f"{URL}/"), at).digest not in locks


def test_an_address_that_is_not_the_locked_one_is_refused(tmp_path: Path) -> None:
    package, at = read_package(f"remote:{URL}"), shop(tmp_path)
    there = installer(Source.REMOTE)
    lock = there.resolve(package, at)
    with pytest.raises(Refused, match="about another address"):
        there.install(replace(lock, package="remote:https://other.example/mcp"), tmp_path, at)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(Refused, match="is another address"):
        there.launch(package, tmp_path, "")
    there.install(lock, tmp_path, at)
    with pytest.raises(Refused, match="is another address"):
        there.launch(read_package("remote:https://other.example/mcp"), tmp_path, "")


def test_a_tier_that_does_not_reach_it_resolves_nothing(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="does not reach"):
        installer(Source.REMOTE).resolve(read_package(f"remote:{URL}"), shop(tmp_path, Tier.AIR_GAPPED))


@pytest.mark.parametrize("value", ["a\r\nx: y", "hidden\n", " hidden", "hidden\0", "sécret", "hidden\x7f"])
def test_a_value_that_is_no_header_is_refused_and_not_shown(value: str) -> None:
    assert headers_of({"X_API_KEY": "one two"}) == {"x-api-key": "one two"}
    with pytest.raises(Refused) as caught:
        headers_of({"X_API_KEY": value})
    assert "X_API_KEY" in str(caught.value)
    assert value not in str(caught.value)
