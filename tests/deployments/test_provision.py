"""`deployments/aks/provision.sh` with programs that stand in for Terraform, az, Helm, kubectl, arcops and curl."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.deployments.building import HOUSE
from tests.deployments.tools import tool

pytestmark = [pytest.mark.site, pytest.mark.requirement("HOST-001b/one-workflow-that-goes-on")]

SCRIPT = HOUSE / "deployments" / "aks" / "provision.sh"
STEPS = ("terraform", "cluster", "chart", "ready", "server", "call")
STAND_IN = """#!/bin/sh
echo "$(basename "$0") $*" >> "$NOTES"
if [ -e "$NOTES.waits-$(basename "$0")" ]; then : > "$NOTES.waiting"; sleep 60; fi
case "$(basename "$0") $*" in
*"$(cat "$NOTES.fails" 2>/dev/null || echo nothing-at-all)"*) echo "refused" >&2; exit 1 ;;
terraform*output*) cat <<'END'
{
  "cluster": {
    "sensitive": false,
    "value": "edge"
  },
  "resource_group": {
    "value": "rg-edge"
  },
  "database_host": {
    "value": "db.internal"
  },
  "database_cidr": {
    "value": "10.60.16.0/24"
  },
  "pod_identity": {
    "value": "client-id"
  }
}
END
;;
arcops*gate*) exit 4 ;;
curl*tools/call*) cat >> "$NOTES.secret"; echo '{"jsonrpc":"2.0","id":1,"result":{"content":[]}}' ;;
esac
"""


@dataclass(frozen=True, slots=True)
class Desk:
    """A site's folder, and stand-ins before the rest of the path."""

    folder: Path

    @property
    def site(self) -> Path:
        return self.folder / "site"

    @property
    def environment(self) -> dict[str, str]:
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        named = {
            "ARCOPS_SERVER": "https://arcops.example.org",
            "ARCOPS_TOKEN": "a-secret-token",
            "NOTES": str(self.folder / "notes"),
        }
        return {"PATH": path, "HOME": str(self.folder), **named}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [str(SCRIPT), str(self.site), *words]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, timeout=120)

    def told(self) -> list[str]:
        """What the stand-ins were told since the last time."""
        notes = self.folder / "notes"
        lines = notes.read_text().splitlines() if notes.exists() else []
        notes.unlink(missing_ok=True)
        return lines

    def fails(self, words: str) -> None:
        (self.folder / "notes.fails").write_text(words)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path)
    (tmp_path / "bin").mkdir()
    made.site.mkdir()
    (made.site / "site.tfvars").write_text('name = "edge"\n')
    (made.site / "values.yaml").write_text("site: edge\n")
    for name in ("terraform", "az", "helm", "kubectl", "arcops", "curl"):
        program = tmp_path / "bin" / name
        program.write_text(STAND_IN)
        program.chmod(0o755)
    made.fails("nothing-at-all")
    return made


def programs(told: list[str]) -> list[str]:
    return [line.partition(" ")[0] for line in told]


def test_the_script_is_lint_clean() -> None:
    done = subprocess.run([tool("shellcheck"), str(SCRIPT)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_from_nothing_to_a_call_with_its_clocks(desk: Desk) -> None:
    done = desk.run()
    assert done.returncode == 0, done.stderr
    told = desk.told()
    assert programs(told) == ["terraform"] * 4 + ["az", "kubectl", "helm", "curl", "arcops", "arcops", "curl"]
    assert [line.partition(":")[0] for line in done.stdout.splitlines()[:-1]] == list(STEPS)
    assert "wanted: 1200" in done.stdout
    [chart] = [line for line in told if line.startswith("helm")]
    assert "postgresql.host=db.internal" in chart
    assert "10.60.16.0/24" in chart
    assert "--rollback-on-failure" in chart
    assert not [line for line in told if "a-secret-token" in line], "a token on a command line is read by every user"
    assert "a-secret-token" in (desk.folder / "notes.secret").read_text()


def test_a_second_run_does_nothing_again(desk: Desk) -> None:
    assert desk.run().returncode == 0
    desk.told()
    done = desk.run()
    assert done.returncode == 0
    assert desk.told() == []
    assert done.stdout.count("done before") == len(STEPS)


@pytest.mark.parametrize(
    ("words", "step", "again"),
    [
        ("terraform -chdir", "terraform", "terraform"),
        ("plan -input=false", "terraform", "terraform"),
        ("az aks", "cluster", "az"),
        ("kubectl get", "cluster", "az"),
        ("helm upgrade", "chart", "helm"),
        ("readyz", "cluster", "az"),
        ("arcops --server https://arcops.example.org host add", "server", "arcops"),
        ("tools/call", "call", "curl"),
    ],
)
def test_a_step_that_failed_is_where_the_next_run_begins(words: str, step: str, again: str, desk: Desk) -> None:
    desk.fails(words)
    done = desk.run()
    assert done.returncode == 1
    assert f"{step} failed" in done.stderr
    last = desk.told()[-1]
    assert words in last, "nothing runs after what failed"
    desk.fails("nothing-at-all")
    assert desk.run().returncode == 0
    assert programs(desk.told())[0] == again


@pytest.mark.parametrize("file", ["site.tfvars", "values.yaml"])
def test_what_changed_is_done_again_with_what_follows(file: str, desk: Desk) -> None:
    assert desk.run().returncode == 0
    desk.told()
    (desk.site / file).write_text("changed\n")
    assert desk.run().returncode == 0
    told = programs(desk.told())
    assert told[0] == ("terraform" if file == "site.tfvars" else "helm")
    assert told[-1] == "curl"


def test_a_dry_run_runs_nothing(desk: Desk) -> None:
    (desk.folder / "bin" / "helm").unlink()
    without = {name: value for name, value in desk.environment.items() if not name.startswith("ARCOPS_")}
    for environment in (desk.environment, without):
        done = subprocess.run(
            [str(SCRIPT), str(desk.site), "--dry-run"], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert desk.told() == []
        assert done.stdout.count("would run") == len(STEPS)
        for command in (
            "terraform",
            "az aks get-credentials",
            "helm upgrade --install",
            "host gate",
            '"$ARCOPS_SERVER/readyz"',
        ):
            assert command in done.stdout
        assert "helm is not on the PATH" in done.stderr or shutil.which("helm"), "what is missing is said"
    assert not (desk.site / ".steps").exists()


def test_a_run_that_was_killed_goes_on(desk: Desk) -> None:
    (desk.folder / "notes.waits-helm").touch()
    process = subprocess.Popen(
        [str(SCRIPT), str(desk.site)], env=desk.environment, start_new_session=True, stdout=subprocess.DEVNULL
    )
    until = time.monotonic() + 60
    while not (desk.folder / "notes.waiting").exists() and time.monotonic() < until:
        time.sleep(0.05)
    other = desk.run()
    assert other.returncode == 1
    assert "another run" in other.stderr
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    (desk.folder / "notes.waits-helm").unlink()
    desk.told()
    assert desk.run().returncode == 0
    assert programs(desk.told())[0] == "helm", "what was done before is not done again, and what was not finished is"


@pytest.mark.parametrize("missing", ["site.tfvars", "values.yaml"])
def test_a_site_without_its_files_is_refused(missing: str, desk: Desk) -> None:
    (desk.site / missing).unlink()
    done = desk.run()
    assert done.returncode == 2
    assert missing in done.stderr
    assert desk.told() == []


def test_a_program_that_is_not_here_is_named(desk: Desk) -> None:
    (desk.folder / "bin" / "az").unlink()
    (desk.folder / "bin" / "sh").symlink_to("/bin/sh")
    for name in ("dirname", "sed", "cat", "cut", "sha256sum"):
        (desk.folder / "bin" / name).symlink_to(f"/usr/bin/{name}")
    environment = {**desk.environment, "PATH": str(desk.folder / "bin")}
    done = subprocess.run(
        ["/bin/sh", str(SCRIPT), str(desk.site)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "az is not on the PATH" in done.stderr
