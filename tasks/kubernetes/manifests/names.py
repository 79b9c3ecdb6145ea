"""Names, labels and selectors, by the rules that Kubernetes publishes for them (``apimachinery`` validation)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from arcops.seen.network import Label, Operator, Requirement, Selector
from tasks.kubernetes.manifests.fields import Field
from tasks.kubernetes.manifests.nodes import Mapping, Node, Scalar

_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?\Z")
_SUBDOMAIN = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*\Z")
_QUALIFIED = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?\Z")
_PORT_NAME = re.compile(r"[a-z0-9](?:-?[a-z0-9])*\Z")


def dns_label(text: str) -> str:
    """Why *text* is not an RFC 1123 label; empty if it is one."""
    if len(text) > 63:
        return "it has more than 63 characters"
    return "" if _LABEL.match(text) else "use lower-case letters, digits and '-'; it must not begin or end with '-'"


def dns_subdomain(text: str) -> str:
    """Why *text* is not an RFC 1123 subdomain; empty if it is one."""
    if len(text) > 253:
        return "it has more than 253 characters"
    if _SUBDOMAIN.match(text):
        return ""
    return "use lower-case letters, digits, '-' and '.'; each part must begin and end with a letter or digit"


def label_key(text: str) -> str:
    """Why *text* is not a key of a label; empty if it is one."""
    prefix, slash, name = text.rpartition("/")
    if slash and (not prefix or dns_subdomain(prefix)):
        return "the part before '/' must be a DNS name"
    if not name or len(name) > 63 or not _QUALIFIED.match(name):
        return "a key must have 1 to 63 letters, digits, '-', '_' and '.', and begin and end with a letter or digit"
    return ""


def label_value(text: str) -> str:
    """Why *text* is not a value of a label; empty if it is one."""
    if text and (len(text) > 63 or not _QUALIFIED.match(text)):
        return "a value must have at most 63 letters, digits, '-', '_' and '.', and begin and end with a letter or digit"
    return ""


def port_name(text: str) -> str:
    """Why *text* is not a name of a port (IANA service name, RFC 6335); empty if it is one."""
    if not 1 <= len(text) <= 15:
        return "a port's name must have 1 to 15 characters"
    if not _PORT_NAME.match(text):
        return "a port's name may have only lower-case letters, digits, and single '-' between them"
    return "" if re.search("[a-z]", text) else "a port's name must have at least one letter"


def labels(found: Field | None) -> tuple[Label, ...]:
    """The labels at *found*, sorted by key; complains about each that the API server refuses."""
    if found is None:
        return ()
    sound = _all_sound(found.node)
    return tuple(sorted(_labels(found))) if sound is None else sound


def _all_sound(node: Node | None) -> tuple[Label, ...] | None:
    """The labels at *node*, sorted by key; `None` if the API server refuses anything there, so that it must be said what."""
    if type(node) is not Mapping:
        return None
    found = [
        _sound(key, one.value) if type(one) is Scalar and type(one.value) is str and not one.odd else None
        for key, one in node.items.items()
    ]
    return None if None in found else tuple(sorted(filter(None, found), key=_key))


@lru_cache(maxsize=10_000)
def _sound(key: str, value: str) -> Label | None:
    """The label, if the API server accepts it. Equal ones are the same object, because most come again and again."""
    return None if label_key(key) or label_value(value) else Label(key=key, value=value)


def _key(label: Label) -> str:
    return label.key


def _labels(found: Field) -> Iterator[Label]:
    for key, value in found.members():
        text = value.text()
        for problem, shown in ((label_key(key), key), (label_value(text), text)):
            if problem:
                value.wrong(f"{shown[:80]!r} in a label: {problem}")
        yield Label(key=key, value=text)


def selector(found: Field | None) -> Selector | None:
    """The label selector at *found*; `None` if it has no selector."""
    if found is None:
        return None
    node = found.node
    if type(node) is Mapping and len(node.items) == 1:  # as most are: labels, and nothing to complain about
        sound = _all_sound(node.items.get("matchLabels"))
        if sound is not None:
            return Selector(labels=sound)
    found.only("matchLabels", "matchExpressions")
    return Selector(
        labels=labels(found.get("matchLabels")),
        expressions=tuple(_requirement(item) for item in found.items("matchExpressions")),
    )


def _requirement(item: Field) -> Requirement:
    item.only("key", "operator", "values")
    key_at, operator_at = item.get("key"), item.get("operator")
    key = key_at.text() if key_at else ""
    if problem := label_key(key):
        (key_at or item).complaints.add((key_at or item).line, f"{item.path}.key", f"{key[:80]!r}: {problem}")
    named = operator_at.text() if operator_at else ""
    values = []
    for value in item.items("values"):
        text = value.text()
        if problem := label_value(text):
            value.wrong(f"{text[:80]!r}: {problem}")
        values.append(text)
    known = {operator.value: operator for operator in Operator}
    if named not in known:
        (operator_at or item).complaints.add(
            (operator_at or item).line, f"{item.path}.operator", f"{named[:80]!r} is not one of {', '.join(known)}"
        )
        return Requirement(key=key, operator=Operator.IN)  # it selects nothing, and the complaint makes the verdict RED
    operator = known[named]
    if operator in (Operator.IN, Operator.NOT_IN) and not values:
        item.complaints.add(item.line, f"{item.path}.values", f"{named} needs at least one value")
    elif operator in (Operator.EXISTS, Operator.DOES_NOT_EXIST) and values:
        item.complaints.add(item.line, f"{item.path}.values", f"{named} takes no values")
    return Requirement(key=key, operator=operator, values=tuple(dict.fromkeys(values)))
