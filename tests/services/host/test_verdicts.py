"""A server starts and goes on only by a verdict that counts here and now, about exactly what would run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from arcops.errors import Refused
from arcops.seen.signatures import RevocationsSeen, Revoked
from artifacts.vouch import Grounds
from flows.policies.reading import parse_policy
from services.host.draining import DRAIN_SECONDS
from services.host.eras import Era
from services.host.hosted import State
from services.host.hosting import Hosting
from services.host.rows import HostedRow
from tests.evidence import NOW
from tests.foundation.test_keeping import lives
from tests.services.host.gated import POLICY, content_of
from tests.services.host.hosts import ANN, Site, call, eventually, hosted, linked
from tests.signing import Key

pytestmark = pytest.mark.requirement("HOST-020/only-green-servers-start")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.database.close()


def refusal(site: Site, row: HostedRow, content: str = "") -> str:
    with pytest.raises(Refused) as told:
        site.judges.verdicts.standing(row, content)
    assert len(str(told.value)) < 500
    return str(told.value)


def test_a_verdict_about_exactly_this_counts(site: Site) -> None:
    row = site.allowed()
    standing = site.judges.verdicts.standing(row, content_of(site.source))
    assert standing.report.subject.name == "small"


def test_without_a_verdict_it_says_what_is_missing_and_who_can_repair_it(site: Site) -> None:
    judged = site.allowed()
    assert "no one has allowed" in refusal(site, replace(judged, judged=None, allowed=False))
    assert refusal(site, replace(judged, judged=None)).endswith("its operator runs 'arcops host gate small'")
    unresolved = replace(judged, current=replace(judged.current, lock=None))
    assert "was not resolved" in refusal(site, unresolved)
    assert "no one has allowed" in refusal(site, replace(judged, allowed=False))


def lax(site: Site) -> None:
    """Another policy of the same name is the one that counts now."""
    site.judges.policy = parse_policy(POLICY + b"# \n", where="test")


def revoked(entry: Revoked) -> Callable[[Site], None]:
    def revoke(site: Site) -> None:
        listed = RevocationsSeen(path="list", sha256="0" * 64, issued_at=NOW, revoked=(entry,))
        site.judges.ground = replace(site.judges.ground, revocations=(listed,))

    return revoke


def of_another_key(site: Site) -> None:
    site.judges.ground = Grounds(keys=(Key().public,))


def strict(site: Site) -> None:
    """The policy lets no AMBER pass. Its digest is that of the one that judged, so that only this differs."""
    site.judges.policy = replace(site.judges.policy, amber_passes=False)


def more_gates(site: Site) -> None:
    policy = site.judges.policy
    more = parse_policy(POLICY + b"  server-contents: {}\n", where="test")
    site.judges.policy = replace(more, digest=policy.digest)


def expired(site: Site) -> None:
    site.judges.now += timedelta(days=7, seconds=1)


def clock_set_back(site: Site) -> None:
    site.judges.now -= timedelta(days=1)


@pytest.mark.parametrize(
    ("mutation", "said"),
    [
        (lax, "as it is not now"),
        (of_another_key, "does not count here"),
        (strict, "its verdict is AMBER"),
        (more_gates, "server-contents did not judge it"),
        (expired, "was valid until"),
        (clock_set_back, "does not count here"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_changed_since_refuses_it(site: Site, mutation: Callable[[Site], None], said: str) -> None:
    row = site.allowed()
    mutation(site)
    assert said in refusal(site, row)


def test_a_revoked_signer_and_a_revoked_artifact_refuse_it(site: Site) -> None:
    row = site.allowed()
    assert row.judged is not None
    for entry in (
        Revoked(key=site.judges.key.public.id, at=NOW, reason="lost"),
        Revoked(sha256=row.judged.artifact.removeprefix("sha256:"), at=NOW, reason="wrong"),
    ):
        revoked(entry)(site)
        assert "does not count here" in refusal(site, row)


def test_a_byte_of_what_is_installed_of_the_lock_or_of_the_start_refuses_it(site: Site) -> None:
    row = site.allowed()
    (site.source / "server.py").write_text("other")
    assert "is not what was judged" in refusal(site, row, content_of(site.source))
    other = site.rows.put("small", site.spec(arguments=("--more",)), author="ann")
    assert other.judged is None
    lock = row.current.lock
    assert lock is not None
    moved = replace(row, current=replace(row.current, lock=replace(lock, runtime="other")))
    assert "is not what was judged" in refusal(site, moved, content_of(site.source))


def test_the_artifact_of_another_server_or_a_changed_one_refuses_it(site: Site) -> None:
    row = site.allowed()
    content = content_of(site.source)
    named = site.judges.keep(site.rows, row, site.judges.sealed(row, content, named="other"))
    assert "is about mcp-server 'other'" in refusal(site, named)
    model = site.judges.keep(site.rows, row, site.judges.sealed(row, content, kind="model"))
    assert "is about model" in refusal(site, model)
    sound = site.judges.sealed(row, content)
    changed = site.judges.keep(site.rows, row, sound + b" ", artifact=f"sha256:{'0' * 64}")
    assert "was changed" in refusal(site, changed)
    assert "does not count here" in refusal(site, site.judges.keep(site.rows, row, sound[:-20] + b"}}"))
    assert "does not count here" in refusal(site, site.judges.keep(site.rows, row, site.judges.sealed(row, content, key=Key())))


def test_red_is_refused(site: Site) -> None:
    row = site.allowed()
    red = site.judges.keep(site.rows, row, site.judges.sealed(row, content_of(site.source), allowed=""))
    assert "its verdict is RED" in refusal(site, red)


@pytest.mark.requirement("HOST-014/just-in-time-start")
def test_ungated_is_refused_at_the_first_request_and_gated_is_served(site: Site) -> None:
    row = site.allowed(arguments=("--first",))
    site.rows.remove("small")
    row = site.rows.put("small", site.spec(), author="ann")
    lock = site.locked(row)
    row = site.rows.allow("small", lock.digest, author="ann")

    async def work(host: Hosting) -> None:
        with pytest.raises(Refused, match="it was not judged as its row is now; its operator runs 'arcops host gate small'"):
            await host.link("small", ANN, "s", Era.LEGACY)
        assert site.installed == []
        site.judges.judge(site.rows, row, site.source)
        assert await call(await linked(host), "echo", a=1) == {"a": 1}

    hosted(work, site.host())


@pytest.mark.parametrize("how", ["a worse verdict", "revoked", "expired"])
def test_what_counts_no_more_ends_what_runs(site: Site, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setattr("services.host.draining.JUDGE_SECONDS", 0.2)
    row = site.allowed()

    async def work(host: Hosting) -> None:
        link = await linked(host)
        pid = (await call(link, "place"))["pid"]
        if how == "revoked":
            revoked(Revoked(key=site.judges.key.public.id, at=NOW, reason="lost"))(site)
        elif how == "expired":
            expired(site)
        else:
            site.judges.keep(site.rows, row, site.judges.sealed(row, content_of(site.source), allowed=""))
        await eventually(lambda: not lives(pid), "the process ended")
        with pytest.raises(Refused, match="may not run"):
            await host.link("small", ANN, "s", Era.LEGACY)
        shown = host.shown("small")
        assert shown is not None
        assert shown.state is State.ERROR

    hosted(work, site.host())


def test_a_call_that_is_under_way_may_end_before_its_server_does(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.host.draining.JUDGE_SECONDS", 0.1)
    assert DRAIN_SECONDS >= 10
    site.allowed()

    async def work(host: Hosting) -> None:
        import asyncio

        link = await linked(host)
        pid = (await call(link, "place"))["pid"]
        under_way = asyncio.create_task(call(link, "sleep", seconds=1.5))
        await asyncio.sleep(0)
        expired(site)
        await eventually(lambda: host._servers["small"].refused, "the verdict was looked at")
        with pytest.raises(Refused, match="was valid until"):
            await host.link("small", ANN, "s", Era.LEGACY)
        assert lives(pid)
        assert await under_way == {}
        await eventually(lambda: not lives(pid), "the process ended")

    hosted(work, site.host())
