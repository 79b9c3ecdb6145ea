"""A little of `make test-deep` in every run: each parser on a few hostile inputs."""

from __future__ import annotations

import pytest

from tests.deep.growing import GROWING
from tests.deep.mutating import mutants
from tests.deep.parsers import Parser, parsers
from tests.deep.trying import tried
from tests.vectors import vectors


@pytest.mark.parametrize("parser", parsers(), ids=lambda parser: parser.name)
def test_no_input_makes_a_traceback(parser: Parser) -> None:
    found = tried(parser, max(len(parser.seeds) + 5, round(30 * parser.share)), seed="quick")
    assert not found.tracebacks, "\n\n".join(found.tracebacks[:3])
    if parser.vectors and not found.accepted:
        vectors(parser.vectors)  # its sound inputs are others'
    assert found.accepted


def test_the_same_seed_makes_the_same_inputs_and_most_differ() -> None:
    """A fuzzer that could not be repeated could not be believed, and one that repeats itself tries little."""
    seeds = (b'{"a": [1, "AAAAAAAA"]}', b"x: y")
    made = list(mutants(seeds, 400, seed="a"))
    assert made == list(mutants(seeds, 400, seed="a"))
    assert made[:2] == list(seeds)
    assert len(set(made)) > 250


def test_a_traceback_would_be_seen() -> None:
    """The check itself: a parser that breaks on some inputs, and one that lets half a character through."""

    def breaks(data: bytes) -> object:
        return {}[data] if b"\x00" in data else data

    found = tried(Parser(name="x", read=breaks, seeds=(b"aa\x00aa", b"bb")), 50)
    assert found.tracebacks
    assert found.accepted
    assert "KeyError" in found.tracebacks[0]
    assert tried(Parser(name="x", read=lambda data: ["\ud800"], seeds=(b"a",)), 1).tracebacks


def test_every_input_that_grows_is_read_by_a_parser_that_there_is() -> None:
    known = {parser.name for parser in parsers()}
    assert {growing.parser for growing in GROWING} <= known
    assert len({growing.name for growing in GROWING}) == len(GROWING)
    for growing in GROWING:
        assert len(growing.make(40)) > len(growing.make(10)), growing.name
