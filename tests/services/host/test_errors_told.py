"""What a server writes to its standard error: without its secrets however it is cut, and not more than its host can bear."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.host.errors_told import LEFT_OUT, MASKED, MOST_BYTES, MOST_LINE, MOST_LINES, Errors

pytestmark = pytest.mark.requirement("HOST-017/status-shows-the-state")

SECRET = "s3cr3t-of-a-row"
PEM = "-----BEGIN PRIVATE KEY-----\nMIIBVQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n"


class Told:
    """The lines of a server whose clock a test moves."""

    def __init__(self, *secrets: str) -> None:
        self.lines: list[str] = []
        self.at = 0.0
        self.errors = Errors(self.lines.append, secrets, lambda: self.at)

    def said(self, data: bytes) -> list[str]:
        self.errors.data_received(data)
        self.errors.connection_lost(None)
        return self.lines


def test_lines_are_whole_cut_and_printable() -> None:
    told = Told()
    told.errors.data_received(b"one\r\ntw")
    told.errors.data_received(b"o\n\x1b[31m\xff\nlast")
    assert told.lines == ["one", "two", "\N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}"]
    told.errors.connection_lost(None)
    assert told.lines[-1] == "last"
    assert [len(one) for one in Told().said(b"x" * (2 * MOST_LINE + 5))] == [MOST_LINE, MOST_LINE, 5]


@given(before=st.integers(0, 2 * MOST_LINE), cuts=st.lists(st.integers(1, 3000), max_size=6), ends=st.booleans())
def test_a_secret_is_masked_however_it_is_cut(before: int, cuts: list[int], ends: bool) -> None:
    told = Told(SECRET, "s3cr3t")
    left = b"x" * before + SECRET.encode() + b"y" * before + (b"\n" if ends else b"")
    for cut in cuts:
        told.errors.data_received(left[:cut])
        left = left[cut:]
    text = "".join(told.said(left))
    assert SECRET not in text
    assert "s3cr3t" not in text
    assert "of-a-row" not in text


def test_nothing_plain_is_lost_with_a_long_secret() -> None:
    secret, before = "0123456789" * (MOST_LINE // 5), "x" * MOST_LINE
    told = Told(secret)
    told.errors.data_received(f"{before}{secret} be".encode())
    assert "".join(told.said(b"hind")) == f"{before}{MASKED} behind"


def test_a_secret_that_begins_as_another_is_not_told_at_a_cut() -> None:
    told = Told(SECRET, "s3cr3t")
    told.errors.data_received(b"x" * 2 * MOST_LINE + b"s3cr3t-of")
    assert "".join(told.said(b"-a-row!")) == "x" * 2 * MOST_LINE + f"{MASKED}!"


def test_the_last_words_after_a_flood_have_no_part_of_a_secret() -> None:
    told = Told(SECRET, "s3cr3t")
    told.errors.data_received(b"\n" * MOST_LINES)
    told.errors.data_received(b"x\n" + b"y" * MOST_LINE + b"s3cr3t-of")
    told.errors.data_received(b"-a-row" + b"z" * (MOST_LINE + 5))
    assert set(told.said(b"z")[-1]) == {"z"}
    told = Told(SECRET, "s3cr3t")
    told.errors.data_received(b"\n" * MOST_LINES)
    told.errors.data_received(b"s3cr3t-of")
    assert told.said(b"-a-row\n")[-1] == MASKED


@given(
    secrets=st.lists(st.text("ab", min_size=1, max_size=6), max_size=3),
    long=st.integers(0, 2 * MOST_LINE),
    pieces=st.lists(st.tuples(st.integers(0, MOST_LINE), st.text("abx", max_size=9)), max_size=9),
)
def test_what_is_told_does_not_depend_on_the_pieces(secrets: list[str], long: int, pieces: list[tuple[int, str]]) -> None:
    secrets = [*secrets, "a" + "-" * long + "b"]
    pieces = [(0, secrets[-1][: long // 2]), (0, secrets[-1][long // 2 :]), *pieces]
    told = Told(*secrets)
    for many, end in pieces:
        told.errors.data_received(b"-" * many + end.encode())
    whole = "".join("-" * many + end for many, end in pieces)
    assert "".join(told.said(b"")) == masked(whole, secrets)


def masked(text: str, secrets: list[str]) -> str:
    """*text*, with one mask for each run of letters that overlapping *secrets* cover."""
    covered, begins, ends = [False] * len(text), set[int](), set[int]()
    for secret in secrets:
        for found in re.finditer(f"(?={re.escape(secret)})", text):
            at = found.start()
            covered[at : at + len(secret)] = [True] * len(secret)
            begins.add(at)
            ends.update(range(at + 1, at + len(secret)))
    begins -= ends
    return "".join(MASKED if at in begins else one for at, one in enumerate(text) if at in begins or not covered[at])


def test_a_key_of_several_lines_is_masked_line_by_line() -> None:
    text = "\n".join(Told(PEM).said(f"refused:\n{PEM}".encode()))
    assert text == "\n".join(["refused:", *[MASKED] * 4])
    assert Told("a\nb").said(b"a cab\n") == ["a cab"], "a letter may be any word"


def test_a_flood_is_read_on_and_not_told() -> None:
    told = Told(SECRET)
    flood = b"".join(b"line %d\n" % number for number in range(MOST_LINES))
    for _ in range(50):
        told.errors.data_received(flood)
    assert told.lines[-2:] == [f"line {MOST_LINES - 1}", LEFT_OUT]
    assert len(told.lines) == MOST_LINES + 1
    told.at += 1
    told.errors.data_received(b"calm\n")
    assert told.lines[-1] == "calm"
    told.errors.data_received(b"z" * 100 + b"\n" + b"y" * MOST_BYTES)
    told.errors.data_received(b"y" * MOST_BYTES + b"\nits last words, " + SECRET.encode() + b"\n")
    told.errors.connection_lost(None)
    assert told.lines[-1] == f"its last words, {MASKED}"
    assert told.lines.count(LEFT_OUT) == 2
