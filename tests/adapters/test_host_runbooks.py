"""``arcops host runbook`` on a real site: deploy, roll back, an incident and new keys, each step with its check."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from unittest import mock

import pytest

from adapters.cli import surroundings
from artifacts.runbook_run import RUNBOOK_RUN, RunbookRun
from artifacts.store import Store
from artifacts.vouch import vouch
from artifacts.wire import from_json
from capabilities.server.runbooks_running import HostRunbookRun, RunbookRunTold, run_with
from flows.place import Place
from foundation.database.opening import opened
from services.host.figures.records import Kind, recorded
from services.host.runbooks.checking import Ran
from services.host.runbooks.kept import StepRecord
from services.host.runbooks.template import names
from tasks.signing.grounds import grounds
from tests.adapters.serving import environment
from tests.adapters.test_host_serve import Client, Home
from tests.adapters.test_host_serve import home as home
from tests.adapters.typed import typed
from tests.waiting import until

pytestmark = pytest.mark.requirement("HOST-008-012/runbooks-execute")


class Site:
    """A site with the policy ``folders``, on which runbooks run in this process."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.ran: list[tuple[str, ...]] = []
        self.dies_before = ""

    def new(self, name: str, *given: str, role: str = "platform-engineer") -> str:
        line = [part for one in given for part in ("--set", one)]
        made = self.home.arcops("host", "runbook", "new", name, "--role", role, *line, "--format", "json")
        return str(json.loads(made)["id"])

    @property
    def place(self) -> Place:
        with mock.patch.dict(os.environ, self.home.environment, clear=True):
            at = surroundings.place()
            at.signer()  # opened while its passphrase is there, and remembered
            return at

    def run(self, id_: str, *, step: int = 0, do: bool = True) -> RunbookRunTold:
        with mock.patch.dict(os.environ, self.home.environment, clear=True):
            return run_with(HostRunbookRun(id=id_, step=step, do=do), surroundings.place(), self.command)

    def command(self, command: tuple[str, ...]) -> Ran:
        if self.dies_before and self.dies_before in command:
            raise KeyboardInterrupt
        self.ran.append(command)
        done = typed(*command, environment=self.home.environment)
        return Ran(command=command, exit=done.returncode, stdout=done.stdout, stderr=done.stderr)

    def changes(self) -> list[str]:
        """The second word of each command that changed something since the last look."""
        looks = ("status", "explain", "diff", "show")
        found = [one[1] for one in self.ran if one[1] not in looks]
        self.ran.clear()
        return found

    def record(self, artifact: str) -> RunbookRun:
        """The record, if it counts here, with evidence that is there."""
        at = self.place
        with Store.at(at.settings) as store:
            vouched = vouch(store.get(artifact), grounds(at.settings.trust), at.now())
            found = RUNBOOK_RUN.read(vouched.statement)
            for step in found.steps:
                assert from_json(StepRecord, store.get(step.evidence)).number == step.number
        return found


@pytest.fixture
def site(home: Home) -> Site:
    home.arcops("host", "remove", "small")
    return Site(home)


def deploying(site: Site, **more: str) -> list[str]:
    values = {"server": "small", "package": f"folder:{site.home.folder / 'source'}", "program": "server.py", "owner": "team"}
    return [f"{name}={value}" for name, value in (values | more).items()]


def states(told: RunbookRunTold) -> list[str]:
    return [one.state for one in told.steps]


def test_deploy_looks_first_then_does_and_a_second_one_finds_it_done(site: Site) -> None:
    id_ = site.new("deploy", *deploying(site))
    foreseen = site.run(id_, do=False)
    assert states(foreseen) == ["would-run", "would-run", "waits", "would-run", "would-run"]
    assert "it needs lock" in foreseen.steps[2].why
    assert site.changes() == [], "a look changed something"
    assert "there is no hosted server" in site.home.arcops("host", "status", "small", expect=2)

    told = site.run(id_)
    assert states(told) == ["done", "done", "done", "done", "skipped"]
    assert site.changes() == ["add", "resolve", "allow", "gate"]
    site.home.arcops("host", "explain", "small", expect=4)  # it may run
    record = site.record(told.artifact)
    assert (record.runbook, record.role, [one.state for one in record.steps]) == ("deploy", "platform-engineer", states(told))
    assert "done and sealed" in site.home.arcops("host", "runbook", "run", id_, "--step", "1", "--yes", expect=2)

    again = site.run(site.new("deploy", *deploying(site)))
    assert states(again) == ["skipped"] * 5
    assert site.changes() == []
    assert again.artifact


def test_a_step_of_another_role_is_waited_for(site: Site) -> None:
    id_ = site.new("deploy", *deploying(site), role="developer")
    told = site.run(id_)
    assert states(told) == ["done", "done", "failed"]
    assert "platform-engineer, security does this step" in told.steps[-1].why
    assert site.changes() == ["add", "resolve"], "the developer allowed a lock"
    other = site.run(site.new("deploy", *deploying(site), role="security"))
    assert states(other) == ["skipped", "skipped", "done", "done", "skipped"]
    assert states(site.run(id_)) == ["skipped", "skipped", "skipped"]


def test_a_run_that_was_killed_between_two_steps_goes_on(site: Site) -> None:
    id_ = site.new("deploy", *deploying(site))
    site.dies_before = "resolve"
    with pytest.raises(KeyboardInterrupt):
        site.run(id_)
    assert site.changes() == ["add"]
    told = site.home.arcops("host", "runbook", "status", id_)
    assert "1. Add the row: done" in told
    assert "2. Resolve it to a lock: begun" in told
    assert "comes before step 3" in site.home.arcops("host", "runbook", "run", id_, "--step", "3", "--yes", expect=2)
    site.dies_before = ""
    assert states(site.run(id_, step=2)) == ["done"]
    assert states(site.run(id_)) == ["done", "done", "skipped"]
    assert site.changes() == ["resolve", "allow", "gate"], "a step was done twice"


def test_a_step_that_was_cut_off_after_its_effect_is_not_done_again(site: Site) -> None:
    id_ = site.new("deploy", *deploying(site))
    site.run(id_, step=1)
    with closing(sqlite3.connect(site.home.folder / "home" / "database" / "arcops.sqlite")) as database, database:
        database.execute("UPDATE arcops_runbook_step SET state = 'begun', said = '', ended = 0")
    site.changes()
    told = site.run(id_, step=1)
    assert (states(told), told.steps[0].why) == (["skipped"], "an attempt before was cut off, and had its effect")
    assert site.changes() == []


def test_a_step_whose_check_still_fails_ends_the_run(site: Site) -> None:
    """The policy permits no folders, so the server is judged, and is RED."""
    policy = (
        (site.home.folder / "folders.yaml").read_text().replace("[folder]", "[pypi]").replace("name: folders", "name: strict")
    )
    (site.home.folder / "strict.yaml").write_text(policy)
    site.home.arcops("policy", "register", str(site.home.folder / "strict.yaml"))
    site.home = Home(site.home.folder, policy="strict")
    id_ = site.new("deploy", *deploying(site))
    told = site.run(id_)
    assert states(told) == ["done", "done", "done", "failed"]
    assert "its command ended with 3" in told.steps[-1].why
    assert (told.ended, told.artifact, told.well) == (False, "", False)


def test_a_server_is_rolled_back_and_an_incident_is_handled(site: Site) -> None:
    assert site.run(site.new("deploy", *deploying(site))).ended
    (site.home.folder / "second").mkdir()
    (site.home.folder / "second" / "server.py").write_text("raise SystemExit('this version is broken')")
    site.home.arcops("host", "add", "small", "--package", f"folder:{site.home.folder / 'second'}", "--command", "server.py")
    site.home.arcops("host", "explain", "small", expect=3)  # it may not
    site.changes()
    told = site.run(site.new("rollback", "server=small", "to=2", role="sre"))
    assert states(told) == ["done", "skipped", "skipped"], "the verdict of the first version counts"
    assert site.changes() == ["rollback"]
    site.home.arcops("host", "explain", "small", expect=4)  # it may run

    told = site.run(site.new("incident", "server=small", "good=2"))
    assert states(told) == ["done", "done", "skipped", "done", "skipped", "done"]
    assert site.changes() == ["stop", "deny", "allow", "start"]
    assert site.record(told.artifact).runbook == "incident"
    assert "there is no hosted server" in site.run(site.new("rollback", "server=other", "to=1")).steps[-1].why


def test_the_signing_key_is_replaced_and_the_server_goes_on(site: Site) -> None:
    assert site.run(site.new("deploy", *deploying(site))).ended
    keys = site.home.folder / "home" / "keys"
    site.changes()
    id_ = site.new("rotate-keys", "server=small", f"newKey={keys / 'second'}", f"oldKey={keys / 'arcops'}", role="security")
    told = site.run(id_)
    assert states(told) == ["done"] * 4, told.steps[-1].why
    assert site.changes() == ["new", "trust", "gate", "revoke"]
    shown = site.home.arcops("keys", "show", str(keys / "arcops.pub"))
    assert "revoked: it was replaced" in shown
    site.home.arcops("host", "explain", "small", expect=4)  # it may run


def test_a_server_is_moved_to_a_newer_version_and_judged_by_a_stricter_policy(site: Site) -> None:
    assert site.run(site.new("deploy", *deploying(site))).ended
    folder = site.home.folder
    (folder / "second").mkdir()
    (folder / "second" / "server.py").write_bytes((folder / "source" / "server.py").read_bytes() + b"# newer\n")
    site.changes()
    newer = site.new("modernise", "server=small", f"package=folder:{folder / 'second'}", "program=server.py")
    assert states(site.run(newer)) == ["done"] * 4
    assert site.changes() == ["add", "resolve", "allow", "gate"]
    hard = folder / "hard.yaml"
    hard.write_text((folder / "folders.yaml").read_text().replace("name: folders", "name: hard").replace("P7D", "P1D"))
    site.home = Home(folder, policy="hard")
    told = site.run(site.new("harden", "server=small", f"file={hard}", "policy=hard", role="security"))
    assert states(told) == ["done", "done"], told.steps[-1].why
    assert "by the policy hard" in site.home.arcops("host", "explain", "small", expect=4)


@pytest.mark.site
def test_real_processes_and_a_real_kill(site: Site) -> None:
    """The run is killed while its first command runs; the next one goes on, and one beside it is refused."""
    id_ = site.new("deploy", *deploying(site))
    line = [sys.executable, "-m", "adapters.cli", "host", "runbook", "run", id_, "--yes"]
    with subprocess.Popen(line, env=environment(site.home.environment)) as process:
        until(lambda: "1. Add the row: begun" in site.home.arcops("host", "runbook", "status", id_), "the first step began")
        assert "is being run by another process" in site.home.arcops("host", "runbook", "run", id_, "--yes", expect=1)
        process.send_signal(signal.SIGKILL)
    with closing(sqlite3.connect(site.home.folder / "home" / "database" / "arcops.sqlite")) as database, database:
        database.execute("UPDATE arcops_lease SET until = 0")  # instead of waiting until it ends
    told = site.home.arcops("host", "runbook", "run", id_, "--yes")
    assert "every step is done; the signed record is sha256:" in told
    with site.home.serving() as host:
        client = Client(host)
        assert client.begin().status_code == 200
        assert client.call("echo", a=1) == {"a": 1}


def test_bad_input_is_refused_with_a_sentence_and_leaves_nothing(site: Site) -> None:
    for line, why in (
        (("new", "../deploy", "--role", "sre"), "there is no runbook"),
        (("new", "deploy", "--role", "boss"), "there is no role"),
        (("new", "deploy", "--role", "sre", "--set", "server=a;b"), "cannot be the name"),
        (("new", "rollback", "--role", "sre", "--set", "server=a", "--set", "to=one"), "not a whole number"),
        (("run", "nothing"), "there is no runbook"),
        (("status", "nothing"), "there is no runbook"),
    ):
        assert why in site.home.arcops("host", "runbook", *line, expect=2)
    with opened(site.place.settings) as database:
        assert recorded(database, [Kind.RUNBOOK, Kind.DOCUMENT]) == ()
    assert "no runbook was made yet" in site.home.arcops("host", "runbook", "status")
    id_ = site.new("rollback", "server=small", "to=1")
    for _ in range(2):
        site.new("rollback", "server=small", "to=1")
    with opened(site.place.settings) as database:
        assert [one.subject for one in recorded(database, [Kind.RUNBOOK])] == ["rollback"] * 3
        assert sorted(one.subject for one in recorded(database, [Kind.DOCUMENT])) == [f"runbook:{one}" for one in names()]
    for do in ((), ("--yes",)):
        assert "no step 9" in site.home.arcops("host", "runbook", "run", id_, "--step", "9", *do, expect=2)
    page = site.home.folder / "page.md"
    line = ("--role", "sre", "--set", "server=small", "--set", "to=1")
    told = site.home.arcops("host", "runbook", "show", "rollback", *line, "-o", str(page))
    assert page.read_text() == told
    assert "# Roll a hosted server back, for the role sre" in told
