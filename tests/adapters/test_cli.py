"""The command line from the outside: what people type, what they see, and the exit code that scripts act on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from artifacts.bundle import open_statement
from artifacts.objects import object_path
from artifacts.public_key import load_public_key
from artifacts.store import Store
from tests.adapters.typed import Done, typed
from tests.models import Bench, bench, good_model

pytestmark = pytest.mark.requirement(
    "ARC-1/signed-json", "ARC-1/errors-are-clear", "ARC-4/no-failed-collector-is-green", "ARC-D2/the-exit-code-is-the-verdict"
)

ARCOPS = [sys.executable, "-m", "adapters.cli"]
GREEN, CANNOT, USAGE, RED, AMBER = 0, 1, 2, 3, 4


def run(here: Bench, *arguments: str | Path, **environment: str) -> Done:
    return typed(*arguments, environment={**os.environ, **here.environment, "COLUMNS": "200", **environment})


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bench, Path]:
    """A bench and a good model that no test changes."""
    here = bench(tmp_path_factory.mktemp("bench"))
    return here, good_model(here, now=datetime.now(UTC).replace(microsecond=0))


@pytest.fixture
def own(shared: tuple[Bench, Path], tmp_path: Path) -> tuple[Bench, Path]:
    """The same bench, and a copy of the model that a test may change."""
    here, model = shared
    copy = tmp_path / model.name
    shutil.copytree(model, copy)
    return here, copy


def check(here: Bench, model: Path, *more: str | Path, **environment: str) -> Done:
    return run(here, "check", model, "--policy", here.policy, *more, **environment)


@pytest.fixture(scope="module")
def sealed(shared: tuple[Bench, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    here, model = shared
    artifact = tmp_path_factory.mktemp("sealed") / "result.sigstore.json"
    done = check(here, model, "--output", artifact)
    assert done.returncode == GREEN, done.stdout + done.stderr
    return artifact


class TestCheck:
    def test_a_good_model_is_green_and_leaves_an_artifact(self, shared: tuple[Bench, Path], sealed: Path) -> None:
        here, model = shared
        done = check(here, model)
        assert done.returncode == GREEN, done.stdout + done.stderr
        assert "GREEN" in done.stdout
        assert here.open(sealed).subject.name == model.name

    @pytest.mark.requirement("ARC-A1/model-signatures-verify")
    def test_one_flipped_byte_is_red_and_names_the_file(self, own: tuple[Bench, Path]) -> None:
        here, model = own
        weights = model / "model.safetensors"
        data = bytearray(weights.read_bytes())
        data[-1] ^= 1
        weights.write_bytes(data)
        done = check(here, model)
        assert done.returncode == RED
        assert "model.safetensors" in done.stdout

    @pytest.mark.parametrize("name", ["evil.pkl", ".git/hooks/run", "__pycache__/x.pyc"])
    def test_a_new_file_is_red(self, own: tuple[Bench, Path], name: str) -> None:
        here, model = own
        (model / name).parent.mkdir(exist_ok=True, parents=True)
        (model / name).write_bytes(b"cos\nsystem\n(S'true'\ntR.")
        assert check(here, model).returncode == RED

    @pytest.mark.parametrize(
        "name", ["model.sig", "model.cdx.json", "provenance.sigstore.json", "README.md", "model.safetensors"]
    )
    def test_a_removed_file_is_red(self, own: tuple[Bench, Path], name: str) -> None:
        here, model = own
        (model / name).unlink()
        assert check(here, model).returncode == RED

    def test_an_untrusted_signer_is_red(self, own: tuple[Bench, Path], tmp_path: Path) -> None:
        here, model = own
        outsider = bench(tmp_path / "outsider")
        outsider.sign(model, now=datetime.now(UTC).replace(microsecond=0))
        assert check(here, model).returncode == RED

    def test_a_link_is_red(self, own: tuple[Bench, Path]) -> None:
        here, model = own
        (model / "passwords").symlink_to("/etc/passwd")
        done = check(here, model)
        assert done.returncode == RED
        assert "leaves the model" in done.stdout

    def test_a_waived_failure_is_amber(self, own: tuple[Bench, Path], tmp_path: Path) -> None:
        here, model = own
        (model / "config.json").chmod(0o755)
        assert check(here, model).returncode == RED
        policy = tmp_path / "waived.yaml"
        policy.write_text(
            here.policy.read_text()
            + "\nwaivers:\n  - {rule: integrity/executables, anyContent: true, about: config.json, owner: Ada,"
            + f" reason: packed on another system, expires: {datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}T00:00:00Z}}\n"
        )
        done = run(here, "check", model, "--policy", policy)
        assert done.returncode == AMBER, done.stdout
        assert "waived by Ada" in done.stdout

    @pytest.mark.parametrize("form", ["json", "sarif", "junit", "markdown"])
    @pytest.mark.requirement("ARC-1/people-can-read-it")
    def test_machines_get_their_format_and_nothing_else(self, shared: tuple[Bench, Path], form: str) -> None:
        here, model = shared
        done = check(here, model, "--format", form)
        assert done.returncode == GREEN
        match form:
            case "json":
                assert json.loads(done.stdout)["predicate"]["verdict"] == "GREEN"
            case "sarif":
                assert json.loads(done.stdout)["version"] == "2.1.0"
            case "junit":
                assert ET.fromstring(done.stdout).tag == "testsuites"  # noqa: S314  # our own output
            case "markdown":
                assert "GREEN" in done.stdout


class TestBadInput:
    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (["nowhere"], "does not exist"),
            (["MODEL", "--policy", "nonesuch"], "nonesuch"),
            (["MODEL", "--key", "nowhere.key"], "does not exist"),
            (["MODEL", "--attach", "nowhere.sig"], "does not exist"),
            (["MODEL", "--tier", "wide-open"], "wide-open"),
            ([], "Missing argument"),
        ],
    )
    def test_wrong_usage_is_two_and_one_sentence(self, shared: tuple[Bench, Path], arguments: list[str], says: str) -> None:
        here, model = shared
        done = run(here, "check", *[str(model) if one == "MODEL" else one for one in arguments])
        assert done.returncode == USAGE
        assert says in done.stderr
        assert "Traceback" not in done.stderr

    def test_a_policy_with_an_unknown_key_is_two(self, shared: tuple[Bench, Path], tmp_path: Path) -> None:
        here, model = shared
        policy = tmp_path / "typo.yaml"
        policy.write_text(here.policy.read_text().replace("weights: {}", "weights: {formatz: []}"))
        done = run(here, "check", model, "--policy", policy)
        assert done.returncode == USAGE
        assert "formatz" in done.stderr

    def test_an_empty_directory_is_red(self, shared: tuple[Bench, Path], tmp_path: Path) -> None:
        here, _ = shared
        (tmp_path / "empty").mkdir()
        done = check(here, tmp_path / "empty")
        assert done.returncode == RED
        assert "nothing to judge" in done.stdout

    def test_a_single_file_is_judged_as_what_it_is(self, shared: tuple[Bench, Path]) -> None:
        here, model = shared
        done = check(here, model / "model.safetensors")
        assert done.returncode == RED, "unsigned and undescribed on its own"

    def test_a_wrong_passphrase_is_two(self, shared: tuple[Bench, Path]) -> None:
        here, model = shared
        done = check(here, model, ARCOPS_PASSPHRASE="guess")
        assert done.returncode == USAGE
        assert "passphrase" in done.stderr

    def test_an_output_that_cannot_be_written_is_one(self, shared: tuple[Bench, Path], tmp_path: Path) -> None:
        here, model = shared
        done = check(here, model, "--output", tmp_path / "no" / "such" / "folder.json")
        assert done.returncode in (CANNOT, USAGE)
        assert "Traceback" not in done.stderr

    def test_a_store_on_a_full_disk_is_one_and_keeps_nothing(self, shared: tuple[Bench, Path], tmp_path: Path) -> None:
        here, model = shared
        # A limit on file size stands in for a full disk: both refuse the bytes in the middle of a write.
        limit = (
            "import os, resource, sys;"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000));"
            "os.execv(sys.argv[1], sys.argv[1:])"
        )
        done = subprocess.run(
            [sys.executable, "-c", limit, *ARCOPS, "check", str(model), "--policy", str(here.policy)],
            env={**os.environ, **here.environment, "ARCOPS_STORE": str(tmp_path / "store"), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
        assert done.returncode == CANNOT, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        assert not Store(tmp_path / "store").entries()


class TestKilled:
    def start(self, here: Bench, model: Path, store: Path) -> subprocess.Popen[str]:
        with (model / "more.safetensors").open("wb") as file:
            file.truncate(40 * 2**30)  # sparse: long to hash, free to make
        return subprocess.Popen(
            [*ARCOPS, "check", str(model), "--policy", str(here.policy)],
            env={**os.environ, **here.environment, "ARCOPS_STORE": str(store)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def started(self, process: subprocess.Popen[str], model: Path) -> None:
        """Wait until the process has the big file open."""
        target = str(model / "more.safetensors")
        while process.poll() is None:
            folder = Path(f"/proc/{process.pid}/fd")
            try:
                if any(os.readlink(entry) == target for entry in folder.iterdir()):  # noqa: PTH115  # a string is compared
                    return
            except OSError:
                continue
        pytest.fail("the check ended before it could be stopped")

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_cancelled_check_is_red_and_leaves_an_artifact(
        self, own: tuple[Bench, Path], tmp_path: Path, number: signal.Signals
    ) -> None:
        here, model = own
        with self.start(here, model, tmp_path / "store") as process:
            self.started(process, model)
            process.send_signal(number)
            out, errors = process.communicate(timeout=600)
        assert process.returncode == RED, out + errors
        (entry,) = Store(tmp_path / "store").entries()
        artifact = tmp_path / "cancelled.json"
        artifact.write_bytes(Store(tmp_path / "store").get(entry.artifact))
        assert "cancelled" in here.open(artifact).missing[0].reason

    def test_a_killed_check_leaves_nothing_that_counts(self, own: tuple[Bench, Path], tmp_path: Path) -> None:
        here, model = own
        with self.start(here, model, tmp_path / "store") as process:
            self.started(process, model)
            process.kill()
            process.communicate(timeout=600)
        assert not Store(tmp_path / "store").entries()


class TestVerify:
    def test_the_right_key_verifies_and_the_exit_code_is_the_verdict(self, shared: tuple[Bench, Path], sealed: Path) -> None:
        here, _ = shared
        done = run(here, "verify", sealed, "--key", here.public)
        assert done.returncode == GREEN, done.stderr
        assert "verified" in done.stdout

    def test_another_key_does_not(self, shared: tuple[Bench, Path], sealed: Path, tmp_path: Path) -> None:
        here, _ = shared
        done = run(here, "verify", sealed, "--key", bench(tmp_path).public)
        assert done.returncode == RED
        assert "NOT VERIFIED" in done.stderr

    @pytest.mark.parametrize("place", [0.3, 0.5, 0.7, 0.99])
    def test_a_changed_artifact_does_not(self, shared: tuple[Bench, Path], sealed: Path, tmp_path: Path, place: float) -> None:
        here, _ = shared
        data = bytearray(sealed.read_bytes())
        where = int(len(data) * place)
        forged = tmp_path / "forged.json"
        for other in (ord("A") if data[where] != ord("A") else ord("B"), 0xFF):  # the second is no text at all
            data[where] = other
            forged.write_bytes(data)
            assert run(here, "verify", forged, "--key", here.public).returncode == RED

    def test_what_no_longer_holds_is_red(self, own: tuple[Bench, Path], tmp_path: Path) -> None:
        here, model = own
        then = replace(here, settings=replace(here.settings, store=tmp_path / "then"))  # its clock is not set back
        checked = then.check(model, now=datetime.now(UTC) - timedelta(days=30))
        old = tmp_path / "old.json"
        old.write_bytes(object_path(then.settings.store, checked.artifact).read_bytes())
        done = run(here, "verify", old, "--key", here.public)
        assert done.returncode == RED
        assert "NO LONGER VALID" in done.stderr

    def test_a_missing_file_is_wrong_usage(self, shared: tuple[Bench, Path], tmp_path: Path) -> None:
        here, _ = shared
        assert run(here, "verify", tmp_path / "none", "--key", here.public).returncode == USAGE

    def test_show_says_that_nothing_was_checked(self, shared: tuple[Bench, Path], sealed: Path) -> None:
        here, _ = shared
        done = run(here, "show", sealed)
        assert done.returncode == 0
        assert "GREEN" in done.stdout
        assert "not checked" in done.stderr


class TestQuestions:
    def test_explain_answers_for_every_rule_that_a_report_can_name(self, shared: tuple[Bench, Path], sealed: Path) -> None:
        here, _ = shared
        listed = run(here, "explain").stdout
        for result in here.open(sealed).results:
            for finding in result.findings:
                assert f"{finding.rule}:" in listed
        assert "Fix:" in run(here, "explain", "weights/imports").stdout
        assert run(here, "explain", "weights/nonsense").returncode == USAGE

    def test_policy_check_writes_out_the_defaults(self, shared: tuple[Bench, Path]) -> None:
        here, _ = shared
        done = run(here, "policy", "check", here.policy)
        assert done.returncode == 0, done.stderr
        assert '"threshold": 1' in done.stdout


class TestKeys:
    def test_a_key_is_made_once_and_never_overwritten(self, tmp_path: Path, shared: tuple[Bench, Path]) -> None:
        here, _ = shared
        path = tmp_path / "keys" / "mine.key"
        assert run(here, "keys", "new", path).returncode == 0
        before = path.read_bytes()
        assert run(here, "keys", "new", path).returncode == USAGE
        assert path.read_bytes() == before
        assert path.stat().st_mode & 0o077 == 0


class TestStore:
    def test_a_removed_artifact_shows(self, shared: tuple[Bench, Path], tmp_path: Path) -> None:
        here, model = shared
        own = {"ARCOPS_STORE": str(tmp_path / "store")}
        assert check(here, model, **own).returncode == GREEN
        assert run(here, "store", "check", "--key", here.public, **own).returncode == 0
        (entry,) = Store(tmp_path / "store").entries()
        Store(tmp_path / "store").path(entry.artifact).unlink()
        done = run(here, "store", "check", "--key", here.public, **own)
        assert done.returncode == RED
        assert entry.artifact in done.stdout

    def test_a_mirror_carries_artifacts_and_takes_no_other_key(self, shared: tuple[Bench, Path], tmp_path: Path) -> None:
        here, model = shared
        own, mirror = {"ARCOPS_STORE": str(tmp_path / "store")}, tmp_path / "mirror.tar"
        assert check(here, model, **own).returncode == GREEN
        assert run(here, "store", "export", mirror, "--key", here.public, **own).returncode == 0
        elsewhere = {"ARCOPS_STORE": str(tmp_path / "elsewhere")}
        outsider = bench(tmp_path / "outsider").public
        assert run(here, "store", "import", mirror, "--key", outsider, **elsewhere).returncode == USAGE
        assert run(here, "store", "import", mirror, "--key", here.public, **elsewhere).returncode == 0
        assert "GREEN" in run(here, "store", "list", **elsewhere).stdout

    def test_the_summary_is_sealed_and_passes_only_for_green(self, own: tuple[Bench, Path], tmp_path: Path) -> None:
        here, model = own
        keys = [load_public_key(here.public.read_bytes(), where="bench")]

        def summary() -> str:
            check(here, model, "--vsa", tmp_path / "vsa.json")
            said = json.loads(open_statement((tmp_path / "vsa.json").read_bytes(), keys).statement)
            return str(said["predicate"]["verificationResult"])

        assert summary() == "PASSED"
        (model / "config.json").chmod(0o755)
        assert summary() == "FAILED"


class TestRevocation:
    def test_a_revoked_signer_is_red_and_a_stale_list_too(self, tmp_path: Path) -> None:
        here = bench(tmp_path)
        model = good_model(here, now=datetime.now(UTC).replace(microsecond=0))
        other = bench(tmp_path / "other")
        policy = here.policy.read_text().replace(
            "requireRevocations: false", "requireRevocations: true, revocationSigners: [{key: '*'}]"
        )
        here.policy.write_text(policy)
        assert check(here, model).returncode == RED, "no list at all"
        assert run(here, "keys", "revoke").returncode == 0
        assert check(here, model).returncode == GREEN, "a fresh list without any key"
        outsider = load_public_key(other.public.read_bytes(), where="other").id
        assert run(here, "keys", "revoke", outsider, "--reason", "lost").returncode == 0
        assert check(here, model).returncode == GREEN, "somebody else was revoked"
        signer = load_public_key(here.public.read_bytes(), where="bench").id
        assert run(here, "keys", "revoke", signer, "--reason", "stolen").returncode == 0
        done = check(here, model)
        assert done.returncode == RED
        assert "revoked" in done.stdout
