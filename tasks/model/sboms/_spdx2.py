"""SPDX 2.2 and 2.3 (ISO/IEC 5962): the JSON form, validated and in our form; tag-value is first brought into the JSON form."""

from __future__ import annotations

from collections.abc import Iterator

from arcops.seen.sboms import Component, Dependency, SbomSeen
from tasks.model.sboms._document import Document
from tasks.model.sboms._fields import Table, digest, digests, few, moment, table, tables, text, texts, unique, unique_in_order
from tasks.model.sboms._generators import by_source_info, lock_files
from tasks.model.sboms._schema import violations
from tasks.model.sboms._spdx2_schema import VERSIONS, validator

FORMAT = "SPDX"

_UNSAID = ("NOASSERTION", "NONE", "")
_DOCUMENT = "SPDXRef-DOCUMENT"
# "left relation right" means "left includes or needs right"; in the second set, right includes or needs left.
_FORWARD = {"CONTAINS", "DEPENDS_ON", "DYNAMIC_LINK", "STATIC_LINK", "HAS_PREREQUISITE", "GENERATED_FROM"}
_BACKWARD = {
    "CONTAINED_BY", "DEPENDENCY_OF", "RUNTIME_DEPENDENCY_OF", "BUILD_DEPENDENCY_OF", "DEV_DEPENDENCY_OF",
    "OPTIONAL_DEPENDENCY_OF", "PROVIDED_DEPENDENCY_OF", "TEST_DEPENDENCY_OF", "OPTIONAL_COMPONENT_OF", "PREREQUISITE_FOR",
    "PACKAGE_OF", "DATA_FILE_OF", "METAFILE_OF", "DOCUMENTATION_OF", "BUILD_TOOL_OF", "DEV_TOOL_OF", "TEST_TOOL_OF",
}  # fmt: skip


def read_json(document: Document, content: Table, *, encoding: str = "json") -> SbomSeen:
    """*content*, an object with an ``spdxVersion``, validated and in our form."""
    version = text(content, "spdxVersion").removeprefix("SPDX-")
    if version not in VERSIONS:
        return document.broken(
            f"spdxVersion: {text(content, 'spdxVersion')!r} is not a version of SPDX 2 that ArcOps can validate; convert the "
            f"document to SPDX-{' or SPDX-'.join(VERSIONS)}.",
            format=FORMAT,
            version=version,
            encoding=encoding,
        )
    problems = violations(validator(version), content, len(document.data))
    problems.extend(_inconsistent(content))
    roots = _described(content)
    locks = lock_files(content)
    everything = [
        *(_package(entry, locks) for entry in tables(content, "packages")),
        *(_file(entry) for entry in tables(content, "files")),
    ]
    root = next((component for component in everything if component.ref == next(iter(roots), "")), None)
    creation = table(content, "creationInfo")
    return SbomSeen(
        path=document.path,
        sha256=document.sha256,
        format=FORMAT,
        spec_version=version,
        created=moment(text(creation, "created")),
        authors=unique(agent(creator) for creator in texts(creation, "creators") if not creator.startswith("Tool:")),
        root=root,
        components=tuple(sorted((one for one in everything if one is not root), key=lambda one: (one.ref, one.name))),
        dependencies=_dependencies(content),
        problems=few(problems),
        serial=text(content, "documentNamespace"),
        tools=unique(agent(creator) for creator in texts(creation, "creators") if creator.startswith("Tool:")),
        encoding=encoding,
        attached=document.attached,
    )


def agent(said: str) -> str:
    """The name in ``Organization: Acme (mail)``; empty if no one is named."""
    if said.strip() in _UNSAID:
        return ""
    name = said.split(":", 1)[-1] if said.startswith(("Person:", "Organization:", "Tool:")) else said
    return name.split(" (", 1)[0].removesuffix("()").strip()


def said(expression: str) -> str:
    return "" if expression in _UNSAID else expression


def _package(entry: Table, locks: frozenset[str]) -> Component:
    references = [(text(found, "referenceType"), text(found, "referenceLocator")) for found in tables(entry, "externalRefs")]
    purl, *also = unique_in_order(locator for kind, locator in references if kind.rpartition("/")[2] == "purl") or ("",)
    by_generator = by_source_info(entry, purl=purl, name=text(entry, "name"), lock_files=locks)
    purpose = text(entry, "primaryPackagePurpose").lower().replace("_", "-") or "package"
    return Component(
        ref=text(entry, "SPDXID"),
        name=text(entry, "name"),
        kind=by_generator.kind or purpose,
        version=said(text(entry, "versionInfo")),
        purl=purl,
        supplier=agent(text(entry, "supplier")) or agent(text(entry, "originator")),
        licences=unique(said(text(entry, key)) for key in ("licenseDeclared", "licenseConcluded")),
        digests=digests(digest(text(found, "algorithm"), text(found, "checksumValue")) for found in tables(entry, "checksums")),
        identifiers=unique(
            locator
            for kind, locator in references
            if kind.rpartition("/")[2] in ("cpe22Type", "cpe23Type", "swid", "swh", "gitoid")
        ),
        source=by_generator.source,
        source_version=by_generator.source_version,
        also=tuple(also),
    )


def _file(entry: Table) -> Component:
    name = text(entry, "fileName")
    return Component(
        ref=text(entry, "SPDXID"),
        name=name,
        kind="file",
        licences=unique((said(text(entry, "licenseConcluded")),)),
        digests=digests(digest(text(found, "algorithm"), text(found, "checksumValue")) for found in tables(entry, "checksums")),
        path=name.removeprefix("./"),
    )


def _described(content: Table) -> tuple[str, ...]:
    """The elements that the document describes: packages before files, in the document's own order."""
    named = list(texts(content, "documentDescribes"))
    for entry in tables(content, "relationships"):
        left, kind, right = _edge(entry)
        if (left, kind) == (_DOCUMENT, "DESCRIBES"):
            named.append(right)
        elif (kind, right) == ("DESCRIBED_BY", _DOCUMENT):
            named.append(left)
    packages = [text(entry, "SPDXID") for entry in tables(content, "packages")]
    if not named and len(packages) == 1:
        return tuple(packages)
    known = frozenset(packages)
    return (*(ref for ref in named if ref in known), *(ref for ref in named if ref not in known))


def _edge(entry: Table) -> tuple[str, str, str]:
    return text(entry, "spdxElementId"), text(entry, "relationshipType"), text(entry, "relatedSpdxElement")


def _dependencies(content: Table) -> tuple[Dependency, ...]:
    edges: dict[str, set[str]] = {}
    for entry in tables(content, "relationships"):
        left, kind, right = _edge(entry)
        if kind in _FORWARD:
            edges.setdefault(left, set()).add(right)
        elif kind in _BACKWARD:
            edges.setdefault(right, set()).add(left)
    for package in tables(content, "packages"):
        if held := texts(package, "hasFiles"):
            edges.setdefault(text(package, "SPDXID"), set()).update(held)
    # NONE says that there is nothing, which is an answer; NOASSERTION is not an answer.
    return tuple(
        Dependency(ref=ref, on=unique(other for other in on if other not in _UNSAID))
        for ref, on in sorted(edges.items())
        if ref not in _UNSAID and on != {"NOASSERTION"}
    )


def _inconsistent(content: Table) -> Iterator[str]:
    known = {_DOCUMENT}
    for kind in ("packages", "files", "snippets"):
        for entry in tables(content, kind):
            ref = text(entry, "SPDXID")
            if ref in known:
                yield f"SPDXID: {ref!r} names two elements; it must be unique in the document (SPDX 2.3, section 7.2)."
            known.add(ref)
    for entry in tables(content, "relationships"):
        for ref in (_edge(entry)[0], _edge(entry)[2]):
            if ref.startswith("SPDXRef-") and ref not in known:
                yield f"relationships: {ref!r} is not the SPDXID of any element of the document."
    for ref in texts(content, "documentDescribes"):
        if ref.startswith("SPDXRef-") and ref not in known:
            yield f"documentDescribes: {ref!r} is not the SPDXID of any element of the document."
    for package in tables(content, "packages"):
        for ref in texts(package, "hasFiles"):
            if ref not in known:
                yield f"hasFiles: {ref!r} is not the SPDXID of any element of the document."
