"""CycloneDX in XML: validated with the specification's own XSDs, then brought into JSON's form and read like JSON.

A DOCTYPE is never accepted: CycloneDX does not need it, and it can define entities, also XML bombs. Expat looks for it first
and stops there, before libxml2 gets a byte. Nothing is fetched.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import cache
from typing import Any
from xml.parsers import expat

from arcops.late_pattern import late
from arcops.seen.sboms import SbomSeen
from tasks.model.sboms._cyclonedx import FORMAT, shaped, unknown_version
from tasks.model.sboms._document import MOST_VALUES, Document
from tasks.model.sboms._fields import Table
from tasks.model.sboms._schema import resources

NAMESPACE = late(r"https?://cyclonedx\.org/schema/bom/(\d+\.\d+)\Z")
XML_VERSIONS = ("1.2", "1.3", "1.4", "1.5", "1.6", "1.7")

_LISTS = {
    "authors": "author", "components": "component", "dependencies": "dependency", "hashes": "hash", "lifecycles": "lifecycle",
    "properties": "property", "services": "service", "tools": "tool", "occurrences": "occurrence",
}  # fmt: skip


class _Stop(Exception):
    """Ends the parsing: enough of the prologue was read."""


def root_of(data: bytes) -> tuple[str, str]:
    """The namespace and the name of the root element; two empty strings if *data* does not begin like XML."""
    try:
        parser = expat.ParserCreate(namespace_separator=" ")
    except expat.ExpatError:
        return "", ""
    found: list[str] = []

    def started(name: str, _attributes: dict[str, str]) -> None:
        found.append(name)
        raise _Stop

    parser.StartElementHandler = started
    parser.StartDoctypeDeclHandler = _refuse_doctype
    with suppress(_Stop, expat.ExpatError, ValueError, LookupError):
        parser.Parse(data[: 64 * 1024], False)
    if not found:
        return "", ""
    namespace, _, name = found[0].rpartition(" ")
    return namespace, name


def _refuse_doctype(*_: object) -> None:
    raise _Stop


def _fault(data: bytes) -> str:
    """Why *data* is not XML that may be parsed, as a sentence; empty if it may."""
    doctype: list[bool] = []

    def seen(*_: object) -> None:
        doctype.append(True)
        raise _Stop

    elements = data.count(b"<")
    if elements > MOST_VALUES:
        return f"The document has about {elements} tags; the limit is {MOST_VALUES}. Split it."
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = seen
    try:
        parser.Parse(data, True)
    except _Stop:
        pass
    except (expat.ExpatError, ValueError, LookupError) as error:
        return f"The document is not well-formed XML: {error}."
    if doctype:
        return "The document declares a DOCTYPE, which can define entities; CycloneDX does not need it, so remove it."
    return ""


@cache
def _xsd(version: str) -> Any:
    from lxml import etree

    parser = etree.XMLParser(no_network=True, load_dtd=False, resolve_entities=False)
    return etree.XMLSchema(etree.parse(str(resources() / f"bom-{version}.SNAPSHOT.xsd"), parser))


def read_xml(document: Document) -> SbomSeen:
    """An XML document whose root element is CycloneDX's ``bom``, validated and in our form."""
    from lxml import etree

    version = _version(root_of(document.data)[0])
    if fault := _fault(document.data):
        return document.broken(fault, format=FORMAT, version=version, encoding="xml")
    if version not in XML_VERSIONS:
        return document.broken(unknown_version(version, XML_VERSIONS), format=FORMAT, version=version, encoding="xml")
    parser = etree.XMLParser(
        no_network=True, load_dtd=False, dtd_validation=False, resolve_entities=False, remove_comments=True, remove_pis=True
    )
    try:
        tree = etree.fromstring(document.data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        return document.broken(f"The document is not well-formed XML: {error}.", format=FORMAT, version=version, encoding="xml")
    schema = _xsd(version)
    problems: list[str] = []
    if not schema.validate(tree):
        problems = [f"Line {entry.line}: {_plain(entry.message)}" for entry in schema.error_log] or [
            "The document does not match the schema."
        ]
    return shaped(document, _bom(tree), version=version, encoding="xml", problems=problems)


def not_ours(data: bytes, namespace: str, name: str) -> str:
    """Why *data*, whose root element is *name* of *namespace* if it has one, is not CycloneDX."""
    fault = _fault(data)
    return fault or f"The document is XML, but its root element is {name!r} of {namespace!r}, not CycloneDX's 'bom'."


def _version(namespace: str) -> str:
    found = NAMESPACE.match(namespace)
    return found[1] if found else ""


def _plain(message: str) -> str:
    return re.sub(r"\{[^}]*\}", "", message)


def _bom(element: Any) -> Table:
    """The root in JSON's form."""
    bom = _table(element)
    bom["dependencies"] = [_dependency(entry) for entry in bom.pop("dependencies", []) if isinstance(entry, dict)]  # type: ignore[attr-defined]  # _table makes it a list
    return bom


def _dependency(entry: Table) -> Table:
    def refs(key: str) -> list[object]:
        found = entry.get(key)
        inner = found if isinstance(found, list) else [found] if found is not None else []
        return [one["ref"] for one in inner if isinstance(one, dict) and "ref" in one]

    return {"ref": entry.get("ref", ""), "dependsOn": refs("dependency"), "provides": refs("provides")}


def _table(element: Any) -> Table:
    """An element in JSON's form: attributes and children by name; a list by its items."""
    made: Table = dict(element.attrib)
    for child in element:
        name = _local(child)
        if name == "licenses":
            made[name] = [_licence(choice) for choice in child]
        elif name in ("hashes", "properties"):
            made[name] = [_pair(name, item) for item in child]
        elif name == "tools":
            made[name] = _tools(child)
        elif name in _LISTS:
            made[name] = [_table(item) for item in child if _local(item) == _LISTS[name]]
        elif name in ("dependency", "provides") or (name in ("omniborId", "swhid")):
            held = made.setdefault(name, [])
            if isinstance(held, list):
                held.append(_table(child) if name in ("dependency", "provides") else _text(child))
        elif len(child) or child.attrib:
            made[name] = _table(child)
        else:
            made[name] = _text(child)
    return made


def _licence(choice: Any) -> Table:
    if _local(choice) == "expression":
        return {"expression": _text(choice)}
    return {"license": {_local(field): _text(field) for field in choice if _local(field) in ("id", "name")}}


def _pair(name: str, item: Any) -> Table:
    if name == "hashes":
        return {"alg": item.get("alg", ""), "content": _text(item)}
    return {"name": item.get("name", ""), "value": _text(item)}


def _tools(element: Any) -> object:
    children = list(element)
    if any(_local(child) == "tool" for child in children):
        return [_table(child) for child in children]
    return _table(element)


def _local(element: Any) -> str:
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _text(element: Any) -> str:
    return (element.text or "").strip()
