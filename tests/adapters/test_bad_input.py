"""What people, broken disks and attackers hand to the command line: one sentence, a documented exit code, and never GREEN."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from arcops.errors import Refused
from arcops.verdict import Verdict
from artifacts.public_key import load_public_key
from artifacts.store import Store
from tasks.model import tree
from tests.adapters.typed import Done, typed
from tests.models import Bench, bench, good_model

pytestmark = pytest.mark.requirement("ARC-0/hostile-input-is-contained", "ARC-1/errors-are-clear")

ARCOPS = [sys.executable, "-m", "adapters.cli"]
GREEN, CANNOT, USAGE, RED = 0, 1, 2, 3
MIB = 1024 * 1024
MOST_MEMORY = 400 * MIB
"""Peak of any check here; the good one takes a fifth of it."""


def run(here: Bench, *arguments: str | Path, **environment: str) -> Done:
    """The command line in this process, which spares its start; `TestOutput` and others start it as people do."""
    surroundings = {**os.environ, **here.environment, "COLUMNS": "400", **environment}
    done = typed(*map(str, arguments), environment=surroundings)
    everything = done.stdout + done.stderr
    assert "Traceback" not in everything
    assert "is a bug" not in everything
    assert "\x1b" not in everything, "what names an input must not command the terminal"
    return done


def check(here: Bench, model: Path, *more: str | Path, **environment: str) -> Done:
    return run(here, "check", model, "--policy", here.policy, *more, **environment)


def sentence(done: Done) -> str:
    """The one line that was said."""
    (line,) = done.stderr.splitlines()
    assert line.startswith("arcops: ")
    assert not done.stdout
    return line


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bench, Path]:
    """A bench and a good model that no test changes."""
    here = bench(tmp_path_factory.mktemp("bench"))
    return here, good_model(here, now=datetime.now(UTC).replace(microsecond=0))


@pytest.fixture
def own(shared: tuple[Bench, Path], tmp_path: Path) -> tuple[Bench, Path]:
    here, model = shared
    return here, Path(shutil.copytree(model, tmp_path / model.name))


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


@pytest.fixture
def home(shared: tuple[Bench, Path], tmp_path: Path) -> Path:
    """A copy of the bench's home, for a test to damage."""
    return Path(shutil.copytree(shared[0].home, tmp_path / "home"))


class TestTargets:
    @pytest.mark.parametrize("name", ["pipe", "/dev/zero", "/", "", "no\x1b[31mpe\n", "x" * 300, os.fsdecode(b"no\xff")])
    def test_what_can_be_no_model_is_refused_at_once(
        self, shared: tuple[Bench, Path], pipe: Path, tmp_path: Path, name: str
    ) -> None:
        done = run(shared[0], "check", pipe if name == "pipe" else name, "--policy", shared[0].policy)
        assert done.returncode in (CANNOT, USAGE)
        assert "nothing" in done.stderr or "give" in done.stderr or "empty" in done.stderr

    def test_a_name_that_no_report_could_carry_is_refused(self, shared: tuple[Bench, Path], tmp_path: Path) -> None:
        named = tmp_path / os.fsdecode(b"mod\xffel")
        named.mkdir()
        (named / "config.json").write_text("{}")
        done = check(shared[0], named)
        assert done.returncode == USAGE
        assert "not UTF-8" in sentence(done)

    def test_a_model_is_named_by_itself_and_not_by_dots(self, own: tuple[Bench, Path]) -> None:
        here, model = own
        (model / "sub").mkdir()
        assert here.check(model / "sub" / "..").report.subject.name == model.name

    @pytest.mark.parametrize("name", ["evil\x1b]0;t\x07\n.json", "n" * 255, os.fsdecode(b"bad\xff.json")])
    def test_names_of_files_are_shown_harmlessly(self, own: tuple[Bench, Path], name: str) -> None:
        here, model = own
        (model / name).write_text("{}")
        done = check(here, model)
        assert done.returncode == RED
        assert name[:3] in done.stdout

    @pytest.mark.parametrize("form", ["json", "sarif", "junit", "markdown", "test-result"])
    def test_no_format_lets_a_name_command_a_terminal(self, own: tuple[Bench, Path], form: str) -> None:
        here, model = own
        (model / "evil\x1b]0;t\x07.json").write_text("{}")
        assert check(here, model, "--format", form).returncode == RED

    def test_thousands_of_links_are_red_and_none_is_followed(self, own: tuple[Bench, Path]) -> None:
        here, model = own
        for number in range(2000):
            (model / f"link{number}").symlink_to("/etc/passwd")
        done = check(here, model)
        assert done.returncode == RED
        assert "which leaves the model" in done.stdout
        assert "There are 1800 more findings of this rule" in done.stdout

    def test_thousands_of_files_take_no_more_memory(self, own: tuple[Bench, Path]) -> None:
        here, model = own
        for number in range(3000):
            (model / f"{number}.json").write_text("{}")
        done = check(here, model, "--format", "json")
        assert done.returncode == RED
        assert json.loads(done.stdout)["predicate"]["verdict"] == "RED"

    def test_a_model_that_changes_while_it_is_read_is_never_green(
        self, own: tuple[Bench, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here, model = own
        weights, now = model / "model.safetensors", tree.clock_ns
        good = weights.read_bytes()

        def rewritten() -> int:
            """The clock is read between the walk and the reading: there, other bytes stand for a moment in the file."""
            weights.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
            weights.write_bytes(good)
            return now()

        assert check(here, model).returncode == GREEN
        monkeypatch.setattr(tree, "clock_ns", rewritten)
        done = check(here, model, "--format", "json")
        assert done.returncode == RED
        assert "it changed" in done.stdout

    @pytest.mark.parametrize("what", ["folder", "pipe", "empty"])
    def test_an_attachment_that_can_be_no_evidence_is_refused(
        self, shared: tuple[Bench, Path], pipe: Path, tmp_path: Path, what: str
    ) -> None:
        (tmp_path / "folder").mkdir()
        (tmp_path / "empty").touch()
        done = check(*shared, "--attach", tmp_path / what)
        assert done.returncode == USAGE
        assert str(tmp_path / what) in sentence(done)


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root reads everything")
class TestForbidden:
    """What the user may not read or write."""

    def check(self, here: Bench, model: Path, home: Path) -> subprocess.CompletedProcess[str]:
        prefix: list[str] = []
        if os.geteuid() == 0:  # root without the power to overrule permissions
            prefix = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"]
        done = subprocess.run(
            [*prefix, *ARCOPS, "check", str(model), "--policy", str(here.policy)],
            capture_output=True, text=True, check=False, timeout=600,
            env={**os.environ, **here.environment, "ARCOPS_HOME": str(home), "COLUMNS": "400"},
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        return done

    @pytest.mark.parametrize(
        ("what", "code"),
        [
            ("model/model.safetensors", RED), ("home/trust/keys", RED),
            ("home/store/log", CANNOT), ("home/keys/arcops.key", CANNOT), ("home/cache", GREEN),
        ],
    )  # fmt: skip
    def test_what_may_not_be_read(
        self, shared: tuple[Bench, Path], own: tuple[Bench, Path], home: Path, what: str, code: int
    ) -> None:
        here, model = own
        checked = here.check(model, now=datetime.now(UTC))
        assert checked.report.verdict is Verdict.GREEN  # so that the store exists
        shutil.copytree(here.home, home, dirs_exist_ok=True)
        (home / "cache").mkdir(exist_ok=True)
        where, _, rest = what.partition("/")
        forbidden = (model if where == "model" else home) / rest
        before = forbidden.stat().st_mode
        forbidden.chmod(0)
        try:
            done = self.check(here, model, home)
        finally:
            forbidden.chmod(before)
        assert done.returncode == code, done.stdout + done.stderr
        if code == CANNOT:
            assert str(home) in done.stderr
        if code == RED:
            assert "ermission denied" in done.stdout


class TestSboms:
    @pytest.mark.requirement("ARC-A3/a-bad-sbom-is-red")
    @pytest.mark.parametrize(
        ("mutate", "says"),
        [
            (lambda good: good.decode().encode("utf-16"), "UTF-16"),
            (lambda good: good[: len(good) // 2], "JSON"),
            (lambda good: good.replace(b'"1.6"', b'"9.9"'), "9.9"),
            (lambda good: b'{"a":' * 200_000, "nested more than 100 deep"),
            (lambda good: b"SPDXVersion: SPDX-2.3\n" + b"PackageName: a\n" * 600_000, "lines"),
            (lambda good: b"", "empty"),
        ],
        ids=["utf-16", "truncated", "version", "deep", "many", "empty"],
    )
    def test_a_bad_sbom_is_red_and_says_why(self, own: tuple[Bench, Path], mutate: Callable[[bytes], bytes], says: str) -> None:
        here, model = own
        sbom = model / "model.cdx.json"
        sbom.write_bytes(mutate(sbom.read_bytes()))
        done = check(here, model)
        assert done.returncode == RED
        assert says in done.stdout

    @pytest.mark.requirement("ARC-A3/a-bad-sbom-is-red")
    def test_an_sbom_of_200_mb_is_refused_without_reading_it(self, own: tuple[Bench, Path]) -> None:
        here, model = own
        with (model / "model.cdx.json").open("wb") as file:
            file.truncate(200 * MIB)
        code = (
            "import resource, subprocess, sys; code = subprocess.run(sys.argv[1:]).returncode;"
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, code)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, *ARCOPS, "check", str(model), "--policy", str(here.policy)],
            capture_output=True, text=True, check=False, timeout=600, env={**os.environ, **here.environment, "COLUMNS": "400"},
        )  # fmt: skip
        assert "209715200 bytes; the limit for a file of this kind is" in done.stdout
        kilobytes, exit_code = map(int, done.stdout.split()[-2:])
        assert exit_code == RED
        assert kilobytes * 1024 < MOST_MEMORY


class TestPolicies:
    @pytest.mark.requirement("ARC-4/a-wrong-policy-is-an-error")
    @pytest.mark.parametrize(
        ("old", "new", "says"),
        [
            ("name: bench", "name: bench\nfoo: 1", "foo"),
            ("weights: {}", "weights: {formatz: []}", "formatz"),
            ("weights: {}", "wheights: {}", "wheights"),
            ("name: bench", "name: ''", "name"),
            ("P7D", "P999999999D", "3660"),
            ("P7D", "-P7D", "positive"),
            ("validFor", f"waivers: [{'1,' * 30_000}]\nvalidFor", "values"),
            ("name: bench", "name: \x1b[31m", "special characters"),
            ("name", "[" * 20_000, "nested more than 100 deep"),
        ],
    )
    def test_a_wrong_policy_is_two_and_names_file_and_key(
        self, shared: tuple[Bench, Path], tmp_path: Path, old: str, new: str, says: str
    ) -> None:
        here, model = shared
        policy = tmp_path / "policy.yaml"
        policy.write_text(here.policy.read_text().replace(old, new, 1))
        done = run(here, "check", model, "--policy", policy)
        assert done.returncode == USAGE
        assert says in sentence(done)
        assert "policy.yaml" in done.stderr or "policy 'bench'" in done.stderr

    @pytest.mark.parametrize("name", ["pipe", "", "/dev/zero", "folder"])
    def test_a_policy_that_is_no_file_is_two(self, shared: tuple[Bench, Path], pipe: Path, tmp_path: Path, name: str) -> None:
        (tmp_path / "folder").mkdir()
        here, model = shared
        given = str(tmp_path / name) if name.isalpha() else name
        done = run(here, "check", model, "--policy", given)
        assert done.returncode == USAGE
        assert given in sentence(done)


class TestTrust:
    @pytest.mark.requirement("ARC-4/a-missing-signature-is-red")
    @pytest.mark.parametrize(
        ("damage", "says"),
        [
            (lambda trust: shutil.rmtree(trust), "does not exist or is not a folder"),
            (lambda trust: shutil.rmtree(trust / "keys"), "holds no trust"),
            (lambda trust: (trust / "keys" / "x.pub").write_bytes(b"\0" * 99), "x.pub"),
            (lambda trust: (trust / "keys" / "x.pub").symlink_to("/nonexistent"), "x.pub does not exist"),
            (lambda trust: (trust / "keys" / "x.pub").symlink_to("x.pub"), "x.pub cannot be opened"),
            (lambda trust: os.mkfifo(trust / "keys" / "x.pub"), "x.pub is not a regular file"),
            (lambda trust: (trust / "revocations").write_text(""), "revocations is not a directory"),
            (lambda trust: (trust / "revocations").symlink_to("/nonexistent"), "revocations is not a directory"),
        ],
        ids=["missing", "empty", "garbage", "dangling", "loop", "pipe", "no-list", "lost-list"],
    )
    def test_trust_that_cannot_be_read_is_red_and_says_where(
        self, shared: tuple[Bench, Path], home: Path, damage: Callable[[Path], object], says: str
    ) -> None:
        damage(home / "trust")
        done = check(*shared, ARCOPS_HOME=str(home))
        assert done.returncode == RED
        assert says in done.stdout


class TestHome:
    @pytest.mark.parametrize(
        "damage",
        [
            lambda cache: cache.symlink_to("/nonexistent/x"),
            lambda cache: cache.write_text("not a folder"),
        ],
        ids=["dangling", "file"],
    )
    def test_a_cache_that_cannot_be_used_costs_time_only(
        self, shared: tuple[Bench, Path], home: Path, damage: Callable[[Path], object]
    ) -> None:
        shutil.rmtree(home / "cache", ignore_errors=True)
        damage(home / "cache")
        assert check(*shared, ARCOPS_HOME=str(home)).returncode == GREEN

    @pytest.mark.parametrize(
        ("damage", "says"),
        [
            (lambda store: (store / "origin").write_bytes(b"\xff"), "origin"),
            (lambda store: (store / "origin").write_bytes(b""), "origin"),
            (lambda store: os.truncate(store / "log", 50), "shorter than it was"),
            (lambda store: (store / "log").unlink(), "shorter than it was"),
        ],
        ids=["origin", "no-origin", "log", "no-log"],
    )
    def test_a_damaged_store_is_one_and_is_left_alone(
        self, shared: tuple[Bench, Path], home: Path, damage: Callable[[Path], object], says: str
    ) -> None:
        assert check(*shared, ARCOPS_HOME=str(home)).returncode == GREEN
        damage(home / "store")
        for path in (home / "store").glob("index.sqlite-*"):
            path.unlink()
        done = check(*shared, ARCOPS_HOME=str(home))
        assert done.returncode == CANNOT
        assert says in sentence(done)

    @pytest.mark.parametrize("content", [b"", b"\0" * 500, b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n"])
    def test_a_key_that_is_none_is_two(self, shared: tuple[Bench, Path], home: Path, content: bytes) -> None:
        key = home / "keys" / "arcops.key"
        key.write_bytes(content)
        key.chmod(0o600)
        done = check(*shared, ARCOPS_HOME=str(home))
        assert done.returncode == USAGE
        assert str(key) in sentence(done)

    @pytest.mark.parametrize(
        ("variable", "value"),
        [
            ("ARCOPS_WORKERS", "9" * 5000), ("ARCOPS_WORKERS", "0"), ("ARCOPS_TIER", "\x1b[31m"),
            ("ARCOPS_PASSPHRASE", os.fsdecode(b"\xff")),
        ],
    )  # fmt: skip
    def test_an_environment_that_cannot_be_understood_is_two(
        self, shared: tuple[Bench, Path], variable: str, value: str
    ) -> None:
        done = check(*shared, **{variable: value})
        assert done.returncode == USAGE
        assert len(sentence(done)) < 500

    def test_without_a_home_the_key_is_missed_by_name(self, shared: tuple[Bench, Path]) -> None:
        _, model = shared
        bare = {"PATH": os.environ["PATH"], "XDG_CONFIG_HOME": "/nonexistent", "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            [*ARCOPS, "check", str(model)], capture_output=True, text=True, check=False, timeout=600, env=bare
        )  # fmt: skip
        assert done.returncode == USAGE
        assert "/nonexistent/arcops/keys/arcops.key does not exist" in done.stderr

    def test_a_second_half_of_a_key_is_never_written_alone(self, shared: tuple[Bench, Path], tmp_path: Path) -> None:
        (tmp_path / "mine.pub").write_text("something of mine")
        assert run(shared[0], "keys", "new", tmp_path / "mine.key").returncode == USAGE
        assert not (tmp_path / "mine.key").exists()


class TestOutput:
    @pytest.mark.parametrize("name", ["pipe", "/dev/null", "/dev/stdout", "folder", "link", "no/file"])
    def test_only_a_plain_file_is_replaced(self, shared: tuple[Bench, Path], pipe: Path, tmp_path: Path, name: str) -> None:
        (tmp_path / "folder").mkdir()
        (tmp_path / "link").symlink_to("folder")
        before = os.lstat(tmp_path / name).st_ino if name.isalpha() or name.startswith("/") else 0
        done = check(*shared, "--output", tmp_path / name)
        assert done.returncode == USAGE
        assert str(tmp_path / name) in sentence(done)
        if before:
            assert os.lstat(tmp_path / name).st_ino == before

    @pytest.mark.parametrize("form", ["text", "json"])
    def test_a_verdict_that_could_not_be_said_is_one_and_names_the_artifact(
        self, shared: tuple[Bench, Path], form: str
    ) -> None:
        here, model = shared
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [*ARCOPS, "check", str(model), "--policy", str(here.policy), "--format", form],
                stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=600,
                env={**os.environ, **here.environment},
            )  # fmt: skip
        assert done.returncode == CANNOT
        (line,) = done.stderr.splitlines()
        assert Path(line.rpartition("the artifact is ")[2]).exists()

    def test_nothing_is_printed_into_a_file_when_the_streams_are_closed(self, shared: tuple[Bench, Path], home: Path) -> None:
        here, model = shared
        line = f"{sys.executable} -m adapters.cli check {model} --policy {here.policy} <&- >&- 2>&-"
        done = subprocess.run(
            ["/bin/sh", "-c", line], check=False, timeout=600, env={**os.environ, **here.environment, "ARCOPS_HOME": str(home)}
        )
        assert done.returncode == GREEN
        with Store(home / "store") as store:
            assert store.entries()
            assert not store.check([load_public_key(here.public.read_bytes(), where="bench")])

    def test_a_pipe_for_the_passphrase_is_read_when_somebody_writes(self, shared: tuple[Bench, Path]) -> None:
        here, model = shared
        read, write = os.pipe()
        os.write(write, here.environment["ARCOPS_PASSPHRASE"].encode())
        os.close(write)
        environment = {**os.environ, **here.environment, "ARCOPS_PASSPHRASE_FILE": f"/dev/fd/{read}"}
        del environment["ARCOPS_PASSPHRASE"]
        done = subprocess.run(
            [*ARCOPS, "check", str(model), "--policy", str(here.policy)],
            capture_output=True, text=True, check=False, timeout=600, pass_fds=(read,), env=environment,
        )  # fmt: skip
        os.close(read)
        assert done.returncode == GREEN, done.stderr


class TestIsolated:
    def children(self, process: int) -> list[str]:
        found: list[str] = []
        for path in Path(f"/proc/{process}/task").glob("*/children"):
            with suppress(OSError):  # the thread ended meanwhile
                found += path.read_text().split()
        return found

    @pytest.mark.requirement("ARC-A3/a-bad-sbom-is-red")
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
    def test_no_child_outlives_a_check_that_was_ended(self, own: tuple[Bench, Path], number: signal.Signals) -> None:
        here, model = own
        component = b'<component type="library"><name>a</name></component>'
        head = b'<bom xmlns="http://cyclonedx.org/schema/bom/1.6" version="1"><components>'
        (model / "more.cdx.xml").write_bytes(head + component * 300_000 + b"</components></bom>")
        command = [*ARCOPS, "check", str(model), "--policy", str(here.policy)]
        environment = {**os.environ, **here.environment}
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment) as process:
            children: list[str] = []
            while not children and process.poll() is None:
                children = self.children(process.pid)
            assert children, "the check ended before it could be stopped"
            (child,) = map(os.pidfd_open, map(int, children))
            process.send_signal(number)
            process.wait(600)
        assert select.select([child], [], [], 30)[0], "the child lives on"
        os.close(child)

    @pytest.mark.requirement("ARC-A3/a-bad-sbom-is-red")
    def test_a_lower_limit_of_the_system_is_no_trouble(self, shared: tuple[Bench, Path]) -> None:
        here, model = shared
        lower = "resource.setrlimit(resource.RLIMIT_AS, (10**9, 10**9))"
        limit = f"import os, resource, sys; {lower}; os.execv(sys.argv[1], sys.argv[1:])"
        done = subprocess.run(
            [sys.executable, "-c", limit, *ARCOPS, "check", str(model), "--policy", str(here.policy)],
            capture_output=True, text=True, check=False, timeout=600, env={**os.environ, **here.environment},
        )  # fmt: skip
        assert done.returncode == GREEN, done.stdout + done.stderr


class TestTogether:
    def test_checks_at_once_on_one_store_all_count(self, shared: tuple[Bench, Path], home: Path, tmp_path: Path) -> None:
        here, model = shared
        with Store(home / "store") as store:
            before = len(store.entries())
        # Of different names, because checks of one model in one second say the same and are one artifact.
        models = [shutil.copytree(model, tmp_path / f"model-{number}") for number in range(3)]
        environment = {**os.environ, **here.environment, "ARCOPS_HOME": str(home)}
        running = [
            subprocess.Popen(
                [*ARCOPS, "check", str(one), "--policy", str(here.policy)], stdout=subprocess.DEVNULL, env=environment
            )
            for one in models
        ]
        assert [process.wait(600) for process in running] == [GREEN] * 3
        with Store(home / "store") as store:
            assert len(store.entries()) == before + 3
            assert not store.check([load_public_key(here.public.read_bytes(), where="bench")])


class TestClocks:
    @pytest.mark.parametrize("year", [1, 1970, 8999])
    def test_a_clock_without_sense_is_never_green(self, shared: tuple[Bench, Path], tmp_path: Path, year: int) -> None:
        here, model = shared
        here = replace(here, settings=replace(here.settings, store=tmp_path / "store"))  # no other clock was there before
        assert here.check(model, now=datetime(year, 1, 2, tzinfo=UTC)).report.verdict is Verdict.RED

    def test_the_end_of_time_is_refused(self, shared: tuple[Bench, Path]) -> None:
        here, model = shared
        with pytest.raises(Refused, match="clock"):
            here.check(model, now=datetime(9001, 12, 31, tzinfo=UTC))
