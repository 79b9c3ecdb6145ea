"""Plain English, for a tired reader whose third language it is: words and turns that this house does not use.

Each has the plain words to write instead. This file alone is not read, because it names them.
"""

from __future__ import annotations

import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]

INSTEAD = {
    "nobody": "no one, or say what is missing: 'the log has no such line'",
    "whoever": "the one who, anyone who, or name the role: the operator, the caller",
    "whom": "who, or turn the sentence round",
    "stranger": "an unknown caller, a pod outside the snapshot, a new reader: say which",
    "strangers": "unknown callers, pods outside the snapshot, new readers: say which",
    "anew": "again",
    "mend": "fix, repair",
    "mends": "fixes, repairs",
    "mended": "fixed, repaired",
    "mending": "fixing, repairing",
    "lest": "so that … not",
    "sing": "the canary ran, was measured",
    "sings": "the canary runs, is measured",
    "singer": "the device that the canary runs on",
    "sang": "the canary ran, was measured",
    "sung": "the canary ran, was measured",
    "song": "the times of the canary",
    "songs": "the times of the canary",
    "afar": "remote, from another machine",
    "aloud": "explicitly",
    "whence": "from where",
    "whereby": "by which",
    "wherein": "in which",
    "thereof": "of it",
    "therein": "in it",
    "hence": "so, therefore",
    "upon": "on",
    "whilst": "while",
    "amiss": "wrong",
    "heed": "follow, take into account",
}
TURNS = {
    r"\b(?:is|are|was|were|be) none\b": "there is no …, it is not a …",
    r"[,;] for (?:it|they|there|he|she|we|you|nothing|everything|then)\b": "because",
    r"\bbut for\b": "except, without",
    r"\bsave (?:for|that)\b": "except",
}

# 'Where' as a condition is 'if' or 'when'. It may stand where it means a place: in a question, and after these words.
PLACE = re.compile(
    r"\b(?:ask|asks|asked|check|checks|choose|chooses|decide|decides|exactly|find|finds|from|is|just|know|knows|known|learn|matter|"
    r"name|names|named|note|notes|of|on|or|and|place|places|point|print|prints|remember|remembers|say|says|said|saying|see|show|"
    r"shows|shown|tell|tells|told|to|unclear|what|when|written) $"
)
QUESTION = re.compile(r"^[^.!:;]*\?")
NAMED = re.compile(r"^[^.,;:]*\.")  # 'Where the baseline goes.': a place, named by itself


class Prose(NamedTuple):
    file: str
    line: int
    text: str


def _files(*suffixes: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S607
    return [ROOT / name for name in listed.split("\0") if name.endswith(suffixes) and (ROOT / name).is_file()]


def _python(file: Path) -> Iterator[Prose]:
    """Comments, each block as one, and strings: what a person reads. Not names: ``where=`` is one."""
    name = str(file.relative_to(ROOT))
    block: list[str] = []
    began = last = 0
    for token in tokenize.tokenize(io.BytesIO(file.read_bytes()).readline):
        if token.type == tokenize.COMMENT:
            if not block or token.start[0] != last + 1:
                if block:
                    yield Prose(name, began, " ".join(block))
                block, began = [], token.start[0]
            block.append(token.string.lstrip("# "))
            last = token.start[0]
        elif token.type == tokenize.STRING:
            yield Prose(name, token.start[0], token.string)
    if block:
        yield Prose(name, began, " ".join(block))


def _paragraphs(file: Path) -> Iterator[Prose]:
    name = str(file.relative_to(ROOT))
    line = 1
    for part in re.split(r"(\n\s*\n)", file.read_text(encoding="utf-8")):
        yield Prose(name, line, re.sub(r"`[^`\n]*`", "`code`", re.sub(r"\n\s*#+ ?", "\n", part)))
        line += part.count("\n")


def _conditions(prose: Prose) -> Iterator[str]:
    """Each 'where' in *prose* that is a condition."""
    text = re.sub(r"[\s\"'(]+", " ", prose.text) + " "
    for found in re.finditer(r"\b[Ww]here\b", text):
        rest, before = text[found.end() :], text[: found.start()]
        if text[found.end() :][:1] in "=:.,?)|]" or text[found.start() - 1 : found.start()] in {"{", "`", ".", "_", "<"}:
            continue
        begins = not before.strip() or before.rstrip()[-1] in ".:|"
        if not PLACE.search(before) and not QUESTION.match(rest) and not (begins and NAMED.match(rest)):
            yield text[max(0, found.start() - 30) : found.end() + 30]


def _problems(files: list[Path]) -> Iterator[str]:
    words = re.compile(rf"(?<![A-Za-z])(?:{'|'.join(INSTEAD)})(?![a-z])", re.IGNORECASE)
    turns = [(re.compile(turn), plain) for turn, plain in TURNS.items()]
    here = Path(__file__).resolve()
    for file in files:
        if file == here:
            continue
        text = file.read_text(encoding="utf-8")
        name = str(file.relative_to(ROOT))
        for found in words.finditer(text):
            yield f"{name}:{text.count(chr(10), 0, found.start()) + 1}: {found[0]!r}: write {INSTEAD[found[0].lower()]}"
        joined = re.sub(r"[\s#]+", " ", text)  # a block of comments reads on over the ends of its lines
        if not re.search(r"\b[Ww]here\b(?![=:.,?)|\]])", text) and not any(turn.search(joined) for turn, _ in turns):
            continue  # nothing to find, and taking a file of Python apart is slow
        for prose in _python(file) if file.suffix == ".py" else _paragraphs(file):
            plain_text = re.sub(r"\s+", " ", prose.text)
            for turn, plain in turns:
                for found in turn.finditer(plain_text):
                    yield f"{name}:{prose.line}: {found[0]!r}: write {plain}"
            for condition in _conditions(prose):
                yield f"{name}:{prose.line}: 'where' that means 'if' or 'when': …{condition}…"


READ = (".py", ".md", ".yaml", ".yml", ".html", ".sh", ".json", ".toml", "Makefile")


def test_no_file_has_words_that_are_hard_to_read() -> None:
    found = list(_problems(_files(*READ)))
    assert not found, f"{len(found)} places:\n" + "\n".join(found[:200])


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("# Nobody signed it.", True),
        ("x = known_songs(1)", True),
        ('"""Raises where there is no file."""', True),
        ("# Where it is missing, it is RED.", True),
        ("# There is\n# none.", True),
        ('y = "it is a model, for it has weights"', True),
        ('y = "It says where the file lies."', False),
        ('y = "Where does the file come from?"', False),
        ("z = f(where=1)", False),
        ('"""Where the baseline goes."""', False),
        ('"""A file that no one signed. Recommended, amended, using."""', False),
    ],
)
def test_the_list_finds_what_it_should_and_no_more(
    text: str, wrong: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "sample.py"
    file.write_text(text + "\n", encoding="utf-8")
    monkeypatch.setattr("tests.house.test_words.ROOT", tmp_path)
    assert bool(list(_problems([file]))) is wrong
