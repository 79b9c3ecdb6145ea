"""The values that a person gives to a runbook: each is checked by its kind, so none can be an option or another command."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from arcops.errors import Refused
from services.host.reserved import refuse_reserved
from services.host.runbooks.template import Kind, Parameter
from services.host.spec import read_package

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,199}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
_MOST = 500


def settings(texts: Iterable[str], known: Iterable[Parameter]) -> Mapping[str, str]:
    """The value of each parameter in *known*: from *texts*, each ``NAME=VALUE``, or its default.

    Raises `Refused` for an unknown name, a value of another kind, and a value that is missing.
    """
    parameters = {one.name: one for one in known}
    given: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or name not in parameters:
            wanted = ", ".join(parameters) or "none"
            raise Refused(f"--set {text[:80]!r} is not NAME=VALUE with one of this runbook's parameters: {wanted}")
        if name in given:
            raise Refused(f"--set {name} is given twice; give it once")
        given[name] = value
    for name, one in parameters.items():
        if name not in given:
            if one.default is None:
                raise Refused(f"this runbook needs --set {name}=…: {one.doc}")
            given[name] = one.default
        elif given[name] or one.default != "":
            refuse_other(one.kind, given[name], name, one.choices)
    return {name: given[name] for name in parameters}


def refuse_other(kind: Kind, value: str, name: str, choices: tuple[str, ...] = ()) -> None:
    """Raise `Refused` unless *value* is one of *kind*; *name* is the parameter's."""
    if len(value) > _MOST or not value.isprintable() or value.startswith("-"):
        raise Refused(f"{name} is {value[:80]!r}: write one line of at most {_MOST} characters that does not begin with '-'")
    match kind:
        case Kind.SERVER:
            refuse_reserved(value)
        case Kind.PACKAGE:
            read_package(value)
        case Kind.NUMBER:
            _refuse(_NUMBER, value, name, "a whole number such as 3")
        case Kind.DIGEST:
            _refuse(_DIGEST, value, name, "a digest, sha256: and 64 of the digits 0-9 and a-f")
        case Kind.WORD:
            _refuse(_WORD, value, name, "one word of letters, digits and . _ @ + -")
        case Kind.PATH | Kind.STEM:
            if not value.startswith("/") or ".." in value.split("/"):
                raise Refused(f"{name} is {value[:80]!r}, not an absolute path without '..'")
            if kind is Kind.STEM and "." in value.rpartition("/")[2]:
                raise Refused(f"{name} is {value[:80]!r}: leave out the suffix, which the command adds")
        case Kind.CHOICE:
            if value not in choices:
                raise Refused(f"{name} is {value[:80]!r}; write one of {', '.join(choices)}")
        case Kind.LINE:
            if not value.strip():
                raise Refused(f"{name} is empty")


def _refuse(pattern: re.Pattern[str], value: str, name: str, wanted: str) -> None:
    if not pattern.fullmatch(value):
        raise Refused(f"{name} is {value[:80]!r}, not {wanted}")
