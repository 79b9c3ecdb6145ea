"""Plain names for the kinds of JSON values."""

from __future__ import annotations

JSON = dict[str, "JSON"] | list["JSON"] | str | int | float | bool | None

_CALLED: dict[type[object], str] = {
    dict: "an object",
    list: "a list",
    str: "a string",
    int: "a whole number",
    float: "a number with a point or an exponent",
    bool: "true or false",
    type(None): "null",
}


def called(kind: type[object]) -> str:
    """What a value of the Python type *kind* is called in JSON, such as ``a list``; without a place in JSON, its own name."""
    return _CALLED.get(kind) or f"a value of type {kind.__name__}"
