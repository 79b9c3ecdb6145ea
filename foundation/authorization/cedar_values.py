"""Arguments of a call as values of Cedar, which has no null and no floating point, and reads some JSON as more than data.

Cedar JSON: https://docs.cedarpolicy.com/policies/json-format.html and auth/entities-syntax.html, "Entities and context".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal, localcontext

from arcops.errors import Refused

DEEPEST = 50
MOST_VALUES = 50_000
_LONG = 2**63
_PLACES = 4
"""Digits after the point of Cedar's ``decimal``, which is a Long of ten-thousandths."""
_ESCAPES = ("__entity", "__extn", "__expr")
"""Members by which Cedar's JSON names an entity or calls a function. From a caller they would be code, not data."""


def cedar_value(value: object) -> object:
    """*value*, a JSON value, for Cedar. ``null`` members are left out: a policy asks ``has`` for what was not given.

    A number with a point becomes a ``decimal``. Raises `Refused` for what Cedar can't hold, so that no policy judges another
    value than the one that was given.
    """
    left = [MOST_VALUES]
    return _value(value, 0, left)


def _value(value: object, depth: int, left: list[int]) -> object:
    left[0] -= 1
    if depth > DEEPEST or left[0] < 0:
        raise Refused(f"the arguments have more than {MOST_VALUES} values, or are nested more than {DEEPEST} deep")
    if isinstance(value, bool | str):
        return _text(value) if isinstance(value, str) else value
    if isinstance(value, int):
        if not -_LONG <= value < _LONG:
            raise Refused("an argument is a whole number of more than 64 bits, which Cedar can't hold")
        return value
    if isinstance(value, float):
        return {"__extn": {"fn": "decimal", "arg": _decimal(value)}}
    if isinstance(value, Mapping):
        found: dict[str, object] = {}
        for name, one in value.items():
            if not isinstance(name, str) or name in _ESCAPES:
                raise Refused("an argument has a member that Cedar would not read as data")
            if one is not None:
                found[_text(name)] = _value(one, depth + 1, left)
        return found
    if isinstance(value, list | tuple):
        return [_value(one, depth + 1, left) for one in value]
    raise Refused(f"an argument is {'null in a list' if value is None else type(value).__name__}, which Cedar can't hold")


def _text(text: str) -> str:
    if not text.isascii() and any("\ud800" <= one <= "\udfff" for one in text):
        raise Refused("an argument has half of a surrogate pair, which is not a character")
    return text


def _decimal(number: float) -> str:
    if not math.isfinite(number) or abs(number) >= _LONG / 10**_PLACES:
        raise Refused("an argument is a number that is too large for Cedar's decimal")
    with localcontext() as context:
        context.prec = 40
        exact = Decimal(repr(number))
        text = f"{exact.quantize(Decimal(1).scaleb(-_PLACES)):f}"
        if Decimal(text) != exact:
            raise Refused(f"an argument is a number with more than {_PLACES} digits after the point, which Cedar can't hold")
    return text
