"""``arcops host snapshot``, ``restore`` and ``drift``: byte for byte, whole or not at all, and only what counts here."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from adapters.cli import surroundings
from arcops.errors import Refused
from artifacts.bundle import read_envelope, seal_statement
from artifacts.canonical import canonical
from artifacts.host_snapshot import HOST_SNAPSHOT, HostSnapshot, SnapshotFile, SnapshotTable
from capabilities.server.restoring import noticed
from flows.place import Place
from foundation.database.opening import opened
from services.host.figures.records import Kind, recorded
from services.host.snapshots import places, restoring
from tests.adapters.serving import served
from tests.adapters.typed import Done, typed
from tests.foundation.database.open_here import Server
from tests.postgres import postgres
from tests.signing import Key
from tests.waiting import until

pytestmark = pytest.mark.requirement("HOST-027/network-snapshot-and-restore")
REFUSED, DIFFERS = 2, 3
LIMITS = "rates:\n  - {name: calls, calls: 60, per: minute}\n"
ROLES = 'roles:\n  gpu-team: {allows: ["@read:call"]}\n'
POLICY = "name: {name}\ndescription: A policy of a test.\nvalidFor: P7D\ngates:\n  server-origin: {{sources: [folder]}}\n"


@dataclass
class Site:
    """A site with two rows, of which one is allowed, a policy of its own, and limits."""

    folder: Path
    more: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def environment(self) -> dict[str, str]:
        return {"ARCOPS_HOME": str(self.home), "ARCOPS_PASSPHRASE": "of a test", **self.more}

    def arcops(self, *line: str | Path, expect: int = 0) -> Done:
        done = typed(*line, environment=self.environment)
        assert done.returncode == expect, done.stdout + done.stderr
        return done

    @property
    def place(self) -> Place:
        with mock.patch.dict(os.environ, self.environment, clear=True):
            at = surroundings.place()
            at.signer()  # opened while its passphrase is there, and remembered
            return at

    @property
    def content(self) -> str:
        found = json.loads(self.arcops("host", "snapshot", "--format", "json").stdout)["content"]
        assert isinstance(found, str)
        return found

    def taken(self) -> Path:
        path = self.folder / "snapshot.json"
        self.arcops("host", "snapshot", "-o", path)
        return path

    def changed(self) -> None:
        """Everything that a snapshot has becomes other, and something is added."""
        self.arcops("host", "remove", "one")
        self.arcops("host", "stop", "two")
        self.arcops("host", "share", "two", "--with", "role:guests")
        self.arcops("host", "add", "three", "--package", "npm:three@1.0.0")
        (self.home / "limits.yaml").write_text(LIMITS.replace("60", "6000"))
        (self.home / "access").mkdir()
        (self.home / "access" / "roles.yaml").write_text(ROLES)
        for path in (self.home / "policies").iterdir():
            path.unlink()
        self.registered("other")

    def registered(self, name: str) -> None:
        path = self.folder / f"{name}.yaml"
        path.write_text(POLICY.format(name=name))
        self.arcops("policy", "register", path)

    def lines(self, snapshot: Path) -> list[str]:
        return list(
            json.loads(typed("host", "drift", snapshot, "--format", "json", environment=self.environment).stdout)["lines"]
        )


def a_site(folder: Path, **more: str) -> Site:
    site = Site(folder, more)
    site.arcops("keys", "new")
    site.arcops("keys", "trust", site.home / "keys" / "arcops.pub")
    source = folder / "source"
    source.mkdir()
    (source / "server.py").write_text("print()")
    site.arcops("host", "add", "one", "--package", f"folder:{source}", "--command", "server.py", "--secret", "T=file:/run/t")
    lock = json.loads(site.arcops("host", "resolve", "one", "--format", "json").stdout)["digest"]
    site.arcops("host", "allow", "one", lock)
    site.arcops("host", "add", "two", "--package", "pypi:two==2.0", "--owner", "team", "--env", "MODE=quick")
    (site.home / "limits.yaml").write_text(LIMITS)
    site.registered("ours")
    return site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return a_site(tmp_path)


def test_what_was_taken_is_restored_byte_for_byte_and_history_stays(site: Site) -> None:
    snapshot, before = site.taken(), site.content
    assert "the configuration is that of the snapshot" in site.arcops("host", "drift", snapshot).stdout
    files = {path: path.read_bytes() for path in (site.home / "policies").iterdir()}
    site.changed()
    assert site.content != before
    site.arcops("host", "drift", snapshot, expect=DIFFERS)
    lines = site.lines(snapshot)
    assert {"server one: removed", "server two: changed", "server three: added", "file access/roles.yaml: added"} <= set(lines)
    assert "row of arcops_hosted_share two role guests: added" in lines
    assert {"file limits/limits.yaml: changed", "row of arcops_hosted_allowed"} <= {
        *lines,
        *(line.partition(" one ")[0] for line in lines),
    }
    told = json.loads(site.arcops("host", "restore", snapshot, "--format", "json").stdout)
    assert told["content"] == before == site.content
    assert set(told["unjudged"]) == {"one", "two"}
    assert {path: path.read_bytes() for path in (site.home / "policies").iterdir()} == files
    assert (site.home / "limits.yaml").read_text() == LIMITS
    assert not (site.home / "access").exists()
    assert not [path for path in site.home.rglob("*restoring*") if path.suffix != ".lock"], "something was left"
    assert "three was removed" in site.arcops("host", "history", "three").stdout
    again = json.loads(site.arcops("host", "restore", snapshot, "--format", "json").stdout)
    assert (again["lines"], again["content"]) == ([], before)
    with opened(site.place.settings) as database:
        found = recorded(database, [Kind.RESTORE])
    assert [(one.outcome, (one.seconds or 0) < 600) for one in found] == [("done", True)] * 2


def test_what_was_restored_counts_and_what_counted_before_is_the_way_back(site: Site) -> None:
    snapshot = site.taken()
    site.arcops("host", "remove", "one")
    site.arcops("host", "add", "two", "--package", "pypi:two==3.0")
    site.arcops("host", "restore", snapshot)
    for name, numbers in (("one", [2, 1]), ("two", [3, 2, 1])):
        told = json.loads(site.arcops("host", "history", name, "--format", "json").stdout)
        assert (told["current"], [one["version"] for one in told["versions"]]) == (numbers[0], numbers)
        assert not any(one["proposed"] for one in told["versions"]), "what counts is shown as only proposed"
    site.arcops("host", "rollback", "two")
    assert "pypi:two==3.0" in site.arcops("host", "list").stdout
    site.arcops("host", "rollback", "two")
    assert "pypi:two==2.0" in site.arcops("host", "list").stdout


def test_who_only_looks_makes_no_database(site: Site) -> None:
    snapshot, database = site.taken(), site.home / "database"
    for path in database.iterdir():
        path.unlink()
    database.rmdir()
    site.arcops("host", "drift", snapshot, expect=DIFFERS)
    assert "server one: removed" in site.lines(snapshot)
    assert "there is no hosted server 'one'" in site.arcops("host", "checklist", "show", "one", expect=REFUSED).stderr
    assert "there is no runbook 'x'" in site.arcops("host", "runbook", "status", "x", expect=REFUSED).stderr
    for line in (("runbook", "status"), ("invitation", "list"), ("feedback", "list"), ("list",)):
        site.arcops("host", *line)
    assert not database.exists()


def test_the_digest_in_the_store_names_it_too(site: Site) -> None:
    artifact = json.loads(site.arcops("host", "snapshot", "--format", "json").stdout)["artifact"]
    site.arcops("host", "stop", "two")
    site.arcops("host", "drift", artifact, expect=DIFFERS)
    site.arcops("host", "restore", artifact)
    site.arcops("host", "drift", artifact)


EVENTS = [
    (restoring, "stage"),
    (restoring, "replace_whole"),
    (restoring, "_rows"),
    (restoring, "finished"),
    (restoring, "take_over"),
    (places, "_replace"),
    (places, "exchange"),
    (restoring, "unstage"),
]


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


def killed_at(count: int, site: Site, snapshot: Path) -> bool:
    """Restore, and die at the start or the end of the *count*th event: from then on no event happens, as after a kill. What a
    process holds at its end (a transaction, a lock on a file) ends with it. Did it get so far?
    """
    left = count

    def dying(work: Callable[..., Any]) -> Callable[..., Any]:
        def passed() -> None:
            nonlocal left
            left -= 1
            if left <= 0:
                raise Killed

        def call(*given: Any, **named: Any) -> Any:
            passed()
            found = work(*given, **named)
            passed()
            return found

        return call

    with ExitStack() as stack:
        for module, name in EVENTS:
            stack.enter_context(mock.patch.object(module, name, dying(getattr(module, name))))
        try:
            site.arcops("host", "restore", snapshot)
        except Killed:
            return True
    return False


def test_a_restore_that_is_killed_anywhere_is_before_or_after(site: Site) -> None:
    snapshot, wanted = site.taken(), site.content
    site.changed()
    changed = site.content
    other = site.folder / "changed.json"
    site.arcops("host", "snapshot", "-o", other)
    found = []
    for count in range(1, 100):
        if not killed_at(count, site, snapshot):
            break
        content = site.content
        assert content in (changed, wanted), f"killed at {count}, it is between"
        found.append(content == wanted)
        if content == wanted:
            site.arcops("host", "restore", other)
            assert site.content == changed
    assert len(found) > 12, "too few places were tried"
    assert found == sorted(found), "what was restored is lost again"
    assert {True, False} == set(found)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site that no test changes."""
    return a_site(tmp_path_factory.mktemp("shared"))


def statement(snapshot: Path) -> bytes:
    return read_envelope(snapshot.read_bytes()).payload


def other(site: Site, change: Callable[[HostSnapshot], HostSnapshot]) -> bytes:
    """The snapshot of *site* with a *change*, signed again by its key."""
    found = HOST_SNAPSHOT.read(statement(site.taken()))
    return seal_statement(HOST_SNAPSHOT.statement(change(found)), site.place.signer())


def configured(**more: Any) -> Callable[[HostSnapshot], HostSnapshot]:
    return lambda one: replace(one, configuration=replace(one.configuration, **more))


def renamed(name: str, **more: str) -> Callable[[HostSnapshot], HostSnapshot]:
    def change(one: HostSnapshot) -> HostSnapshot:
        server = replace(one.configuration.servers[0], name=name, **more)
        return configured(servers=(server, *one.configuration.servers[1:]))(one)

    return change


def filed(place: str, name: str, text: str = "x") -> Callable[[HostSnapshot], HostSnapshot]:
    return lambda one: configured(files=(*one.configuration.files, SnapshotFile(place=place, name=name, text=text)))(one)


SECRET = '{"environment":["API_TOKEN=hunter22hunter22"],"package":"pypi:a==1"}'
WRONG: dict[str, tuple[Callable[[HostSnapshot], HostSnapshot], str]] = {
    "another site's": (lambda one: replace(one, site="another"), "is restored at its own site"),
    "from the future": (lambda one: replace(one, taken=one.taken + timedelta(days=1)), "in the future"),
    "a reserved name": (renamed("metrics"), "the address of something else"),
    "a name twice": (renamed("two"), "names a server twice"),
    "a row that cannot be": (renamed("a", spec='{"package":"pypi:a"}'), "one exact version"),
    "a row of a newer version": (renamed("a", spec='{"package":"pypi:a==1","gpus":2}'), "gpus"),
    "a secret in a row": (renamed("a", spec=SECRET), "looks like a secret"),
    "something else as a lock": (renamed("a", lock="{}"), "Lock"),
    "a file with a path": (filed("policies", "../evil.yaml"), "is no place of such a file"),
    "a hidden file": (filed("policies", ".evil"), "is no place of such a file"),
    "a file elsewhere": (filed("keys", "evil.pub"), "is no place of such a file"),
    "something else as a policy": (filed("policies", "evil.yaml", "name: evil"), "evil"),
    "something else as an access policy": (filed("access", "roles.yaml", "nothing: {}"), "would deny everything"),
    "something else as limits": (configured(files=(SnapshotFile(place="limits", name="limits.yaml", text="a: b"),)), "limits"),
    "no tables": (configured(tables=()), "lacks the table"),
    "a table that is no configuration": (
        configured(tables=(SnapshotTable(name="arcops_api_key", rows=()),)),
        "not configuration",
    ),
    "another column": (configured(tables=(SnapshotTable(name="arcops_hosted_allowed", rows=('{"a":1}',)),)), "other columns"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_does_not_count_here_changes_nothing(shared: Site, what: str) -> None:
    change, why = WRONG[what]
    refused(shared, other(shared, change), why)


def refused(site: Site, data: bytes, why: str) -> None:
    before = site.content
    path = site.folder / "wrong.json"
    path.write_bytes(data)
    told = site.arcops("host", "restore", path, expect=REFUSED).stderr
    assert why in told
    assert len(told.splitlines()) == 1
    assert site.content == before


def test_what_is_not_signed_altered_or_of_a_newer_format_is_refused(shared: Site) -> None:
    data = statement(shared.taken())
    refused(shared, data, "not a sealed artifact")
    refused(shared, seal_statement(data, Key()), "None of the 1 key(s) trusted here signed it")
    envelope = json.loads(shared.taken().read_bytes())
    sealed = json.loads(seal_statement(data.replace(b'"owner":"team"', b'"owner":"evil"'), Key()))
    envelope["dsseEnvelope"]["payload"] = sealed["dsseEnvelope"]["payload"]
    refused(shared, json.dumps(envelope).encode(), "None of the 1 key(s) trusted here signed it")
    document = json.loads(data) | {"predicateType": "https://arcops.dev/predicates/host-snapshot/v2"}
    refused(shared, seal_statement(canonical(document), shared.place.signer()), "another version of ArcOps writes")
    document["predicateType"] = "https://arcops.dev/predicates/runbook-run/v1"
    refused(shared, seal_statement(canonical(document), shared.place.signer()), "is not the snapshot of a host")
    assert "does not exist" in shared.arcops("host", "restore", shared.folder / "no.json", expect=REFUSED).stderr


def test_the_snapshot_of_a_revoked_signer_is_refused(site: Site) -> None:
    """Another key of the site signs and is revoked later."""
    snapshot = site.folder / "by-second.json"
    key = site.home / "keys" / "second.key"
    site.more["ARCOPS_SITE"] = "plant"
    site.arcops("keys", "new", key)
    site.arcops("keys", "trust", key.with_suffix(".pub"))
    site.arcops("host", "snapshot", "-o", snapshot, "--key", str(key))
    site.arcops("host", "restore", snapshot)
    id_ = json.loads(site.arcops("keys", "show", key.with_suffix(".pub"), "--format", "json").stdout)["keyId"]
    site.arcops("keys", "revoke", id_, "--reason", "lost")
    refused(site, snapshot.read_bytes(), "was revoked")


def test_a_site_without_a_name_restores_only_what_its_own_key_signed(site: Site) -> None:
    key = site.home / "keys" / "second.key"
    site.arcops("keys", "new", key)
    site.arcops("keys", "trust", key.with_suffix(".pub"))
    snapshot = site.folder / "by-second.json"
    site.arcops("host", "snapshot", "-o", snapshot, "--key", str(key))
    refused(site, snapshot.read_bytes(), "may be another site's")


@pytest.mark.parametrize(
    "line", [("--env", "API_TOKEN=hunter22hunter22"), ("--arg", "ghp_16C7e42F292c6912E7710c838347Ae178B4a")]
)
def test_a_row_with_a_secret_is_not_put_into_a_snapshot(shared: Site, line: tuple[str, str]) -> None:
    shared.arcops("host", "add", "leaky", "--package", "pypi:leaky==1", *line)
    told = shared.arcops("host", "snapshot", expect=REFUSED).stderr
    shared.arcops("host", "remove", "leaky")
    assert "server leaky holds what looks like a secret" in told
    assert line[1].rpartition("=")[2] not in told
    text = statement(shared.taken()).decode()
    assert "T=file:/run/t" in text  # the reference, and nothing else of it


def test_a_change_of_the_tier_is_noticed_and_restored_by_itself_if_the_site_says_so(site: Site) -> None:
    snapshot, before = site.taken(), site.content
    with opened(site.place.settings) as database:
        assert noticed(database, site.place) == ()
        site.more["ARCOPS_TIER"] = "restricted"
        site.changed()
        assert noticed(database, site.place) == ("tier was air-gapped and is restricted",)
        assert noticed(database, site.place) == ()
        assert site.content != before, "no one said that it is restored"
        site.more |= {"ARCOPS_HOST_RESTORE": str(snapshot), "ARCOPS_PUBLIC_URL": "https://new.example"}
        assert noticed(database, site.place) == ("publicUrl was not set and is https://new.example",)
        assert site.content == before
        site.arcops("host", "stop", "one")
        assert noticed(database, site.place) == ()
        assert site.content != before, "nothing changed, and it was restored"
        site.more["ARCOPS_TIER"] = "air-gapped"
        snapshot.write_bytes(statement(snapshot))
        with pytest.raises(Refused):
            noticed(database, site.place)
        with pytest.raises(Refused):
            noticed(database, site.place)  # until it is repaired


@pytest.mark.site
def test_a_host_that_lost_its_database_restores_when_it_begins(site: Site) -> None:
    snapshot, before = site.taken(), site.content
    for path in (site.home / "database").iterdir():
        path.unlink()
    (site.home / "limits.yaml").unlink()
    site.more["ARCOPS_HOST_RESTORE"] = str(snapshot)
    with served("host", "serve", env=site.environment) as host:
        until(lambda: [line for line in host.log if "restored by itself" in line], "it is restored")
        until(lambda: host.get("/two/status").status_code == 200, "its rows are served")
    assert site.content == before


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres() as url:
        yield Server(url.replace("asyncpg", "psycopg").removesuffix("/prefect"))


@pytest.mark.site
def test_on_postgresql(server: Server, tmp_path: Path) -> None:
    site = a_site(tmp_path, ARCOPS_DATABASE=server.new())
    snapshot, before = site.taken(), site.content
    site.changed()
    changed = site.content
    for count in (4, 6, 8, 12):
        killed_at(count, site, snapshot)
        assert site.content in (before, changed)
    site.arcops("host", "restore", snapshot)
    assert site.content == before
