"""Licence expressions: the SPDX grammar, parsed into a value that answers "is this licence permitted?".

Source: SPDX specification 2.3, annex D ("SPDX license expressions"). Case does not matter in names; identifiers that SPDX
deprecated become the ones that replaced them (``GPL-3.0`` is ``GPL-3.0-only``). A model hub has licences that SPDX does not
list (``llama3.1``, ``gemma``); they keep the hub's spelling. No name is guessed: a text that does not parse is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from arcops.errors import Refused
from arcops.late_dataclass import dataclass
from arcops.late_pattern import late

UNSAID = "NOASSERTION"
NOTHING = "NONE"

_LONGEST = 4096
_DEEPEST = 32
_TOKEN = late(r"\s*(?:([()])|([A-Za-z0-9][A-Za-z0-9.:-]*\+?))")
_OPERATORS = {"AND": "AND", "and": "AND", "OR": "OR", "or": "OR", "WITH": "WITH", "with": "WITH"}

# Spellings as the SPDX licence list 3.27 and the hub's licence list (November 2026) print them.
_NAMES = """
0BSD AFL-3.0 AGPL-1.0-only AGPL-1.0-or-later AGPL-3.0-only AGPL-3.0-or-later Apache-1.1 Apache-2.0 Artistic-2.0 BSD-2-Clause
BSD-3-Clause BSD-3-Clause-Clear BSD-4-Clause BSL-1.0 BUSL-1.1 BlueOak-1.0.0 C-UDA-1.0 CC-BY-2.0 CC-BY-2.5 CC-BY-3.0 CC-BY-4.0
CC-BY-NC-2.0 CC-BY-NC-3.0 CC-BY-NC-4.0 CC-BY-NC-ND-3.0 CC-BY-NC-ND-4.0 CC-BY-NC-SA-2.0 CC-BY-NC-SA-3.0 CC-BY-NC-SA-4.0
CC-BY-ND-4.0 CC-BY-SA-3.0 CC-BY-SA-4.0 CC0-1.0 CDDL-1.0 CDLA-Permissive-1.0 CDLA-Permissive-2.0 CDLA-Sharing-1.0 ECL-2.0 EPL-1.0
EPL-2.0 EUPL-1.1 EUPL-1.2 GFDL-1.1-only GFDL-1.1-or-later GFDL-1.2-only GFDL-1.2-or-later GFDL-1.3-only GFDL-1.3-or-later
GPL-1.0-only GPL-1.0-or-later GPL-2.0-only GPL-2.0-or-later GPL-3.0-only GPL-3.0-or-later HPND ISC LGPL-2.0-only
LGPL-2.0-or-later LGPL-2.1-only LGPL-2.1-or-later LGPL-3.0-only LGPL-3.0-or-later LGPLLR LPPL-1.3c MIT MIT-0 MPL-1.1 MPL-2.0
MS-PL NCSA ODC-By-1.0 ODbL-1.0 OFL-1.1 OSL-3.0 PDDL-1.0 PSF-2.0 PostgreSQL Python-2.0 Unlicense WTFPL Zlib etalab-2.0
"""

_RENAMED = {
    "c-uda": "C-UDA-1.0",
    "lgpl-lr": "LGPLLR",
    "odbl": "ODbL-1.0",
    "odc-by": "ODC-By-1.0",
    "openrail++": "LicenseRef-openrail-plus-plus",
    "pddl": "PDDL-1.0",
    "unknown": UNSAID,
    "noassertion": UNSAID,
    "none": NOTHING,
} | {
    f"{family}-{version}{old}".lower(): f"{family}-{version}{new}"
    for family, versions in (
        ("AGPL", ("1.0", "3.0")),
        ("GFDL", ("1.1", "1.2", "1.3")),
        ("GPL", ("1.0", "2.0", "3.0")),
        ("LGPL", ("2.0", "2.1", "3.0")),
    )
    for version in versions
    for old, new in (("", "-only"), ("+", "-or-later"))
}
_SPELLING = {name.lower(): name for name in _NAMES.split()} | _RENAMED

# Names that tools write instead of an identifier, each with only one possible meaning ("BSD License" has several, so it is
# absent).
_PLAIN_NAMES = {
    "apache 2": "Apache-2.0",
    "apache 2 0": "Apache-2.0",
    "apache license 2 0": "Apache-2.0",
    "apache license version 2 0": "Apache-2.0",
    "apache software license 2 0": "Apache-2.0",
    "apache software license version 2 0": "Apache-2.0",
    "bsd 2 clause license": "BSD-2-Clause",
    "bsd 3 clause license": "BSD-3-Clause",
    "isc license": "ISC",
    "mit license": "MIT",
    "mozilla public license 2 0": "MPL-2.0",
    "the apache software license version 2 0": "Apache-2.0",
    "the mit license": "MIT",
    "the unlicense": "Unlicense",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """One licence: an identifier, ``LicenseRef-…`` or ``DocumentRef-…:LicenseRef-…``; ``exception`` follows WITH."""

    name: str
    exception: str = ""

    def __str__(self) -> str:
        return f"{self.name} WITH {self.exception}" if self.exception else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOf:
    """All parts apply together (AND)."""

    parts: tuple[Expression, ...]

    def __str__(self) -> str:
        return " AND ".join(f"({part})" if isinstance(part, AnyOf) else str(part) for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf:
    """The licensee chooses one part (OR)."""

    parts: tuple[Expression, ...]

    def __str__(self) -> str:
        return " OR ".join(str(part) for part in self.parts)


Expression = Licence | AllOf | AnyOf


def canonical_name(name: str) -> str:
    """The one spelling of a licence identifier; an unknown name stays as it is written."""
    return _SPELLING.get(name.lower(), name)


def family(name: str) -> str:
    """The licence text that *name* stands for: "only" and "or later" have the same text. A hub's name for a licence that SPDX
    does not list, and the ``LicenseRef-`` of that name (as an SPDX expression must spell it), have the same text, too.
    """
    own = name.removeprefix("LicenseRef-")
    if own.lower() not in _SPELLING:
        name = own
    for ending in ("-only", "-or-later", "+"):
        name = name.removesuffix(ending)
    return name.lower()


def named(expression: Expression) -> Iterator[Licence]:
    """Every licence in *expression*, from left to right."""
    if isinstance(expression, Licence):
        yield expression
    else:
        for part in expression.parts:
            yield from named(part)


def holds(expression: Expression, permitted: Callable[[Licence], bool]) -> bool:
    """Is *expression* satisfied if only *permitted* licences may be used: all of an AND, one of an OR?"""
    match expression:
        case Licence():
            return permitted(expression)
        case AllOf(parts=parts):
            return all(holds(part, permitted) for part in parts)
        case AnyOf(parts=parts):
            return any(holds(part, permitted) for part in parts)


def parse_licence(text: str) -> Expression:
    """The licence expression *text*. Raises `Refused` that says what is wrong with it."""
    if len(text) > _LONGEST:
        raise Refused(f"a licence expression of {len(text)} characters is too long; at most {_LONGEST} are read")
    plain = _PLAIN_NAMES.get(" ".join(re.findall(r"[a-z0-9]+", text.lower())))
    if plain is not None:
        return Licence(name=plain)
    if text.strip().lower() in _SPELLING:
        return Licence(name=_SPELLING[text.strip().lower()])
    parser = _Parser(text=text, tokens=list(_tokens(text)))
    expression = parser.any_of(0)
    if parser.at < len(parser.tokens):
        raise Refused(f"{_shown(text)} is not a licence expression: {parser.tokens[parser.at]!r} follows without AND or OR")
    return expression


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:77]}...")


def _tokens(text: str) -> Iterator[str]:
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise Refused(f"{_shown(text)} is not a licence expression: {text[at:].strip()[:1]!r} is not allowed there")
        yield match.group(1) or match.group(2)
        at = match.end()


class _Parser:
    """Recursive descent over the tokens of one expression; WITH binds closest, then AND, then OR."""

    def __init__(self, *, text: str, tokens: list[str]) -> None:
        self.text, self.tokens, self.at = text, tokens, 0

    def any_of(self, depth: int) -> Expression:
        return self._joined("OR", self.all_of, lambda parts: AnyOf(parts=parts), depth)

    def all_of(self, depth: int) -> Expression:
        return self._joined("AND", self.single, lambda parts: AllOf(parts=parts), depth)

    def _joined(
        self,
        operator: str,
        part: Callable[[int], Expression],
        join: Callable[[tuple[Expression, ...]], Expression],
        depth: int,
    ) -> Expression:
        parts = [part(depth)]
        while self._peek() == operator:
            self.at += 1
            parts.append(part(depth))
        return parts[0] if len(parts) == 1 else join(tuple(parts))

    def single(self, depth: int) -> Expression:
        token = self._take()
        if token == "(":  # noqa: S105  # a parenthesis, not a password
            if depth >= _DEEPEST:
                raise Refused(f"{_shown(self.text)} nests more than {_DEEPEST} parentheses")
            inner = self.any_of(depth + 1)
            if self._take() != ")":
                raise Refused(f"{_shown(self.text)} is not a licence expression: a parenthesis is not closed")
            return inner
        licence = self._name(token)
        if self._peek() != "WITH":
            return Licence(name=licence)
        self.at += 1
        exception = self._take()
        if exception in _OPERATORS or exception in "()" or exception.endswith("+"):
            raise Refused(f"{_shown(self.text)} is not a licence expression: no exception follows WITH")
        return Licence(name=licence, exception=exception)

    def _name(self, token: str) -> str:
        if token in _OPERATORS or token == ")":  # noqa: S105  # a parenthesis, not a password
            raise Refused(f"{_shown(self.text)} is not a licence expression: a licence is missing before {token!r}")
        if ":" in token and not re.fullmatch(r"DocumentRef-[A-Za-z0-9.-]+:LicenseRef-[A-Za-z0-9.-]+", token):
            raise Refused(f"{_shown(self.text)} is not a licence expression: {token!r} is not a reference to another document")
        name = canonical_name(token)
        if name in (UNSAID, NOTHING):
            raise Refused(f"{_shown(self.text)} mixes {name} with licences, so its meaning is not clear")
        return name

    def _peek(self) -> str:
        return _OPERATORS.get(self.tokens[self.at], "") if self.at < len(self.tokens) else ""

    def _take(self) -> str:
        if self.at >= len(self.tokens):
            raise Refused(f"{_shown(self.text)} is not a licence expression: it ends too early")
        token = self.tokens[self.at]
        self.at += 1
        return token
