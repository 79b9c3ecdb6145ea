"""The pages for newcomers in docs/start: each command is run as the page shows it, in the page's order, in one shell.

In a block marked ``console`` a line after ``$ `` is typed, together with the lines after ``> `` that follow it.
``# exit 3`` at its end says how it ends (else 0). What follows is what is printed: ``…`` stands for anything. Other lines must
come in this order.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from adapters.cli.main import read

HOUSE = Path(__file__).resolve().parents[2]
PAGES = sorted((HOUSE / "docs" / "start").glob("*.md"))
ALL_PAGES = sorted([HOUSE / "README.md", *HOUSE.glob("docs/*.md"), *HOUSE.glob("deployments/**/*.md")])
_EXIT = re.compile(r"\s+# exit (\d+)$", re.MULTILINE)
_MARK = "=== this command ended with"


@dataclass
class Typed:
    """One command of a page, how it ends, and the lines that the page shows of what it prints."""

    text: str
    code: int = 0
    shown: list[str] = field(default_factory=list)


def commands(page: Path) -> list[Typed]:
    found: list[Typed] = []
    for block in re.findall(r"^```console\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(Typed(line[2:]))
            elif line.startswith(">"):
                found[-1].text += "\n" + line[2:]
            else:
                found[-1].shown.append(line)
    for one in found:
        if ended := _EXIT.search(one.text):
            one.code, one.text = int(ended[1]), _EXIT.sub("", one.text)
    return found


def as_shown(shown: list[str]) -> re.Pattern[str]:
    """What matches output in which the lines *shown* come in this order."""
    lines = [".*?".join(map(re.escape, re.sub(r" +", " ", line.strip()).split("…"))) for line in shown if line.strip() != "…"]
    return re.compile(
        "(?:^|\n)" + "(?:\n.*?)*?\n".join(rf"\ ?{line}[^\n]*" if line.endswith(".*?") else rf"\ ?{line}\ *" for line in lines)
    )


@pytest.mark.site
@pytest.mark.requirement("BASE-6/first-steps-work-as-written")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_newcomer_gets_what_the_page_shows(page: Path, tmp_path: Path) -> None:
    shutil.copytree(HOUSE / "deployments" / "local" / "advisories", tmp_path / "advisories")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ARCOPS_", "PREFECT_", "OTEL_", "COV"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
    typed = commands(page)
    assert typed, "a page for newcomers shows commands in blocks marked 'console'"
    script = "".join(f"{{\n{one.text}\n}} < /dev/null 2>&1; printf '\\n{_MARK} %s\\n' $?\n" for one in typed)

    done = subprocess.run(
        ["bash", "-u"],  # noqa: S607  # as the page says: the reader's own shell
        input=script, capture_output=True, text=True, cwd=tmp_path, timeout=600, check=False,
        env={**kept, "PATH": path, "COLUMNS": "200", "HOME": str(tmp_path)},
    )  # fmt: skip

    parts = re.split(rf"\n{_MARK} (\d+)\n", done.stdout)
    ended = list(zip(typed, parts[::2], map(int, parts[1::2]), strict=False))
    assert len(ended) == len(typed), done.stdout[-2000:] + done.stderr[-2000:]
    for one, printed, code in ended:
        assert code == one.code, f"{page.name}: {one.text!r} ended with {code}, and the page says {one.code}:\n{printed}"
        plain = "\n".join(re.sub(r" +", " ", line) for line in printed.splitlines())
        if one.shown:
            assert as_shown(one.shown).search(plain), f"{page.name}: {one.text!r} does not print {one.shown}, but:\n{plain}"


def _lines(page: Path) -> list[str]:
    """Every line of a page's blocks that begins with ``arcops``."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    return [found.strip() for found in re.findall(r"^(?: {4}|\$ )(arcops (?!--server).*)$", text, re.MULTILINE)]


@pytest.mark.parametrize(
    "page", [one for one in [*ALL_PAGES, *PAGES] if _lines(one)], ids=lambda page: str(page.relative_to(HOUSE))
)
def test_every_command_in_the_documentation_can_be_given(page: Path) -> None:
    """Mutation: an option or a command that was renamed, and a page that still has the old name."""
    for line in _lines(page):
        whole = re.split(r"\s+#\s|\s[|>&;]\s?", line)[0].replace("…", "")
        read(shlex.split(whole.removeprefix("arcops")))
