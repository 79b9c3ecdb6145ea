"""A server starts when it is first asked for, if its exact lock may run; and ends, comes back and fails as it should."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from arcops.errors import Refused
from services.host.eras import Era
from services.host.hosted import NotYet, State
from services.host.hosting import Hosting
from services.host.installers import folder
from services.host.installers.workshop import Workshop
from services.host.lock import Lock
from services.host.spec import Package
from tests.foundation.test_keeping import lives
from tests.services.host.hosts import ANN, EVE, Site, call, eventually, hosted, linked


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.database.close()


@pytest.mark.requirement("HOST-014/just-in-time-start", "HOST-013/many-servers-under-one-endpoint")
def test_the_first_request_installs_starts_and_is_answered(site: Site) -> None:
    site.allowed()
    assert site.installed == []

    async def work(host: Hosting) -> None:
        assert host.names() == ("small",)
        before = host.shown("small")
        assert before is not None
        assert (before.state, before.pids) == (State.PENDING, ())
        link = await linked(host)
        assert await call(link, "echo", a=1) == {"a": 1}
        now = host.shown("small")
        assert now is not None
        assert (now.state, len(now.pids)) == (State.RUNNING, 1)
        place = await call(link, "place")
        assert place["pid"] == now.pids[0]
        assert place["folder"] == str(site.folder / "homes" / "small")

    hosted(work, site.host())
    assert site.events == ["install_begin", "install_complete"]
    assert len(site.installed) == 1


@pytest.mark.requirement("HOST-020/only-allowed-locks-start")
def test_nothing_starts_that_is_not_allowed(site: Site) -> None:
    site.rows.put("small", site.spec(), author="ann")

    async def work(host: Hosting) -> None:
        with pytest.raises(Refused, match=r"no one has allowed what folder:.* resolves to \(sha256:[0-9a-f]{64}\)"):
            await host.link("small", ANN, "s", Era.LEGACY)
        shown = host.shown("small")
        assert shown is not None
        assert shown.state is State.ERROR
        with pytest.raises(Refused, match="there is no hosted server 'other'"):
            await host.link("other", ANN, "s", Era.LEGACY)

    hosted(work, site.host())
    assert site.installed == []
    assert site.events == []


@pytest.mark.requirement("HOST-020/only-allowed-locks-start")
@pytest.mark.parametrize("what", ["source", "installed", "seal"])
def test_a_byte_that_changes_between_allowing_and_starting_stops_it(site: Site, what: str) -> None:
    site.allowed()
    if what != "source":

        async def install(host: Hosting) -> None:
            await linked(host)

        hosted(install, site.host())
        place = site.installed[0]
        changed = place / "sealed.json" if what == "seal" else place / "tree" / "copy" / "server.py"
        changed.write_text(changed.read_text() + " ")
        if what == "seal":
            changed.write_text(changed.read_text().replace('"tree": "sha256:', '"tree": "sha256:0'))
    else:
        with (site.source / "server.py").open("a") as file:
            file.write(" ")

    async def work(host: Hosting) -> None:
        with pytest.raises(Refused, match="changed" if what == "source" else "is not what was installed there"):
            await host.link("small", ANN, "s", Era.LEGACY)
        shown = host.shown("small")
        assert shown is not None
        assert shown.pids == ()

    hosted(work, site.host())


@pytest.mark.requirement("HOST-020/only-allowed-locks-start")
def test_a_tree_that_changes_while_the_host_runs_stops_the_next_start(site: Site) -> None:
    site.allowed()

    async def work(host: Hosting) -> None:
        await linked(host, session="one")
        file = site.installed[0] / "tree" / "copy" / "server.py"
        before = file.stat()
        file.write_text(file.read_text().replace('"small"', '"Small"'))
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        with pytest.raises(Refused, match="is not what was installed there"):
            await linked(host, session="two")

    hosted(work, site.host())


@pytest.mark.requirement("HOST-014/just-in-time-start")
def test_sixty_four_first_calls_start_one_process(site: Site) -> None:
    site.allowed(stateless=True)

    async def work(host: Hosting) -> None:
        links = await asyncio.gather(*(linked(host, session=str(one)) for one in range(64)))
        assert len({id(one) for one in links}) == 1
        shown = host.shown("small")
        assert shown is not None
        assert len(shown.pids) == 1

    hosted(work, site.host())
    assert site.events == ["install_begin", "install_complete"]


@pytest.mark.requirement("HOST-023/tenancy-per-server")
def test_sessions_and_tenants_have_their_own_processes_unless_the_row_says_so(site: Site) -> None:
    site.allowed()
    site.allowed("shared", stateless=True)
    site.allowed("apart", stateless=True, dedicated=True)

    async def work(host: Hosting) -> None:
        async def pid(name: str, caller: object, session: str) -> int:
            return int((await call(await linked(host, caller, session, name), "place"))["pid"])  # type: ignore[arg-type]

        assert await pid("small", ANN, "one") == await pid("small", ANN, "one") != await pid("small", ANN, "two")
        assert await pid("shared", ANN, "one") == await pid("shared", EVE, "two")
        assert await pid("apart", ANN, "one") == await pid("apart", ANN, "two") != await pid("apart", EVE, "two")

    hosted(work, site.host())


@pytest.mark.requirement("HOST-019/parameters-are-isolated")
def test_each_tenant_gets_its_own_parameters(site: Site) -> None:
    site.allowed(
        stateless=True,
        arguments=("--project={project}",),
        environment=("PROJECT={project}",),
        bound=("acme:project=alpha", "other:project=beta"),
    )

    async def work(host: Hosting) -> None:
        for caller, project in ((ANN, "alpha"), (EVE, "beta")):
            link = await linked(host, caller)
            assert (await call(link, "place"))["arguments"] == [f"--project={project}"]
            assert (await call(link, "environment"))["PROJECT"] == project

    hosted(work, site.host())


@pytest.mark.requirement("HOST-013/many-servers-under-one-endpoint")
def test_a_server_gets_its_variables_and_none_of_ours(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCOPS_PASSPHRASE", "canary-1")
    site.allowed(environment=("PLAIN=yes",), secrets=("TOKEN=env:SITE_TOKEN",))

    async def work(host: Hosting) -> None:
        environment = await call(await linked(host), "environment")
        assert (environment["PLAIN"], environment["TOKEN"]) == ("yes", "canary-2")
        assert {"PLAIN", "TOKEN", "PATH", "HOME", "TMPDIR", "XDG_CACHE_HOME", "LC_ALL"} == set(environment)

    hosted(work, site.host(environment={"SITE_TOKEN": "canary-2", "OTHER": "canary-3"}))
    assert b"canary" not in b"".join(one.read_bytes() for one in site.folder.rglob("*") if one.is_file())


@pytest.mark.requirement("HOST-NFR/crashes-are-recovered-from")
def test_a_crash_ends_the_call_at_once_and_the_next_one_starts_it_again(site: Site) -> None:
    site.allowed()

    async def work(host: Hosting) -> None:
        link = await linked(host)
        await call(link, "say", text="what a caller sent")
        with pytest.raises(Exception, match="ended with exit code 3") as told:
            await call(link, "crash")
        assert "what a caller sent" not in str(told.value)  # others may be told it
        await eventually(lambda: (host.shown("small") or fail()).state is State.ERROR, "the state is Error")
        again = await linked(host)
        assert again is not link
        assert await call(again, "echo", a=2) == {"a": 2}
        shown = host.shown("small")
        assert shown is not None
        assert (shown.state, shown.restarts) == (State.RUNNING, 1)

    hosted(work, site.host())


@pytest.mark.requirement("HOST-014/just-in-time-start")
def test_a_server_that_never_speaks_is_tried_twice_and_then_waited_for(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.allowed(arguments=("--broken",))

    async def work(host: Hosting) -> None:
        said = ""
        for _ in range(2):
            with suppress(Exception):
                await linked(host)
            await eventually(lambda: not (host.shown("small") or fail()).pids, "it ended")
        with pytest.raises(NotYet) as refused:
            await host.link("small", ANN, "s", Era.LEGACY)
        said = str(refused.value)
        assert refused.value.state is State.ERROR
        assert refused.value.retry >= 1
        assert "exit code 1" in said
        assert "a dependency is missing" in said
        assert (host.shown("small") or fail()).stderr[-1] == "a dependency is missing"
        site.rows.restart("small")  # its operator repaired it: no one waits any more
        await eventually(lambda: (host.shown("small") or fail()).state is State.PENDING, "it may be tried")

    hosted(work, site.host())
    assert [one.levelname for one in caplog.records if "again and again" in one.message] == ["ERROR"]
    assert "a dependency is missing" in site.lines


def fail() -> None:  # type: ignore[misc]
    raise AssertionError("there is no such server")


@pytest.mark.requirement("HOST-021/removal-is-complete", "HOST-001-004/rows-have-versions")
@pytest.mark.parametrize("change", ["stop", "restart", "deny", "remove", "host ends"])
def test_a_change_of_the_row_ends_the_process(site: Site, change: str) -> None:
    site.allowed()
    pid = 0

    async def work(host: Hosting) -> None:
        nonlocal pid
        link = await linked(host)
        pid = (await call(link, "place"))["pid"]
        if change == "stop":
            site.rows.enable("small", False)
        elif change == "restart":
            site.rows.restart("small")
        elif change == "deny":
            site.rows.deny("small")
        elif change == "remove":
            site.rows.remove("small")
        else:
            return
        await eventually(lambda: not lives(pid), "the process ended")
        await eventually(lambda: link.ended, "the link ended")
        if change == "restart":
            assert (await call(await linked(host), "place"))["pid"] != pid
            return
        with pytest.raises(
            Refused, match={"stop": "was stopped", "deny": "no one has allowed"}.get(change, "no hosted server")
        ):
            await host.link("small", ANN, "s", Era.LEGACY)
        if change == "stop":
            assert (host.shown("small") or fail()).state is State.STOPPED
            site.rows.enable("small", True)
            await eventually(lambda: (host.shown("small") or fail()).state is State.PENDING, "it may run")
            await linked(host)

    hosted(work, site.host())
    assert not lives(pid)


@pytest.mark.requirement("HOST-021/removal-is-complete")
def test_a_session_that_ends_takes_its_process_with_it(site: Site) -> None:
    site.allowed()

    async def work(host: Hosting) -> None:
        one, two = await linked(host, session="one"), await linked(host, session="two")
        pids = [(await call(link, "place"))["pid"] for link in (one, two)]
        host.gone("small", "one")
        await eventually(lambda: not lives(pids[0]), "the process ended")
        assert await call(two, "echo", a=1) == {"a": 1}
        assert (host.shown("small") or fail()).restarts == 0

    hosted(work, site.host())


@pytest.mark.requirement("HOST-013/many-servers-under-one-endpoint")
def test_a_server_has_a_most_of_processes(site: Site) -> None:
    site.allowed(most=2)

    async def work(host: Hosting) -> None:
        await linked(host, session="one")
        await linked(host, session="two")
        with pytest.raises(NotYet, match="its limit") as refused:
            await host.link("small", ANN, "three", Era.LEGACY)
        assert refused.value.full
        host.gone("small", "one")
        await eventually(lambda: len((host.shown("small") or fail()).pids) == 1, "one ended")
        await linked(host, session="three")

    hosted(work, site.host())


@pytest.mark.requirement("HOST-NFR/crashes-are-recovered-from")
def test_without_the_database_what_runs_goes_on_and_nothing_starts(site: Site) -> None:
    site.allowed()
    place = site.folder / "database"

    async def work(host: Hosting) -> None:
        link = await linked(host, session="one")
        place.rename(site.folder / "away")
        assert await call(link, "echo", a=1) == {"a": 1}
        with pytest.raises(NotYet, match="nothing starts while the database does not answer"):
            await host.link("small", ANN, "two", Era.LEGACY)
        await asyncio.sleep(0.6)  # longer than a look at the rows takes to come
        assert await call(link, "echo", a=2) == {"a": 2}
        (site.folder / "away").rename(place)
        assert await call(await linked(host, session="two"), "echo", a=3) == {"a": 3}

    hosted(work, site.host())


@pytest.mark.requirement("HOST-016/one-host-provisions")
def test_one_host_at_a_time_runs_what_is_for_one_host(site: Site) -> None:
    site.allowed(one_host=True)
    database = site.open()

    async def work(host: Hosting) -> None:
        other = site.host(database)
        async with other.running():
            await linked(host)
            with pytest.raises(NotYet, match="runs on one host at a time") as refused:
                await linked(other)
            assert refused.value.state is State.RUNNING
            pids = (host.shown("small") or fail()).pids
            with database.writing() as connection:  # the other host holds it, as after a pause of this one
                connection.execute(
                    text(f"UPDATE arcops_lease SET epoch = epoch + 1, holder = 'x', until = {database.clock} + 60000")  # noqa: S608
                )
            await eventually(lambda: not lives(pids[0]), "the host that lost the lease ended its process")
            with pytest.raises(NotYet, match="runs on one host"):
                await linked(host)

    hosted(work, site.host())
    database.close()


@pytest.mark.requirement("HOST-016/one-host-provisions")
def test_hosts_resolve_a_package_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.rows.put("small", site.spec(), author="ann")
    times: list[object] = []
    resolve = folder.resolve

    def counted(package: Package, at: Workshop) -> Lock:
        times.append(package)
        return resolve(package, at)

    monkeypatch.setattr(folder, "resolve", counted)
    databases = [site.open() for _ in range(4)]

    async def work(host: Hosting) -> None:
        async with AsyncExitStack() as stack:
            hosts = [site.host(one) for one in databases]
            for one in hosts:
                await stack.enter_async_context(one.running())
            asked = (one.link("small", ANN, "s", Era.LEGACY) for one in (host, *hosts))
            found = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(one, Refused | NotYet) for one in found)

    hosted(work, site.host())
    row = site.rows.one("small")
    assert row is not None
    assert row.current.lock is not None
    assert len(times) == 1
    for one in databases:
        one.close()


@pytest.mark.requirement("HOST-013/many-servers-under-one-endpoint")
def test_a_killed_keeper_takes_the_servers_with_it_and_the_next_request_is_served(site: Site) -> None:
    site.allowed()

    async def work(host: Hosting) -> None:
        link = await linked(host)
        keeper = host._keeping._keeper
        assert keeper is not None
        os.kill(keeper.pid, signal.SIGKILL)
        await eventually(lambda: link.ended, "the link ended")
        assert await call(await linked(host), "echo", a=1) == {"a": 1}

    hosted(work, site.host())


def test_a_new_version_serves_new_sessions_and_the_old_one_its_own(site: Site) -> None:
    site.allowed(arguments=("--first",))

    async def work(host: Hosting) -> None:
        old = await linked(host, session="one")
        site.allowed(arguments=("--second",))
        await eventually(lambda: host._servers["small"].row.current.number == 2, "the row was read")
        new = await linked(host, session="two")
        assert (await call(new, "place"))["arguments"] == ["--second"]
        assert (await call(old, "place"))["arguments"] == ["--first"]

    hosted(work, site.host())


@pytest.mark.requirement("HOST-021/removal-is-complete")
def test_what_no_one_uses_ends_and_comes_back_when_asked(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.host.reaping.REAP_SECONDS", 0.05)
    site.allowed(stateless=True, idle_seconds=1)

    async def work(host: Hosting) -> None:
        link = await linked(host)
        pid = (await call(link, "place"))["pid"]
        await eventually(lambda: not lives(pid), "the unused process ended")
        await eventually(lambda: (host.shown("small") or fail()).state is State.PENDING, "it is shown")
        assert (host.shown("small") or fail()).restarts == 0
        assert (await call(await linked(host), "place"))["pid"] != pid

    hosted(work, site.host())


@pytest.mark.requirement("HOST-020/only-allowed-locks-start")
def test_a_secret_that_a_server_shows_is_masked_everywhere(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.allowed(arguments=("--tell",), secrets=("TOKEN=env:SITE_TOKEN",))

    async def work(host: Hosting) -> None:
        for _ in range(2):
            with suppress(Exception):
                await linked(host)
            await eventually(lambda: not (host.shown("small") or fail()).pids, "it ended")
        with pytest.raises(NotYet, match=r"the token \(secret\) is not accepted"):
            await host.link("small", ANN, "s", Era.LEGACY)
        shown = host.shown("small") or fail()
        assert shown.stderr[-1] == "the token (secret) is not accepted"
        assert "canary" not in repr(shown)

    hosted(work, site.host(environment={"SITE_TOKEN": "canary-4"}))
    assert "canary" not in caplog.text + repr(site.lines)
    assert b"canary" not in b"".join(one.read_bytes() for one in site.folder.rglob("*") if one.is_file())


@pytest.mark.requirement("HOST-016/one-host-provisions")
def test_a_clock_that_is_set_back_moves_no_lease_and_no_verdict(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wall clock of one host: leases are counted by the database's clock, and by one that is never set."""
    site.allowed(one_host=True)
    database = site.open()
    real = time.time

    async def work(host: Hosting) -> None:
        other = site.host(database)
        async with other.running():
            link = await linked(host)
            monkeypatch.setattr(time, "time", lambda: real() - 86_400)
            assert await call(link, "echo", a=1) == {"a": 1}
            with pytest.raises(NotYet, match="runs on one host at a time"):
                await linked(other)
            now, site.judges.now = site.judges.now, site.judges.now - timedelta(days=1)
            with pytest.raises(Refused, match="ahead"):  # a verdict of tomorrow counts today no more
                await linked(host, session="two")
            site.judges.now = now
            assert await call(await linked(host, session="two"), "echo", a=2) == {"a": 2}

    hosted(work, site.host())
    database.close()


@pytest.mark.requirement("HOST-016/one-host-provisions")
def test_the_other_host_takes_over_what_was_given_back(site: Site) -> None:
    site.allowed(one_host=True)
    database = site.open()
    other = site.host(database)

    async def whole() -> None:
        host = site.host()
        async with other.running():
            async with host.running():
                await linked(host)
            assert await call(await linked(other), "echo", a=1) == {"a": 1}  # at once: it gave its lease back

    asyncio.run(whole())
    database.close()


@pytest.mark.requirement("HOST-001-004/resources-are-enforced")
def test_a_process_has_no_more_memory_than_its_row_says(site: Site) -> None:
    site.allowed(memory_mib=64)

    async def work(host: Hosting) -> None:
        link = await linked(host)
        place = await call(link, "place")
        limits = Path(f"/proc/{place['pid']}/limits").read_text()
        line = next(one for one in limits.splitlines() if one.startswith("Max data size"))
        assert line.split()[3] == str(64 << 20)

    hosted(work, site.host())
