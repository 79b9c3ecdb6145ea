"""Change a file of any form, and prove the change: our entries are as they were meant, and everything else is as it was."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from amend.client.editing import json_edit, json_text, toml_edit, yaml_edit
from amend.client.family import Form, Value
from arcops.errors import Refused

INPUTS = "inputs"
"""The key of the list in which a client keeps what it asks the user for, one item for each ``id``."""


def read(form: Form, text: str, where: str) -> dict[str, object]:
    """What a file with this *text* holds. Raises `Refused` if its client could not read it."""
    if text.startswith("\ufeff") and form is not Form.YAML:
        raise Refused(f"{where} begins with a byte order mark, at which its client may stop; save it as UTF-8 without one")
    match form:
        case Form.TOML:
            return toml_edit.parsed(text, where)
        case Form.YAML:
            return yaml_edit.parsed(text, where)
        case Form.JSON | Form.JSONC:
            if not text.strip():
                return {}
            value = json_text.read(text, comments=form is Form.JSONC, where=where).value
            return value if isinstance(value, dict) else {}


def entries(form: Form, text: str, path: Sequence[str], where: str) -> dict[str, object]:
    """The entries at *path* of that file; none if the path is not there."""
    found: object = read(form, text, where)
    for step in path:
        found = found.get(step, {}) if isinstance(found, dict) else {}
    return found if isinstance(found, dict) else {}


def changed(
    form: Form,
    text: str,
    path: Sequence[str],
    put: Mapping[str, Value],
    drop: Collection[str] = (),
    *,
    where: str,
    inputs: Sequence[Value] = (),
    drop_inputs: Collection[str] = (),
) -> str:
    """*text* of a file with the entries *put* at *path*, without those of *drop*; the inputs likewise.

    Raises `Refused` if the file cannot be read, or cannot be changed without changing something else.
    """
    before = read(form, text, where)
    match form:
        case Form.TOML:
            new = toml_edit.edited(text, path, put, drop, where=where)
        case Form.YAML:
            new = yaml_edit.edited(text, path, put, drop, where=where)
        case Form.JSON | Form.JSONC:
            comments = form is Form.JSONC
            new = json_edit.edited(text, path, put, drop, comments=comments, where=where)
            asked = {str(one["id"]): one for one in inputs if isinstance(one, dict)}
            new = json_edit.edited(new, (INPUTS,), asked, drop_inputs, comments=comments, where=where, array=True)
    try:
        after = read(form, new, where)
    except Refused as error:
        raise Refused(
            f"{where} is written so that our entries cannot be put into it ({error}); write its servers in the form that the "
            "client's own documentation shows"
        ) from error
    ours = {str(one["id"]) for one in inputs if isinstance(one, dict)} | set(drop_inputs)
    _compare(before, after, path, put, drop, where, ours)
    return new


def _compare(
    before: dict[str, object],
    after: dict[str, object],
    path: Sequence[str],
    put: Mapping[str, Value],
    drop: Collection[str],
    where: str,
    ours: Collection[str],
) -> None:
    try:
        left, right = _apart(before), _apart(after)
    except RecursionError as error:
        raise Refused(f"{where} holds something that is a part of itself, so it was not changed") from error
    have = _taken(right, path, put.keys())
    if have != dict(put):
        raise Refused(f"{where} would not hold what was meant, so it was not changed; is an entry written in a rare form?")
    _taken(left, path, {*put, *drop})
    _taken(right, path, set(drop) - set(put))
    for one in (left, right):
        _pruned(one, path)
        asked = one.get(INPUTS)
        if isinstance(asked, list):
            others = [item for item in asked if not (isinstance(item, dict) and item.get("id") in ours)]
            one |= {INPUTS: others}
            _pruned(one, (INPUTS,))
    if left != right:
        raise Refused(
            f"changing {where} would have changed something else in it, so nothing was written; does another place refer to "
            "the servers (an alias of YAML)?"
        )


def _apart(value: Any) -> Any:
    """A copy in which no two places are one object, as aliases of YAML are, and in which NaN is equal to itself."""
    if isinstance(value, dict):
        return {name: _apart(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_apart(one) for one in value]
    return "nan" if isinstance(value, float) and value != value else value


def _taken(values: dict[str, Any], path: Sequence[str], names: Collection[str]) -> dict[str, object]:
    found: Any = values
    for step in path:
        found = found.get(step) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        return {}
    return {name: found.pop(name) for name in list(names) if name in found}


def _pruned(values: dict[str, Any], path: Sequence[str]) -> None:
    """Forget objects on *path* that hold nothing: they came or went with the entries."""
    for depth in range(len(path), 0, -1):
        parent: Any = values
        for step in path[: depth - 1]:
            parent = parent.get(step) if isinstance(parent, dict) else None
        if isinstance(parent, dict) and parent.get(path[depth - 1], 1) in ({}, [], None):
            del parent[path[depth - 1]]


def whole(form: Form, path: Sequence[str], put: Mapping[str, Value], inputs: Sequence[Value] = ()) -> str:
    """The text of a file that holds these entries, and nothing else: the same for the same values."""
    match form:
        case Form.TOML:
            return toml_edit.whole(tuple(path), put)
        case Form.YAML:
            return yaml_edit.whole(path, put)
        case Form.JSON | Form.JSONC:
            inner: Value = dict(put)
            for step in reversed(path):
                inner = {step: inner}
            if inputs and isinstance(inner, dict):
                inner = {INPUTS: list(inputs), **inner}
            return json.dumps(inner, indent=2, ensure_ascii=False) + "\n"
