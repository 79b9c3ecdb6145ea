"""CycloneDX 1.2 to 1.7: from the decoded document to our form (JSON, and XML after `_cyclonedx_xml` gave it JSON's form).

Source: the CycloneDX specification, ECMA-424. In addition to its schemas: the bom-refs of components and services are
unique, a dependency names existing ones, and ``$schema`` names the same version.
"""

from __future__ import annotations

from collections.abc import Iterator

from arcops.late_pattern import late
from arcops.seen.sboms import Component, Dependency, SbomSeen
from tasks.model.sboms._document import Document
from tasks.model.sboms._fields import Table, digest, digests, few, moment, table, tables, text, texts, unique, word
from tasks.model.sboms._generators import Said, by_properties
from tasks.model.sboms._path_property import PATH_PROPERTY
from tasks.model.sboms._schema import JSON_VERSIONS, cyclonedx, violations

FORMAT = "CycloneDX"
_FILES = frozenset({"file", "machine-learning-model", "data"})
"""The types of components whose name may be a path."""
_SCHEMA_OF = late(r"cyclonedx\.org/schema/bom-(\d+\.\d+)")


def read_json(document: Document, content: Table) -> SbomSeen:
    """*content*, an object whose ``bomFormat`` is CycloneDX, validated and in our form."""
    version = text(content, "specVersion")
    if version not in JSON_VERSIONS:
        return document.broken(unknown_version(version, JSON_VERSIONS), format=FORMAT, version=version, encoding="json")
    problems = violations(cyclonedx(version), content, len(document.data))
    spoken = _SCHEMA_OF.search(text(content, "$schema"))
    if spoken is not None and spoken[1] != version:
        problems.append(f"$schema: the document has version {version}, but names the schema of version {spoken[1]}.")
    if text(content, "bomFormat") != FORMAT:
        problems.append(f"bomFormat: it must be '{FORMAT}'.")
    return shaped(document, content, version=version, encoding="json", problems=problems)


def unknown_version(version: str, known: tuple[str, ...]) -> str:
    return (
        f"specVersion: {version!r} is not a CycloneDX version that ArcOps can validate; convert the document to one of "
        f"{', '.join(known)}."
    )


def shaped(document: Document, content: Table, *, version: str, encoding: str, problems: list[str]) -> SbomSeen:
    metadata = table(content, "metadata")
    subject = table(metadata, "component")
    edges: dict[str, set[str]] = {}
    refs: list[str] = []
    namer = _Namer()

    root = _component(subject, document, namer, refs) if subject else None
    components: list[Component] = []
    for top, parent in ((subject, root), (content, None)):
        # Depth is bounded: the JSON reader and the validator both refuse a document that is nested too deep.
        stack: list[tuple[Table, Component | None]] = [(inner, parent) for inner in tables(top, "components")]
        while stack:
            entry, holder = stack.pop()
            component = _component(entry, document, namer, refs)
            components.append(component)
            if holder is not None:
                edges.setdefault(holder.ref, set()).add(component.ref)
            if "components" in entry:
                stack.extend((inner, component) for inner in tables(entry, "components"))
    refs.extend(_service_refs(content))
    problems.extend(_twice(refs))
    problems.extend(_dangling(content, subject))
    for entry in tables(content, "dependencies"):
        on = (*texts(entry, "dependsOn"), *texts(entry, "provides"))
        edges.setdefault(text(entry, "ref"), set()).update(on)
    return SbomSeen(
        path=document.path,
        sha256=document.sha256,
        format=FORMAT,
        spec_version=version,
        created=moment(text(metadata, "timestamp")),
        authors=_authors(metadata),
        root=root,
        components=tuple(sorted(components, key=lambda component: (component.ref, component.name))),
        dependencies=tuple(Dependency(ref=ref, on=unique(on)) for ref, on in sorted(edges.items()) if ref),
        problems=few(problems),
        serial=text(content, "serialNumber"),
        tools=_tools(metadata),
        contexts=unique(text(phase, "phase") or text(phase, "name") for phase in tables(metadata, "lifecycles")),
        encoding=encoding,
        attached=document.attached,
    )


class _Namer:
    """Refs for components without one: a ref is optional in CycloneDX, but ours must exist and be unique."""

    __slots__ = ("_next",)

    def __init__(self) -> None:
        self._next = 0

    def ref(self, component: Table) -> str:
        self._next += 1
        return f"{self._next}:{text(component, 'name')}"


_IDENTIFIED_BY = frozenset({"cpe", "swid", "omniborId", "swhid"})
_NOTHING = Said()


_WORDS = ("bom-ref", "name", "version", "purl", "type", "group")


def _component(entry: Table, document: Document, namer: _Namer, refs: list[str]) -> Component:
    """*entry*; what it has no member for is not looked for, because there may be a hundred thousand of them."""
    ref, name, version, purl, kind, group = [
        value.strip() if isinstance(value, str) else "" for value in map(entry.get, _WORDS)
    ]
    if ref:
        refs.append(ref)
    said = by_properties(entry, purl=purl, name=name) if "properties" in entry else _NOTHING
    licenses = entry.get("licenses")
    return Component(
        ref=ref or namer.ref(entry),
        name=f"{group}/{name}" if group and not _npm_scoped(name) else name,
        kind=said.kind or kind,
        version=version,
        purl=purl,
        supplier=_supplier(entry),
        licences=tuple([licence for choice in licenses if isinstance(choice, dict) and (licence := _licence(choice))])
        if isinstance(licenses, list)
        else (),
        digests=digests(digest(text(found, "alg"), text(found, "content")) for found in tables(entry, "hashes"))
        if "hashes" in entry
        else (),
        path=_path(entry, document, name) if "properties" in entry or kind in _FILES else "",
        identifiers=() if _IDENTIFIED_BY.isdisjoint(entry) else _identifiers(entry),
        source=said.source,
        source_version=said.source_version,
    )


def _identifiers(entry: Table) -> tuple[str, ...]:
    swid = text(table(entry, "swid"), "tagId")
    return unique((text(entry, "cpe"), swid, *texts(entry, "omniborId"), *texts(entry, "swhid")))


def _npm_scoped(name: str) -> bool:
    return name.startswith("@")


def _supplier(entry: Table) -> str:
    """The supplier, else the manufacturer, else the publisher."""
    for member in ("supplier", "manufacturer"):
        if isinstance(found := entry.get(member), dict) and (name := word(found.get("name"))):
            return name
    return word(entry.get("publisher"))


def _licence(choice: Table) -> str:
    if expression := word(choice.get("expression")):
        return expression
    licence = choice.get("license")
    return word(licence.get("id")) or word(licence.get("name")) if isinstance(licence, dict) else ""


def _path(entry: Table, document: Document, name: str) -> str:
    for found in tables(entry, "properties"):
        if text(found, "name") == PATH_PROPERTY:
            return text(found, "value")
    if text(entry, "type") not in _FILES:
        return ""
    occurrences = (text(found, "location") for found in tables(table(entry, "evidence"), "occurrences"))
    return next((path for candidate in (name, *occurrences) if (path := document.path_of(candidate))), "")


def _authors(metadata: Table) -> tuple[str, ...]:
    """The document's authors, and (since 1.6) its manufacturer."""
    people = (text(author, "name") or text(author, "email") for author in tables(metadata, "authors"))
    return unique((*people, text(table(metadata, "manufacturer"), "name")))


def _tools(metadata: Table) -> tuple[str, ...]:
    """Tool names with versions; a list up to 1.4, an object of components and services since 1.5, both allowed there."""
    held = table(metadata, "tools")
    listed = (*tables(metadata, "tools"), *tables(held, "components"), *tables(held, "services"))
    return unique(" ".join(part for part in (text(tool, "name"), text(tool, "version")) if part) for tool in listed)


def _service_refs(content: Table) -> Iterator[str]:
    stack = list(tables(content, "services"))
    while stack:
        service = stack.pop()
        if ref := text(service, "bom-ref"):
            yield ref
        stack.extend(tables(service, "services"))


def _twice(refs: list[str]) -> Iterator[str]:
    seen: set[str] = set()
    for ref in refs:
        if ref in seen:
            yield f"bom-ref: {ref!r} names two components or services; it must be unique in the document."
        seen.add(ref)


def _dangling(content: Table, subject: Table) -> Iterator[str]:
    """The dependencies on nothing. The refs of the outermost components come first: the rest is searched only if need be."""
    outermost = (part.get("bom-ref") for part in (subject, *tables(content, "components")))
    known, searched = {ref for ref in outermost if isinstance(ref, str)}, False
    for entry in tables(content, "dependencies"):
        for ref in (text(entry, "ref"), *texts(entry, "dependsOn"), *texts(entry, "provides")):
            if ref and ref not in known:
                if not searched:
                    known, searched = _all_refs(content), True
                    if ref in known:
                        continue
                yield f"dependencies: {ref!r} is not the bom-ref of any part of the document."


def _all_refs(content: Table) -> set[str]:
    refs: set[str] = set()
    stack: list[object] = [content]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            if isinstance(ref := value.get("bom-ref"), str):
                refs.add(ref)
            stack.extend(inner for inner in value.values() if isinstance(inner, dict | list))
        elif isinstance(value, list):
            stack.extend(inner for inner in value if isinstance(inner, dict | list))
    return refs
