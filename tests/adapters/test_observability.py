"""The dashboard and the alerts that ship: they read as what they are, and ask for nothing that the front does not show."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx2
import promql_parser
import pytest
import yaml

from tests.adapters.serving import REPOSITORY, served
from tests.models import bench, good_model

pytestmark = pytest.mark.requirement("BASE-7/dashboards-and-alerts-are-valid")

FOLDER = REPOSITORY / "deployments" / "observability"
RULES, BOARD = FOLDER / "arcops.rules.yaml", FOLDER / "arcops.dashboard.json"
PROMETHEUS_OWN = {"up"}
PROMTOOL = os.environ.get("PROMTOOL", "") or shutil.which("promtool")


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(BOARD.read_text())["panels"]
    return found


def asked(expression: str) -> set[tuple[str, tuple[str, ...]]]:
    """Each metric that *expression* asks for, with the labels that it matches. Raises if it is not PromQL."""
    found = set()

    def visit(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            assert node.name, expression
            found.add((node.name, tuple(one.name for one in node.matchers.matchers)))
        if isinstance(node, promql_parser.MatrixSelector):
            visit(node.vector_selector)
        return True

    promql_parser.walk(promql_parser.parse(expression.replace("$__rate_interval", "5m")), visit)
    return found


def every() -> list[str]:
    return [rule["expr"] for rule in rules()] + [target["expr"] for panel in panels() for target in panel["targets"]]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The name of each metric of a front and of a host that run, with the names of its labels."""
    here = bench(tmp_path_factory.mktemp("observed"))
    here.check(good_model(here))
    with served("mcp", "--http", env=here.environment) as server:
        httpx2.get(f"{server.url}/livez")
        text = server.get("/metrics").text
    with served("host", "serve", env=here.environment) as server:
        text += server.get("/metrics").text
    found: dict[str, set[str]] = {name: set() for name in re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE)}
    for name, labels in re.findall(r"^([a-z_]+)(?:\{(.*)\})? ", text, re.MULTILINE):
        found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    return found


def test_each_metric_they_ask_for_is_one_that_is_shown(shown: dict[str, set[str]]) -> None:
    names = {name for expression in every() for name, _ in asked(expression)}
    assert len(names) > 15
    # A histogram's samples come with its first call, and none was made.
    there = set(shown) | {f"{name}_{what}" for name in shown for what in ("bucket", "sum", "count")}
    assert names - there == PROMETHEUS_OWN
    for expression in every():
        for name, labels in asked(expression):
            if shown.get(name):
                assert set(labels) <= shown[name] | {"instance", "job"}, expression


def test_a_metric_that_is_not_there_would_be_seen() -> None:
    assert asked("sum(rate(arcops_nonsense_total{tool='x'}[5m])) / arcops_other") == {
        ("arcops_nonsense_total", ("tool",)),
        ("arcops_other", ()),
    }
    with pytest.raises(ValueError, match=r"."):
        asked("sum(arcops_calls_total")


def test_the_rules_are_what_prometheus_takes() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names) >= 10
    for rule in rules():
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"\d+[smhd]", rule.get("for", "1m"))
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]
    tested = {
        one["alertname"]
        for one in yaml.safe_load((FOLDER / "arcops.rules.test.yaml").read_text())["tests"][0]["alert_rule_test"]
    }
    assert tested == set(names), "each alert is shown to be silent if all is well"


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed; set PROMTOOL to it")
@pytest.mark.parametrize("words", [("check", "rules", RULES.name), ("test", "rules", "arcops.rules.test.yaml")])
def test_promtool_agrees(words: tuple[str, ...]) -> None:
    done = subprocess.run([str(PROMTOOL), *words], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_holds_together_and_loads_nothing_from_elsewhere() -> None:
    board = json.loads(BOARD.read_text())
    assert board["uid"] == "arcops"
    ids = [panel["id"] for panel in panels()]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert not re.search(r"https?://", Path(BOARD).read_text())
