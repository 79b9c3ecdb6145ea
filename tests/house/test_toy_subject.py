"""A new subject is one class, one collector, one gate and one policy, each in its own folder. Nothing else is edited."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from arcops.errors import Broken
from arcops.evidence import Body
from arcops.finding import Rule
from arcops.gate import gate
from arcops.judgeable import Judgeable, judgeable
from arcops.rooms import HOUSE, ROOMS

ADDED: Mapping[str, str] = {
    "arcops/subjects/toy.py": '''"""The subject *toy*."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from arcops.asks import shaped
from arcops.judgeable import Judgeable, judgeable


@judgeable(kind="toy", policy="toy", title="Check a toy")
@dataclass(frozen=True, slots=True, kw_only=True)
class Toy(Judgeable):
    """A toy in a folder."""

    target: Path = field(metadata=shaped(positional=True, most=4096))
    """The folder of the toy."""
''',
    "arcops/seen/toy.py": '''"""What was seen of a toy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from arcops.evidence import Body


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheels(Body):
    """How many wheels it has."""

    KIND: ClassVar[str] = "wheels"

    count: int
''',
    "tasks/toy/__init__.py": '"""Collectors of a toy."""\n',
    "tasks/toy/wheels.py": '''"""The collector of a toy's wheels."""

from __future__ import annotations

from arcops.collector import collector
from arcops.evidence import Seen, Sighting
from arcops.request import Request
from arcops.seen.toy import Wheels


@collector("wheels", Wheels, version="1")
def wheels(request: Request, seen: Seen) -> Sighting[Wheels]:
    """Count the files that are named as wheels."""
    return Sighting(body=Wheels(count=len(list(request.target.glob("*.wheel")))))
''',
    "gates/toy/__init__.py": '"""Judges of a toy."""\n',
    "gates/toy/rolls.py": '''"""Does the toy roll?

Why: a toy without wheels cannot move.

Judged: the number of wheels.

Fix: put wheels on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from arcops.evidence import Seen
from arcops.finding import Finding, Outcome, Rule
from arcops.gate import Example, gate
from arcops.seen.toy import Wheels
from arcops.subjects.toy import Toy
from arcops.verdict import Verdict

ENOUGH = Rule(id="rolls/enough", asks="Are there enough wheels?", fix="Put more wheels on.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RollsPolicy:
    """How many wheels it needs."""

    least: int = 4


def examples() -> Iterator[Example[RollsPolicy]]:
    for name, verdict, count in (("four wheels", Verdict.GREEN, 4), ("none", Verdict.RED, 0)):
        yield Example(name=name, verdict=verdict, evidence=(Wheels(count=count),), policy=RollsPolicy())


@gate("rolls", judges=(Toy,), needs=(Wheels,), policy=RollsPolicy, rules=(ENOUGH,), examples=examples)
def rolls(seen: Seen, policy: RollsPolicy) -> Iterator[Finding]:
    found = seen[Wheels]
    outcome = Outcome.PASS if found.body.count >= policy.least else Outcome.FAIL
    yield Finding(rule=ENOUGH.id, outcome=outcome, text=f"It has {found.body.count} wheels.", cites=(found.digest,))
''',
    "policies/toy/toy.yaml": "name: toy\nvalidFor: P1D\ngates:\n  rolls: {}\n",
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our rooms, copied, with the toy put in."""
    copied = tmp_path_factory.mktemp("house")
    for room in ROOMS:
        shutil.copytree(Path(HOUSE) / room, copied / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(Path(HOUSE) / "prefect.yaml", copied)
    for path, text in ADDED.items():
        (copied / path).parent.mkdir(exist_ok=True)
        assert not (copied / path).exists(), "nothing that is there is edited"
        (copied / path).write_text(text)
    return copied


def ran(house: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A command of that house's own, at a home of its own."""
    # What was compiled is kept, so that the next command does not compile that house again.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment = {name: value for name, value in kept.items() if not name.startswith("ARCOPS_")}
    environment |= {"ARCOPS_HOME": str(house / "home"), "ARCOPS_PASSPHRASE": "a long passphrase of a toy"}
    return subprocess.run(
        [sys.executable, *command], cwd=house, env=environment, capture_output=True, text=True, check=False, timeout=600
    )


def said(house: Path, program: str) -> object:
    """What a program in that house prints, as JSON."""
    done = ran(house, "-c", program)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_it_touches_one_folder_a_floor() -> None:
    folders = [Path(path).parts[:-1] for path in ADDED]
    assert {folder for folder in folders if folder[0] != "arcops"} == {("tasks", "toy"), ("gates", "toy"), ("policies", "toy")}


@pytest.mark.requirement("ARC-0/a-subject-is-added-in-its-own-folders")
def test_the_command_line_judges_it(house: Path, tmp_path: Path) -> None:
    arcops = ("-m", "adapters.cli")
    made = ran(house, *arcops, "keys", "new")
    assert made.returncode == 0, made.stderr
    car, sledge = tmp_path / "car", tmp_path / "sledge"
    for folder in (car, sledge):
        folder.mkdir()
    for number in range(4):
        (car / f"{number}.wheel").touch()
    good = ran(house, *arcops, "toy", "check", str(car))
    bad = ran(house, *arcops, "toy", "check", str(sledge))
    assert (good.returncode, bad.returncode) == (0, 3), good.stderr + bad.stderr
    assert "GREEN" in good.stdout
    assert "It has 0 wheels." in bad.stdout
    assert ran(house, *arcops, "toy", "check", str(tmp_path / "gone")).returncode == 2
    assert "toy" in ran(house, *arcops, "--help").stdout
    assert "The folder of the toy." in ran(house, *arcops, "toy", "check", "--help").stdout


def test_the_policy_reader_the_docs_and_the_questions_know_it(house: Path) -> None:
    arcops = ("-m", "adapters.cli")
    assert "rolls" in ran(house, *arcops, "policy", "check", "toy").stdout
    assert " toy" in ran(house, *arcops, "policy", "list").stdout
    assert "a toy without wheels" in ran(house, *arcops, "explain", "rolls").stdout
    assert "rolls/enough" in ran(house, "-m", "capabilities.policy.gates_page").stdout


def test_agents_and_prefect_are_offered_it(house: Path) -> None:
    schema = said(
        house,
        "import json\n"
        "from adapters.mcp.schemas import schema\n"
        "from capabilities.catalogue import all_tools\n"
        "found = [one for one in all_tools() if one.name == 'check_toy']\n"
        "print(json.dumps([schema(one.ask, 'validation') for one in found]))",
    )
    [asked] = schema  # type: ignore[misc]  # a list
    assert asked["properties"]["target"]["description"] == "The folder of the toy."
    assert asked["properties"]["policy"]["default"] == "toy"
    put = said(
        house,
        "import json, yaml\n"
        "from pathlib import Path\n"
        "from flows.prefect import made\n"
        "from flows.prefect.deployments import completed\n"
        "document = yaml.safe_load(completed(Path('prefect.yaml').read_text()))\n"
        "entrypoints = [one['entrypoint'] for one in document['deployments']]\n"
        "print(json.dumps([entrypoints, list(made.toy_check.parameters.properties)]))",
    )
    entrypoints, parameters = put  # type: ignore[misc]  # a list
    assert "flows.prefect.made.toy_check" in entrypoints
    assert parameters == ["target", "policy", "output"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Undeclared(Judgeable):
    """No one declared it."""


class TestWhatWasNeverDeclared:
    def test_no_gate_judges_it(self) -> None:
        with pytest.raises(Broken, match="never declared"):
            gate("x", judges=(Undeclared,), needs=(Body,), policy=Undeclared, rules=(Rule(id="x/y", asks="?", fix="!"),))(
                lambda seen, policy: iter(())
            )

    def test_it_is_declared_nowhere_else(self) -> None:
        with pytest.raises(Broken, match="arcops/subjects"):
            judgeable(kind="x", policy="x")(Undeclared)
