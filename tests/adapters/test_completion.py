"""Completion in the shells themselves: what they offer is what the commands declare, and takes no start of ours."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from adapters.cli.main import everything
from adapters.cli.offered import offers
from flows.policies.reading import shipped_policies
from tests.adapters.typed import typed

pytestmark = pytest.mark.requirement("ARC-1/people-can-read-it")

OFFERS = offers(everything())
FIRSTS = {one.words[0] for one in OFFERS}
NETWORK = {one.words[1] for one in OFFERS if one.words[0] == "network"}
FORMATS = {"text", "json", "sarif", "junit", "markdown", "test-result"}


def flags(words: str) -> set[str]:
    (one,) = (one for one in OFFERS if " ".join(one.words) == words)
    return {name for option in one.options for name in option.names}


CASES: dict[str, set[str]] = {
    "": FIRSTS,
    "ch": {"check"},
    "net": {"network"},
    "network ": NETWORK,
    "network ch": {"check"},
    "--server http://a network ": NETWORK,
    "--server http://a ch": {"check"},
    "check -": flags("check"),
    "network check --pol": {"--policy"},
    "network check manifests/ --f": {"--format"},
    "check --format ": FORMATS,
    "check --format js": {"json"},
    "check ./model --policy sov": {"sovereign"},
    "check --policy ": set(shipped_policies()),
    "keys new --algorithm e": {"ed25519", "ecdsa-p256"},
    "completion ": {"bash", "zsh", "fish"},
    "announce m": {"model"},
    "server --no-w": {"--no-worker"},
    "check --key ": set(),
    "nonsense ": set(),
}
"""What is typed after 'arcops ', and what is offered. Paths are offered in `test_paths_are_offered`."""

BASH = """
source "$1"
complete -p arcops >&2
while IFS= read -r line; do
    COMP_WORDS=(arcops $line)
    if [[ "$line" == *" " || -z "$line" ]]; then COMP_WORDS+=(""); fi
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
    _arcops 2>/dev/null
    echo "${COMPREPLY[*]}"
done
"""
ZSH = """
compdef() { }
compadd() { local each; shift; for each; do [[ $each == ${current}* ]] && found+=($each); done }
_files() { found+=(FILES) }
compset() { }
source "$1"
while IFS= read -r line; do
    words=(arcops ${=line})
    if [[ "$line" == *" " || -z "$line" ]]; then words+=(""); fi
    CURRENT=$#words found=()
    _arcops
    echo "${found[*]}"
done
"""
FISH = """
source $argv[1]
while read line
    echo (complete -C "arcops $line" | string split -f1 \\t)
end
"""


def offered(shell: str, lines: list[str], folder: Path) -> list[set[str]]:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"there is no {shell} here")
    script, driver = folder / "arcops.script", folder / "driver"
    script.write_text(typed("completion", shell, environment={}).stdout)
    driver.write_text({"bash": BASH, "zsh": ZSH, "fish": FISH}[shell])
    alone = {"bash": ["--noprofile", "--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    done = subprocess.run(
        [program, *alone, driver, script], input="".join(f"{line}\n" for line in lines), text=True, capture_output=True,
        check=False, timeout=120, cwd=folder, env={"PATH": os.environ["PATH"], "HOME": str(folder)} | linked(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "rror" not in done.stderr, done.stderr
    return [set(line.split()) for line in done.stdout.splitlines()]


def linked() -> dict[str, str]:
    return {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_offers_what_the_commands_declare(shell: str, tmp_path: Path) -> None:
    found = dict(zip(CASES, offered(shell, list(CASES), tmp_path), strict=True))
    for line, words in CASES.items():
        seen = found[line] - {"FILES", "arcops.script", "driver"}
        if shell == "fish":  # it offers options only after a dash, and short ones as -o; it says nothing of an unknown command
            words = {word for word in words if word.startswith("--") or not word.startswith("-")}
            seen = {word for word in seen if word.startswith("--") or not word.startswith("-")}
        if line in ("check --format js", "network check --pol", "ch"):
            assert words <= seen, (shell, line)
        assert seen == words, (shell, line)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_paths_are_offered(shell: str, tmp_path: Path) -> None:
    for found in offered(shell, ["check ", "check --output ", "verify "], tmp_path):
        assert found & {"FILES", "driver"}


def test_bash_offers_paths_if_nothing_else_fits(tmp_path: Path) -> None:
    assert offered("bash", ["check ", "check --output ", "check --policy ./"], tmp_path) == [set(), set(), set()]
    assert "complete -o bashdefault -o default -F _arcops arcops" in typed("completion", "bash", environment={}).stdout


@pytest.mark.parametrize("one", OFFERS, ids=lambda one: " ".join(one.words))
def test_each_option_that_is_offered_is_one_that_the_help_names(one) -> None:  # type: ignore[no-untyped-def]
    said = typed(*one.words, "--help", environment={"COLUMNS": "200"}).stdout
    assert all(name in said for option in one.options for name in option.names)


def test_an_unknown_shell_is_refused() -> None:
    done = typed("completion", "csh", environment={})
    assert (done.returncode, "use one of: bash, zsh, fish" in done.stderr) == (2, True)


def test_a_script_holds_nothing_that_a_shell_expands() -> None:
    for line in typed("completion", "bash", environment={}).stdout.splitlines():
        if "compgen -W" in line and '"$options"' not in line:
            words = line.split('-W "')[1].split('"')[0]
            assert shlex.quote(words.replace(" ", "")) == words.replace(" ", "") or not words
