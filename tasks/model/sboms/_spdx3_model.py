"""Whether an SPDX 3.0.1 document matches the model, by the tables of the SPDX project's bindings.

The bindings' own reader makes an object of everything and puts it in an index by each of some 80 classes, which takes most of
the time that a large document takes. `matches` reads the same tables (classes, properties, enumerations, patterns, kinds of
ids) and makes nothing. It says yes only to what the reader accepts for certain; everything else is left to the reader, which
has the last word and the text of the fault. A test compares the two on documents with faults.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from tasks.model.sboms._fields import Table

_DEEPEST = 16  # objects inside objects; the reader takes some more, until Python's limit
_MOST_REMEMBERED = 4096  # values of one property, such as dates


@dataclass(frozen=True, slots=True)
class _Link:
    """A property that holds objects: those of *kind*, in place or by reference. *names* are short forms of references."""

    kind: type
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Class:
    """One class: its id's name and form, and per property whether it is a list, and a link or a check of plain values."""

    kind: type
    alias: str
    identified: bool
    prefixed: Callable[[str], bool]
    properties: Mapping[str, tuple[bool, _Link | Callable[[object], bool]]]


class _Unsure(Exception):
    """The reader has to decide."""


def matches(content: Table) -> bool:
    """Does the reader accept *content*, whose ``@context`` is the one address of SPDX 3.0.1? ``False``: it is not certain."""
    graph = content.get("@graph")
    if not isinstance(graph, list):
        return False
    ids: dict[str, type] = {}
    refs: set[tuple[str, type]] = set()
    try:
        for entry in graph:
            _object(entry, ids, refs, 0)
    except _Unsure:
        return False
    return all(ref not in ids or issubclass(ids[ref], kind) for ref, kind in refs)


def _object(entry: object, ids: dict[str, type], refs: set[tuple[str, type]], depth: int) -> type:
    if type(entry) is not dict or "@type" in entry or depth > _DEEPEST:
        raise _Unsure
    kind = entry.get("type")
    table = _classes().get(kind) if type(kind) is str else None
    if table is None:
        raise _Unsure
    alias = table.alias
    if alias in entry and "@id" in entry and alias != "@id":
        raise _Unsure  # two ids
    name = alias if alias in entry else "@id"
    if name in entry:
        ref = entry[name]
        if type(ref) is not str or ref in ids or not table.prefixed(ref):
            raise _Unsure
        ids[ref] = table.kind
    elif table.identified:
        raise _Unsure
    properties = table.properties
    for key, value in entry.items():
        if key == "type" or key == alias or key == "@id":
            continue
        known = properties.get(key)
        if known is None:
            raise _Unsure
        listed, check = known
        for one in value if listed and type(value) is list else (value,):
            if not isinstance(check, _Link):
                if not check(one):
                    raise _Unsure
            elif type(one) is str:
                refs.add((check.names.get(one, one), check.kind))
            elif not issubclass(_object(one, ids, refs, depth + 1), check.kind):
                raise _Unsure
    return table.kind


@cache
def _classes() -> dict[str, _Class]:
    """Every class that a document may use, by both of its names; none that is abstract, open or deprecated."""
    from spdx_python_model import v3_0_1
    from spdx_python_model.bindings.v3_0_1.model import SHACLExtensibleObject

    found = {}
    for name, kind in v3_0_1.SHACLObject.CLASSES.items():
        if kind.IS_ABSTRACT or kind.IS_DEPRECATED or issubclass(kind, SHACLExtensibleObject):
            continue
        kind()  # properties of a class are made with its first object
        found[name] = _class(kind)
    return found


def _class(kind: Any) -> _Class:
    from spdx_python_model.bindings.v3_0_1.model import ListProp, NodeKind, is_blank_node, is_IRI

    forms: dict[Any, Callable[[str], bool]] = {
        NodeKind.IRI: is_IRI,
        NodeKind.BlankNode: is_blank_node,
        NodeKind.BlankNodeOrIRI: lambda ref: is_IRI(ref) or is_blank_node(ref),
    }
    properties: dict[str, tuple[bool, _Link | Callable[[object], bool]]] = {}
    # The order of preference is the reader's: the full name before the short one.
    for known in (kind._OBJ_COMPACT_PROPS, kind._OBJ_IRI_PROPS):
        for name, each in known.items():
            if each.iri == "@id" or each.deprecated:
                properties.pop(name, None)
                continue
            listed = type(each.prop) is ListProp
            properties[name] = (listed, _check(each.prop.prop if listed else each.prop))
    return _Class(
        kind=kind,
        alias=kind.ID_ALIAS or "@id",
        identified=kind.NODE_KIND is NodeKind.IRI,
        prefixed=forms[kind.NODE_KIND],
        properties=properties,
    )


def _check(prop: Any) -> _Link | Callable[[object], bool]:
    from spdx_python_model.bindings.v3_0_1.model import AnyURIProp, EnumProp, ObjectProp, StringProp

    kind = type(prop)
    if kind is ObjectProp:
        return _Link(kind=prop.cls, names={short: iri for iri, short in reversed(prop.context)})
    if kind is EnumProp and prop.pattern is None:
        allowed = frozenset(name for pair in prop.context for name in pair)
        return lambda value: type(value) is str and value in allowed
    if kind in (StringProp, AnyURIProp):
        if prop.pattern is None:
            return lambda value: type(value) is str
        search = re.compile(prop.pattern).search
        return lambda value: type(value) is str and search(value) is not None
    return _by_the_reader(prop)


def _by_the_reader(prop: Any) -> Callable[[object], bool]:
    """Any other property, such as a date or a number: the reader's own functions say, once for each value."""
    from spdx_python_model.bindings.v3_0_1.model import JSONLDDecoder  # type: ignore[attr-defined]  # not in its stub

    said: dict[tuple[type, object], bool] = {}

    def check(value: object) -> bool:
        if type(value) not in (str, int, float, bool):
            return False
        key = (type(value), value)
        if key not in said:
            if len(said) >= _MOST_REMEMBERED:
                said.clear()
            try:
                read = prop.decode(JSONLDDecoder(value), None)
                prop.validate(read)
                prop.set(read)
                said[key] = read is not None
            except Exception:  # whatever it is, the reader says it again
                said[key] = False
        return said[key]

    return check
