"""A server is started once, in its box and watched: what it says and what it tries is red at its rule."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from arcops.evidence import Evidence, Missing
from arcops.seen.server import Launching
from arcops.seen.server_tools import Pin, ServerTools
from tasks.server.case import Case, Locked
from tests.tasks.server.made import Made, look

pytestmark = pytest.mark.requirement("HOST-020/only-green-servers-start")
ODD = Path(__file__).with_name("odd.py")


@pytest.fixture
def made(tmp_path: Path) -> Made:
    tree = tmp_path / "server" / "tree" / "copy"
    tree.mkdir(parents=True)
    (tree / "server.py").write_text(ODD.read_text())
    package = f"folder:{tmp_path}/source"
    lock = Locked(package=package, runtime="folder", text="sha256:1")
    case = Case(lock=lock, launching=Launching(package=package), cleared=True)
    return Made(tmp_path / "server", case, tmp_path)


def started(made: Made, *words: str) -> Evidence[ServerTools] | Missing:
    python = str(getattr(sys, "_base_executable", sys.executable))
    made.case = replace(made.case, command=(python, "-I", "-B", str(made.tree / "copy" / "server.py"), *words))
    made.seal()
    return look("server-tools", made.request, {})  # type: ignore[return-value]  # of this kind


def bad(made: Made, *words: str) -> set[str]:
    started(made, *words)
    return {one.removeprefix("server-tools/") for one in made.bad("server-tools")}


def test_a_plain_server_says_what_it_offers(made: Made) -> None:
    found = started(made)
    assert isinstance(found, Evidence)
    body = found.body
    assert (body.eras, body.version, [one.name for one in body.pins]) == (("legacy",), "2025-11-25", ["echo"])
    assert (body.stray, body.tried, body.watched) == ((), (), True)
    assert bad(made) == set()


def test_what_it_offers_only_to_a_client_that_can_more_is_seen_too(made: Made) -> None:
    found = started(made, "for-able-clients")
    assert isinstance(found, Evidence)
    assert [one.name for one in found.body.pins] == ["echo", "roots"]


def test_one_that_ends_when_it_is_asked_for_the_other_era_is_asked_again(made: Made) -> None:
    assert bad(made, "leaves") == set()


@pytest.mark.parametrize(
    ("word", "rule"),
    [
        ("print", "stray-output"),
        ("invisible", "visible"),
        ("hidden-name", "visible"),
        ("poison", "plain"),
        ("nothing", "answered"),
        ("connect", "kept-to-its-row"),
        ("datagram", "kept-to-its-row"),
    ],
)
def test_what_it_says_and_tries_is_red_at_its_rule(made: Made, word: str, rule: str) -> None:
    assert rule in bad(made, word)


@pytest.mark.parametrize("word", ["read", "write", "run"])
def test_a_foreign_file_is_noted_and_refused(made: Made, tmp_path: Path, word: str) -> None:
    foreign = tmp_path / "foreign"
    foreign.write_text("of someone else")
    foreign.chmod(0o755)
    found = started(made, word, str(foreign))
    assert isinstance(found, Evidence)
    assert (word, str(foreign)) in [(one.what, one.place) for one in found.body.tried]
    assert foreign.read_text() == "of someone else"
    assert bad(made, word, str(foreign)) == {"kept-to-its-row"}
    made.case = replace(made.case, launching=replace(made.case.launching, reads=(str(foreign),)))
    assert bad(made, word, str(foreign)) == (set() if word == "read" else {"kept-to-its-row"})


def test_what_it_would_change_is_only_read_at_its_first_start(made: Made, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("as it was")
    made.case = replace(made.case, launching=replace(made.case.launching, writes=(str(mine),)))
    assert bad(made, "write", str(mine)) == {"kept-to-its-row"}
    assert mine.read_text() == "as it was"


def test_a_fork_bomb_has_a_most_and_leaves_nothing(made: Made) -> None:
    found = started(made, "bomb")
    assert isinstance(found, Evidence)
    texts = [one.text for one in found.body.texts]
    assert [one for one in texts if one.startswith("Stopped by")]
    mark = str(made.tree).encode()
    assert not [one for one in Path("/proc").glob("[0-9]*/cmdline") if mark in _read(one)]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize(
    ("words", "rule"),
    [(("other",), {"unchanged"}), (("more",), {"unchanged"}), ((), set[str]())],
    ids=["other", "more", "same"],
)
def test_another_definition_than_before_is_red(made: Made, words: tuple[str, ...], rule: set[str]) -> None:
    first = started(made)
    assert isinstance(first, Evidence)
    made.case = replace(made.case, before=first.body.pins)
    assert bad(made, *words) == rule
    made.case = replace(made.case, before=(*first.body.pins, Pin(kind="tool", name="gone", digest=f"sha256:{'0' * 64}")))
    assert "unchanged" in bad(made, *words)


def test_one_that_does_not_answer_is_no_evidence_and_shows_its_last_words(made: Made) -> None:
    found = started(made, "exit")
    assert isinstance(found, Missing)
    assert "its last words: a token is missing" in found.reason
    assert made.bad("server-tools") == {"server-tools/judged"}


def test_one_that_was_not_cleared_is_not_started(made: Made, tmp_path: Path) -> None:
    made.case = replace(made.case, cleared=False)
    found = started(made, "write", str(tmp_path / "server" / "trace"))
    assert isinstance(found, Missing)
    assert "it was not started" in found.reason
    assert not os.path.lexists(tmp_path / "server" / "trace")
