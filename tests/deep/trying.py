"""Parsers tried on mutants: what was refused, what was accepted, how long the slowest took, and every traceback."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass

from tests.deep.mutating import mutants
from tests.deep.parsers import REFUSALS, Parser


@dataclass(slots=True, kw_only=True)
class Tried:
    """What became of one parser's inputs. ``slowest`` is in seconds of CPU."""

    name: str
    inputs: int = 0
    refused: int = 0
    accepted: int = 0
    slowest: float = 0.0
    tracebacks: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        line = f"{self.name:18} {self.inputs:7,} {self.refused:8,} {self.accepted:9,} {1000 * self.slowest:9.1f} ms"
        return line + (f"  {len(self.tracebacks)} TRACEBACKS" if self.tracebacks else "")


HEAD = f"{'parser':18} {'inputs':>7} {'refused':>8} {'accepted':>9} {'slowest':>12}"


def tried(parser: Parser, count: int, *, seed: str = "1") -> Tried:
    """*parser* on *count* inputs, the same ones every time."""
    found = Tried(name=parser.name)
    for data in mutants(parser.seeds, count, seed=f"{seed}/{parser.name}"):
        found.inputs += 1
        began = time.process_time()
        try:
            answer = parser.read(data)
            halves = next(_halves(answer), None)
            if halves is not None:
                found.tracebacks.append(f"{data[:3000]!r}\nhalf of a surrogate pair came through: {halves!a}")
            found.accepted += 1
        except REFUSALS as error:
            found.refused += 1
            if next(_halves(str(error)), None) is not None:
                found.tracebacks.append(f"{data[:3000]!r}\nhalf of a surrogate pair stands in the message: {str(error)!a}")
        except Exception:  # what is looked for
            found.tracebacks.append(f"{data[:3000]!r}\n{traceback.format_exc(limit=-4)}")
        except BaseException as error:
            if type(error).__name__ != "PanicException":
                raise
            found.tracebacks.append(f"{data[:3000]!r}\n{error}")
        found.slowest = max(found.slowest, time.process_time() - began)
    return found


def _halves(value: object) -> Iterator[str]:
    """Every text in *value* that no file in UTF-8 and no digest can take."""
    waiting = [value]
    while waiting:
        here = waiting.pop()
        if isinstance(here, str):
            if not here.isascii() and any("\ud800" <= letter <= "\udfff" for letter in here):
                yield here
        elif isinstance(here, dict):
            waiting += [*here.keys(), *here.values()]
        elif isinstance(here, list | tuple | set | frozenset):
            waiting += here
        elif is_dataclass(here) and not isinstance(here, type):
            waiting += [getattr(here, one.name, None) for one in fields(here)]
