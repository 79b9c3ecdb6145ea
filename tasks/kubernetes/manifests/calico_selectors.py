"""Selectors in Calico's own language, as alternatives of Kubernetes' selectors (Calico, ``selector`` of its policies).

``||``, ``!`` and brackets become a list of selectors, of which one must hold. What compares parts of a value (``contains``,
``starts with``, ``ends with``) has no such form, and is not understood.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product

from arcops.seen.labels import Label, Operator, Requirement, Selector

MOST_ALTERNATIVES, MOST_TERMS = 64, 200
NAMESPACE_KEY = "projectcalico.org/name"
"""The label by which Calico's selectors of namespaces ask for their name."""
_KUBERNETES_NAME = "kubernetes.io/metadata.name"
_TOKEN = re.compile(
    r"\s*(?:(?P<mark>\|\||&&|!(?!=)|\(|\))"
    r"|(?P<call>all|global)\(\s*\)"
    r"|has\(\s*(?P<has>[A-Za-z0-9_./-]+)\s*\)"
    r"|(?P<key>[A-Za-z0-9_./-]+)\s*(?:(?P<is>==|=|!=)\s*(?P<value>'[^']*'|\"[^\"]*\")"
    r"|(?P<in>not\s+in|in)\s*\{(?P<values>[^{}]*)\}))"
)
_OPPOSITE = {
    Operator.IN: Operator.NOT_IN,
    Operator.NOT_IN: Operator.IN,
    Operator.EXISTS: Operator.DOES_NOT_EXIST,
    Operator.DOES_NOT_EXIST: Operator.EXISTS,
}
_Terms = tuple[Requirement, ...]
_EVERY: tuple[_Terms, ...] = ((),)
_NONE: tuple[_Terms, ...] = ()


class NotSelector(ValueError):
    """A text that is no selector, or one that is not understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A part of a selector: the alternatives when it holds, and those when it does not."""

    holds: tuple[_Terms, ...]
    fails: tuple[_Terms, ...]

    def opposite(self) -> _Part:
        return _Part(holds=self.fails, fails=self.holds)


def alternatives(text: str, *, without: str = "", spaces: bool = False) -> tuple[Selector, ...]:
    """Selectors of which one holds exactly for what *text* selects and *without* does not; an empty *text* selects all.

    ``spaces``: they select namespaces. Raises `NotSelector`.
    """
    found = _parsed(text, spaces) if text.strip() else _Part(holds=_EVERY, fails=_NONE)
    if without.strip():
        found = _both(found, _parsed(without, spaces).opposite())
    return tuple(_selector(terms) for terms in found.holds)


def is_global(text: str) -> bool:
    """Does *text* select what has no namespace (``global()``)?"""
    return re.fullmatch(r"\s*global\(\s*\)\s*", text) is not None


def _parsed(text: str, spaces: bool) -> _Part:
    tokens: list[re.Match[str]] = []
    at = 0
    while at < len(text.rstrip()):
        found = _TOKEN.match(text, at)
        if found is None:
            raise NotSelector(f"the selector {text[:80]!r}")
        tokens.append(found)
        at = found.end()
    reader = _Reader(tokens, spaces, text)
    part = reader.either()
    if reader.left:
        raise NotSelector(f"the selector {text[:80]!r}")
    return part


class _Reader:
    """``!`` binds more than ``&&``, and that more than ``||``."""

    def __init__(self, tokens: list[re.Match[str]], spaces: bool, text: str) -> None:
        self._tokens, self._at, self._spaces, self._text = tokens, 0, spaces, text
        self._terms = 0

    @property
    def left(self) -> bool:
        return self._at < len(self._tokens)

    def _took(self, mark: str) -> bool:
        if self.left and self._tokens[self._at]["mark"] == mark:
            self._at += 1
            return True
        return False

    def either(self) -> _Part:
        part = self._all()
        while self._took("||"):
            part = _both(part.opposite(), self._all().opposite()).opposite()
        return part

    def _all(self) -> _Part:
        part = self._one()
        while self._took("&&"):
            part = _both(part, self._one())
        return part

    def _one(self) -> _Part:
        self._terms += 1
        if not self.left or self._terms > MOST_TERMS:
            raise NotSelector(f"the selector {self._text[:80]!r}")
        if self._took("!"):
            return self._one().opposite()
        if self._took("("):
            part = self.either()
            if not self._took(")"):
                raise NotSelector(f"the selector {self._text[:80]!r}")
            return part
        token = self._tokens[self._at]
        self._at += 1
        if token["call"] == "all":
            return _Part(holds=_EVERY, fails=_NONE)
        if token["mark"] or token["call"]:
            raise NotSelector(f"the selector {self._text[:80]!r}")
        asked = _asked(token)
        key = asked.key
        if self._spaces and key == NAMESPACE_KEY:
            asked = Requirement(key=_KUBERNETES_NAME, operator=asked.operator, values=asked.values)
        elif key.startswith("projectcalico.org/"):
            raise NotSelector(f"the selector {self._text[:80]!r}, which asks for a label of Calico's own")
        against = Requirement(key=asked.key, operator=_OPPOSITE[asked.operator], values=asked.values)
        return _Part(holds=((asked,),), fails=((against,),))


def _asked(token: re.Match[str]) -> Requirement:
    if token["has"]:
        return Requirement(key=token["has"], operator=Operator.EXISTS)
    if token["is"]:
        operator = Operator.NOT_IN if token["is"] == "!=" else Operator.IN
        return Requirement(key=token["key"], operator=operator, values=(token["value"][1:-1],))
    values = [one.strip() for one in token["values"].split(",") if one.strip()]
    if not all(len(one) > 1 and one[0] == one[-1] and one[0] in "'\"" for one in values):
        raise NotSelector(f"the values {token['values'][:80]!r}")
    operator = Operator.IN if token["in"] == "in" else Operator.NOT_IN
    return Requirement(key=token["key"], operator=operator, values=tuple(dict.fromkeys(one[1:-1] for one in values)))


def _both(one: _Part, other: _Part) -> _Part:
    holds = tuple(dict.fromkeys((*a, *b) for a, b in product(one.holds, other.holds)))
    fails = tuple(dict.fromkeys((*one.fails, *other.fails)))
    if max(len(holds), len(fails)) > MOST_ALTERNATIVES:
        raise NotSelector(f"a selector of more than {MOST_ALTERNATIVES} alternatives")
    return _Part(holds=holds, fails=fails)


def _selector(terms: _Terms) -> Selector:
    equal = [one for one in terms if one.operator is Operator.IN and len(one.values) == 1]
    return Selector(
        labels=tuple(dict.fromkeys(Label(key=one.key, value=one.values[0]) for one in equal)),
        expressions=tuple(dict.fromkeys(one for one in terms if one not in equal)),
    )
