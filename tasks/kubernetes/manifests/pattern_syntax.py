"""From a regular expression in RE2's syntax to the steps of a machine that searches for it.

Source of the syntax: github.com/google/re2/wiki/Syntax. What is not known here raises `Unsupported`, and is never guessed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field

MOST_STEPS = 5000
"""In one compiled pattern."""
MOST_REPEATS = 1000
"""RE2's own limit for a counted repetition."""
UNSUPPORTED = "ArcOps does not evaluate this regular expression"

Test = Callable[[str], bool]


class Unsupported(ValueError):
    """The pattern uses what is not known here; the sentence begins with `UNSUPPORTED`."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{UNSUPPORTED}: {text}")


@dataclass(slots=True)
class Step:
    """A step of the machine. With ``test``: take a character that passes it, then ``ways[0]``. With ``at``: go on only at such
    a place. Without either: try ``ways`` in this order; no ways: the match ends.
    """

    test: Test | None = None
    at: str = ""
    ways: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Flags:
    fold: bool = False
    lines: bool = False
    dots: bool = False
    lazy: bool = False


Build = Callable[[int], int]
"""Given the step that follows, adds its own steps and gives the first of them."""

PERL: dict[str, Test] = {
    "d": lambda one: "0" <= one <= "9",
    "w": lambda one: one.isascii() and (one.isalnum() or one == "_"),
    "s": lambda one: one in "\t\n\f\r ",
}
_POSIX: dict[str, Test] = {
    "alnum": lambda one: one.isascii() and one.isalnum(),
    "alpha": lambda one: one.isascii() and one.isalpha(),
    "ascii": str.isascii,
    "blank": lambda one: one in "\t ",
    "cntrl": lambda one: one < " " or one == "\x7f",
    "digit": PERL["d"],
    "graph": lambda one: "!" <= one <= "~",
    "lower": lambda one: "a" <= one <= "z",
    "print": lambda one: " " <= one <= "~",
    "punct": lambda one: "!" <= one <= "~" and not one.isalnum(),
    "space": lambda one: one in "\t\n\v\f\r ",
    "upper": lambda one: "A" <= one <= "Z",
    "word": PERL["w"],
    "xdigit": lambda one: one in "0123456789abcdefABCDEF",
}
_WRITTEN = {"a": "\a", "f": "\f", "t": "\t", "n": "\n", "r": "\r", "v": "\v"}
_PLACES = {"A": "begin", "z": "end", "b": "edge", "B": "no edge"}


def _none_of(test: Test) -> Test:
    return lambda one: not test(one)


class Parser:
    """Reads a pattern and makes its steps."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.depth = text, 0, 0
        self.steps: list[Step] = []

    def machine(self) -> tuple[list[Step], int]:
        built = self._either(_Flags())
        if self.at < len(self.text):
            raise ValueError("the pattern has a ')' too many")
        end = self._add(Step())
        return self.steps, built(end)

    def _add(self, step: Step) -> int:
        if len(self.steps) >= MOST_STEPS:
            raise Unsupported(f"it has more than {MOST_STEPS:,} steps")
        self.steps.append(step)
        return len(self.steps) - 1

    def _next(self) -> str:
        return self.text[self.at : self.at + 1]

    def _took(self, text: str) -> bool:
        found = self.text.startswith(text, self.at)
        self.at += len(text) if found else 0
        return found

    def _either(self, flags: _Flags) -> Build:
        self.depth += 1
        if self.depth > 100:
            raise Unsupported("its groups are more than 100 deep")
        ways: list[Build] = []
        parts: list[Build] = []
        while self._next() and self._next() != ")":
            if self._took("|"):
                ways.append(_in_order(parts))
                parts = []
                continue
            if self.text.startswith("(?", self.at) and (changed := self._flags(flags)) is not None:
                flags = changed
                continue
            parts.append(self._repeated(self._one(flags), flags))
        self.depth -= 1
        ways.append(_in_order(parts))
        if len(ways) == 1:
            return ways[0]
        return lambda after: self._add(Step(ways=[way(after) for way in ways]))

    def _flags(self, flags: _Flags) -> _Flags | None:
        """The flags from here on, if flags alone are in this group, such as ``(?i)``."""
        end = self.text.find(")", self.at)
        said = self.text[self.at + 2 : end] if end > 0 else ""
        if not said or set(said) - set("imsU-"):
            return None
        self.at = end + 1
        return _with(flags, said)

    def _one(self, flags: _Flags) -> Build:
        one = self._next()
        self.at += 1
        if one == "(":
            return self._group(flags)
        if one == "[":
            return self._taking(self._class(flags), flags)
        if one == ".":
            return self._taking((lambda _: True) if flags.dots else (lambda found: found != "\n"), flags)
        if one in "^$":
            name = "begin" if one == "^" else "end"
            return self._placed(f"line {name}" if flags.lines else name)
        if one in "*+?":
            raise ValueError("the pattern repeats nothing")
        if one == "\\":
            if self._next() in _PLACES:
                self.at += 1
                return self._placed(_PLACES[self.text[self.at - 1]])
            return self._taking(self._escaped(), flags)
        return self._taking(one.__eq__, flags)

    def _group(self, flags: _Flags) -> Build:
        if self._took("?"):
            if self._took("P<") or (self._took("<") and self._next() not in ("=", "!")):
                end = self.text.find(">", self.at)
                if end < 0:
                    raise ValueError("the name of a group has no end")
                self.at = end + 1
            else:
                end = self.text.find(":", self.at)
                said = self.text[self.at : end] if end >= 0 else "?"
                if set(said) - set("imsU-"):
                    raise ValueError("a group begins with what RE2 does not know")
                flags, self.at = _with(flags, said), end + 1
        inner = self._either(flags)
        if not self._took(")"):
            raise ValueError("a group has no end")
        return inner

    def _taking(self, test: Test, flags: _Flags) -> Build:
        if flags.fold:
            plain = test
            test = lambda one: plain(one) or plain(one.lower()) or plain(one.upper())  # noqa: E731
        return lambda after: self._add(Step(test=test, ways=[after]))

    def _placed(self, where: str) -> Build:
        return lambda after: self._add(Step(at=where, ways=[after]))

    def _repeated(self, one: Build, flags: _Flags) -> Build:
        times = self._times()
        if times is None:
            return one
        least, most = times
        lazy = self._took("?") != flags.lazy
        if self._times() is not None:
            raise ValueError("the pattern repeats a repetition")

        def build(after: int) -> int:
            if most is None:
                loop = self._add(Step())
                first = one(loop)
                self.steps[loop].ways = [after, first] if lazy else [first, after]
                # A repetition from none is an optional one from one: so what may be empty is tried in Go's order.
                none = [after, first] if lazy else [first, after]
                after = first if least else self._add(Step(ways=none))
                for _ in range(least - 1):
                    after = one(after)
                return after
            end = after
            for _ in range(most - least):
                first = one(after)
                after = self._add(Step(ways=[end, first] if lazy else [first, end]))
            for _ in range(least):
                after = one(after)
            return after

        return build

    def _times(self) -> tuple[int, int | None] | None:
        for sign, found in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._took(sign):
                return found
        end = self.text.find("}", self.at)
        if self._next() != "{" or end < 0:
            return None
        least, comma, most = self.text[self.at + 1 : end].partition(",")
        if not (least.isascii() and least.isdigit()) or (most and not (most.isascii() and most.isdigit())):
            return None  # then it means itself
        self.at = end + 1
        low = int(least)
        high = int(most) if most else None if comma else low
        if max(low, high or 0) > MOST_REPEATS or (high is not None and high < low):
            raise ValueError("a repetition has bounds that RE2 refuses")
        return low, high

    def _escaped(self) -> Test:
        one = self._next()
        self.at += 1
        if one.lower() in PERL and one:
            return PERL[one] if one.islower() else _none_of(PERL[one.lower()])
        if one in ("p", "P") and one:
            return self._unicode(wanted=one == "p")
        return self._literal(one).__eq__

    def _literal(self, one: str) -> str:
        if one in _WRITTEN:
            return _WRITTEN[one]
        if one == "x":
            digits = self.text[self.at : self.at + 2]
            if self._took("{"):
                digits = self.text[self.at : max(self.text.find("}", self.at), self.at)]
                self.at += 1
            self.at += len(digits)
            return chr(int(digits, 16))
        if not one or (one.isascii() and one.isalnum()) or not one.isascii():
            raise Unsupported(f"it has the escape \\{one}")
        return one

    def _unicode(self, *, wanted: bool) -> Test:
        name = self._next()
        self.at += 1
        if name == "{":
            end = self.text.find("}", self.at)
            name, self.at = self.text[self.at : end], end + 1
        if name.startswith("^"):
            name, wanted = name[1:], not wanted
        if len(name) > 2 or name[:1] not in "LMNPSZC":
            raise Unsupported(f"it has the class \\p{{{name}}}")
        return lambda one: unicodedata.category(one).startswith(name) is wanted

    def _class(self, flags: _Flags) -> Test:
        tests: list[Test] = []
        barred = self._took("^")
        first = True
        while first or self._next() != "]":
            first = False
            if not self._next():
                raise ValueError("a class has no end")
            if self._took("[:"):
                name, _, _ = self.text[self.at :].partition(":]")
                self.at += len(name) + 2
                known = _POSIX.get(name.removeprefix("^"))
                if known is None:
                    raise ValueError("a class has a name that RE2 does not know")
                tests.append(_none_of(known) if name.startswith("^") else known)
                continue
            if self._next() == "\\" and self.text[self.at + 1 : self.at + 2] in tuple("dDwWsSpP"):
                self.at += 1
                tests.append(self._escaped())
                continue
            low = high = self._member()
            if self._next() == "-" and self.text[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                high = self._member()
            if high < low:
                raise ValueError("a class has a range that ends before it begins")
            tests.append(_between(low, high))
        self.at += 1
        fold = flags.fold

        def test(one: str) -> bool:
            forms = {one, one.lower(), one.upper()} if fold else {one}
            return any(found(form) for found in tests for form in forms if len(form) == 1) is not barred

        return test

    def _member(self) -> str:
        one = self._next()
        self.at += 1
        if one != "\\":
            return one
        self.at += 1
        return self._literal(self.text[self.at - 1 : self.at])


def _between(low: str, high: str) -> Test:
    return lambda one: low <= one <= high


def _with(flags: _Flags, said: str) -> _Flags:
    known = {"i": flags.fold, "m": flags.lines, "s": flags.dots, "U": flags.lazy}
    on = True
    for one in said:
        if one == "-":
            on = False
        else:
            known[one] = on
    return _Flags(fold=known["i"], lines=known["m"], dots=known["s"], lazy=known["U"])


def _in_order(parts: list[Build]) -> Build:
    def build(after: int) -> int:
        for part in reversed(parts):
            after = part(after)
        return after

    return build
