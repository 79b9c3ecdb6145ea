"""The page docs/configuration.md: its commands, in its order, with its draft and its rules, end as it says."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from tests.adapters.typed import Done, typed

pytestmark = pytest.mark.requirement("CONF-UC/use-cases-work", "CONF-6-7-8/publishing-is-checked")

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "configuration.md").read_text(encoding="utf-8")
COMMANDS = [
    part.strip()
    for line in re.findall(r"^```\n(pip .*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[0].splitlines()
    for part in re.sub(r"\s+#\s.*", "", line).split("&&")
]
DRAFT, FAMILY, RULES = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
KEY_ID = re.compile(r"sha256:[0-9a-f]{64}")


def test_the_commands_of_the_page_end_as_it_says(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path), "ARCOPS_PASSPHRASE": "four words of yours", "PATH": ""}
    approver = environment | {"ARCOPS_KEY": str(tmp_path / "approver.key")}
    (tmp_path / "rules.yaml").write_text(RULES)
    names: dict[str, str] = {}
    ran: dict[str, Done] = {}

    def arcops(line: str, who: dict[str, str] = environment) -> Done:
        words = [names.get(one, one).replace("~", str(tmp_path)) for one in shlex.split(line)]
        assert words.pop(0) == "arcops", line
        return typed(*words, environment=who, cwd=tmp_path)

    made = arcops("arcops keys new approver.key")
    assert made.returncode == 0, made.stderr
    for line in COMMANDS[1:]:
        if line.startswith("arcops conf validate"):
            drafted = arcops(line)
            assert drafted.returncode == 3, "a draft that is not completed is RED"
            assert "CHOOSE-A-PACKAGE" in drafted.stdout
            assert "npm:NAME@1.2.3" in drafted.stdout
            refused = arcops('arcops conf publish dev.yaml --changelog "Too early."')
            assert refused.returncode != 0
            assert "CHOOSE-A-PACKAGE" in refused.stderr
            (tmp_path / "dev.yaml").write_text(DRAFT)
        done = ran[" ".join(line.split()[:4])] = arcops(line)
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        if line.startswith("arcops keys trust"):
            (found,) = set(KEY_ID.findall(done.stdout))
            names["APPROVER" if "approver" in line else "PUBLISHER"] = found
        if line.startswith("arcops conf publish"):
            given = re.search(r"arcops conf approve ([0-9a-f]+)", done.stdout)
            assert given is not None, done.stdout
            approved = arcops(f"arcops conf approve {given[1]}", approver)
            assert approved.returncode == 0, approved.stderr
    assert "GREEN" in ran["arcops conf validate dev.yaml"].stdout
    put = json.loads((tmp_path / ".claude.json").read_text())["mcpServers"]
    assert put["github"]["headers"] == {"Authorization": "Bearer ${GITHUB_TOKEN}"}
    assert set(put) == {"time", "github"}
