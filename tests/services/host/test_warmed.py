"""Servers that are forked for each session: they start fast, are apart, and end as every server does."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from arcops.errors import Refused, Unavailable
from services.host.hosting import Hosting
from services.host.spec import Spec, checked
from tests.foundation.test_keeping import lives
from tests.services.host.hosts import ANN, EVE, Site, call, eventually, hosted, linked

IMPORTED = """
import os, sys
sys.stderr.write(f"imported by {os.getpid()}\\n")
"""

pytestmark = pytest.mark.requirement("HOST-014/warm-servers-are-forked")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    server = made.source / "server.py"
    server.write_text(server.read_text() + IMPORTED)
    return made


def imports(site: Site) -> list[str]:
    return [line for line in site.lines if "imported by" in line]


def test_sessions_are_forks_of_one_process_and_are_apart(site: Site) -> None:
    site.allowed(warm=True, arguments=("one", "two"), environment=("COLOUR=red",))

    async def run(host: Hosting) -> None:
        links = [await linked(host, session=f"s{number}") for number in range(4)]
        places = [await call(link, "place") for link in links]
        assert len({place["pid"] for place in places}) == 4
        assert {tuple(place["arguments"]) for place in places} == {("one", "two")}
        environment = await call(links[0], "environment")
        assert environment["COLOUR"] == "red"
        assert "PATH" in environment
        assert await call(links[1], "echo", a="äß") == {"a": "äß"}
        shown = host.shown("small")
        assert shown is not None
        assert sorted(shown.pids) == sorted(place["pid"] for place in places)
        await call(links[2], "say", text="to its errors")
        await eventually(lambda: "to its errors" in site.lines, "its line is in the log")
        first = imports(site)[0]
        assert int(first.split()[-1]) not in shown.pids  # the one that they are forked from

    hosted(run, site.host())


def test_a_crash_of_one_is_its_own_and_is_served_again(site: Site) -> None:
    site.allowed(warm=True)

    async def run(host: Hosting) -> None:
        one, other = await linked(host, session="one"), await linked(host, session="other")
        with pytest.raises(Unavailable, match="exit code 7"):
            await call(one, "crash", code=7)
        assert await call(other, "echo", a=1) == {"a": 1}
        assert await call(await linked(host, session="one"), "echo", a=2) == {"a": 2}

    hosted(run, site.host())


@pytest.mark.site
@pytest.mark.parametrize("killed", ["keeper", "imported", "host"])
def test_nothing_is_left(site: Site, killed: str) -> None:
    site.allowed(warm=True)
    pids: list[int] = []

    async def run(host: Hosting) -> None:
        link = await linked(host)
        pids.append((await call(link, "place"))["pid"])
        await eventually(lambda: imports(site), "it said who it is")
        imported = int(imports(site)[0].split()[-1])
        pids.append(imported)
        if killed == "imported":
            os.kill(imported, signal.SIGKILL)
        elif killed == "keeper":
            assert host._keeping._keeper is not None
            host._keeping._keeper.kill()
        if killed != "host":
            await eventually(lambda: not any(map(lives, pids)), "they ended")
            await eventually(lambda: link.ended, "that was told")
            assert await call(await linked(host), "echo", a=1) == {"a": 1}

    hosted(run, site.host())
    assert not any(map(lives, pids))


@pytest.mark.site
@pytest.mark.parametrize("how", ["stop", "restart", "version", "remove"])
def test_what_it_is_forked_from_ends_with_the_row_as_it_was(site: Site, how: str) -> None:
    row = site.allowed(warm=True, idle_seconds=1)

    async def run(host: Hosting) -> None:
        link = await linked(host)
        await eventually(lambda: imports(site), "it said who it is")
        imported = int(imports(site)[0].split()[-1])
        if how == "stop":
            site.rows.enable("small", False)
        elif how == "restart":
            site.rows.restart("small")
        elif how == "remove":
            site.rows.remove("small")
        else:
            site.allowed(warm=True, most=3)
            await eventually(lambda: host.row("small") is not None, "it is there")
            host.gone("small", "s")
        await eventually(lambda: not lives(imported), "what it was forked from ended")
        assert link.ended

    hosted(run, site.host())
    assert row.name == "small"


def test_tenants_with_parameters_are_forked_from_their_own(site: Site) -> None:
    site.allowed(warm=True, stateless=True, arguments=("{project}",), bound=("acme:project=a", "other:project=b"))

    async def run(host: Hosting) -> None:
        found: dict[str, Any] = {}
        for caller in (ANN, EVE):
            found[caller.id] = await call(await linked(host, caller=caller), "place")
        assert [found[one]["arguments"] for one in ("ann", "eve")] == [["a"], ["b"]]
        await eventually(lambda: len(set(imports(site))) >= 2, "two were imported")

    hosted(run, site.host())


def test_a_file_that_changes_stops_the_next_fork(site: Site) -> None:
    site.allowed(warm=True)

    async def run(host: Hosting) -> None:
        await linked(host, session="one")
        (site.installed[0] / "tree" / "copy" / "server.py").write_text("print('another')")
        with pytest.raises(Refused, match="is not what was installed"):
            await linked(host, session="two")

    hosted(run, site.host())


def test_one_that_cannot_be_imported_says_why(site: Site) -> None:
    (site.source / "server.py").write_text("raise SystemExit('a dependency is missing')")
    site.allowed(warm=True)

    async def run(host: Hosting) -> None:
        with pytest.raises(Unavailable, match="cannot be started"):
            await linked(host)
        await eventually(lambda: "a dependency is missing" in site.lines, "its line is in the log")

    hosted(run, site.host())


def test_many_first_calls_import_once(site: Site) -> None:
    site.allowed(warm=True)

    async def run(host: Hosting) -> None:
        links = await asyncio.gather(*(linked(host, session=f"s{number}") for number in range(16)))
        pids = {(await call(link, "place"))["pid"] for link in links}
        assert len(pids) == 16
        parents = {int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) for pid in pids}
        assert len(parents) == 1

    hosted(run, site.host())


@pytest.mark.parametrize("package", ["npm:x@1.0.0", f"oci:/srv/x@sha256:{'0' * 64}", "remote:https://mcp.example/mcp"])
def test_what_is_no_python_server_is_not_forked(package: str) -> None:
    network = "open" if package.startswith("remote") else "none"
    with pytest.raises(Refused, match="Python servers"):
        checked(Spec(package=package, warm=True, network=network))
