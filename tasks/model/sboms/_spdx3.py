"""SPDX 3.0.1 in JSON-LD, with the software, AI and dataset profiles, validated and in our form.

Types, enumerations and formats are checked by spdx-python-model, the SPDX project's bindings made from the model's SHACL. They
check for required properties only when they write, so those of the classes that an SBOM needs are checked here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from arcops.seen.sboms import Component, Dependency, SbomSeen
from tasks.model.sboms._document import Document
from tasks.model.sboms._fields import Table, digest, digests, few, moment, tables, text, unique, unique_in_order
from tasks.model.sboms._spdx3_model import matches

FORMAT = "SPDX"
VERSION = "3.0.1"
CONTEXT = f"https://spdx.org/rdf/{VERSION}/spdx-context.jsonld"

_LISTED = "https://spdx.org/licenses/"
_KINDS = {"ai_AIPackage": "machine-learning-model", "dataset_DatasetPackage": "data", "software_File": "file"}
_PACKAGES = ("software_Package", "ai_AIPackage", "dataset_DatasetPackage")
_NOT_ELEMENTS = ("CreationInfo",)
_INCLUDES = {
    "contains", "dependsOn", "hasDynamicLink", "hasStaticLink", "hasPrerequisite", "hasOptionalComponent",
    "hasOptionalDependency", "hasProvidedDependency", "hasDataFile", "hasMetadata", "hasDocumentation", "trainedOn", "testedOn",
    "hasDistributionArtifact",
}  # fmt: skip
_REQUIRED = {
    "CreationInfo": ("created", "createdBy", "specVersion"), "Relationship": ("from", "to", "relationshipType"),
    "LifecycleScopedRelationship": ("from", "to", "relationshipType"), "Annotation": ("annotationType", "subject"),
    "Hash": ("algorithm", "hashValue"), "ExternalIdentifier": ("externalIdentifierType", "identifier"),
    "simplelicensing_LicenseExpression": ("simplelicensing_licenseExpression",), "software_Package": ("name",),
    "ai_AIPackage": ("name",), "dataset_DatasetPackage": ("name", "dataset_datasetType"), "software_File": ("name",),
}  # fmt: skip


def speaks(content: Table) -> bool:
    """Does *content* name an SPDX 3 context?"""
    named = content.get("@context")
    return any(
        "spdx.org/rdf/" in context for context in (named if isinstance(named, list) else [named]) if isinstance(context, str)
    )


def read_json_ld(document: Document, content: Table) -> SbomSeen:
    """*content*, an object with SPDX 3's ``@context``, validated and in our form."""
    if content.get("@context") != CONTEXT:
        return document.broken(
            f"@context: {content.get('@context')!r} is not that of SPDX {VERSION}, the only SPDX 3 that ArcOps can validate; "
            f"it must be {CONTEXT!r}.",
            format=FORMAT,
            encoding="json-ld",
        )
    graph = _Graph(content)
    problems = [*graph.problems, *_refused(content), *_incomplete(graph)]
    about = next(iter(graph.of("SpdxDocument")), None)
    bom = next(iter(graph.of("software_Sbom", "Bom")), None)
    creation = graph.find(about or bom or {}, "creationInfo")
    licences = _licences(graph)
    components = {
        _ref(entry): _component(entry, graph, licences.get(_ref(entry), ())) for entry in graph.of(*_PACKAGES, "software_File")
    }
    root = next((components[ref] for ref in _roots(graph, about, bom) if ref in components), None)
    edges: dict[str, set[str]] = {}
    for entry in graph.of("Relationship", "LifecycleScopedRelationship"):
        if text(entry, "relationshipType") in _INCLUDES:
            for left in _refs(entry, "from"):
                edges.setdefault(left, set()).update(ref for ref in _refs(entry, "to") if not _individual(ref))
    return SbomSeen(
        path=document.path,
        sha256=document.sha256,
        format=FORMAT,
        spec_version=text(creation, "specVersion") or VERSION,
        created=moment(text(creation, "created")),
        authors=graph.names(creation, "createdBy"),
        root=root,
        components=tuple(component for ref, component in sorted(components.items()) if component is not root),
        dependencies=tuple(Dependency(ref=ref, on=unique(on)) for ref, on in sorted(edges.items())),
        problems=few(problems),
        serial=_ref(about) if about else "",
        tools=graph.names(creation, "createdUsing"),
        contexts=unique(kind for entry in graph.of("software_Sbom") for kind in _strings(entry, "software_sbomType")),
        encoding="json-ld",
        attached=document.attached,
    )


class _Graph:
    """Every typed object of the document, in ``@graph`` or inside another object."""

    def __init__(self, content: Table) -> None:
        self.objects: list[Table] = []
        self.problems: list[str] = []
        self._by_ref: dict[str, Table] = {}
        self._by_type: dict[str, list[Table]] = {}
        stack: list[object] = [content]
        while stack:
            value = stack.pop()
            if isinstance(value, dict):
                if kind := text(value, "type"):
                    self._keep(kind, value)
                stack.extend(inner for inner in value.values() if isinstance(inner, dict | list))
            elif isinstance(value, list):
                stack.extend(inner for inner in reversed(value) if isinstance(inner, dict | list))

    def _keep(self, kind: str, entry: Table) -> None:
        self.objects.append(entry)
        self._by_type.setdefault(kind, []).append(entry)
        ref = _ref(entry)
        if ref and ref in self._by_ref:
            self.problems.append(f"spdxId: {ref!r} names two elements; it must be unique in the document.")
        self._by_ref.setdefault(ref, entry)

    def of(self, *kinds: str) -> Iterator[Table]:
        for kind in kinds:
            yield from self._by_type.get(kind, ())

    def known(self, ref: str) -> bool:
        return ref in self._by_ref

    def found(self, ref: str) -> Table:
        return self._by_ref.get(ref, {}) if ref else {}

    def find(self, entry: Table, key: str) -> Table:
        """The object under *key*, by reference or in place."""
        value = entry.get(key)
        return value if isinstance(value, dict) else self.found(value) if isinstance(value, str) else {}

    def names(self, entry: Table, key: str) -> tuple[str, ...]:
        value = entry.get(key)
        listed = value if isinstance(value, list) else [value]
        objects = (one if isinstance(one, dict) else self.found(one) if isinstance(one, str) else {} for one in listed)
        return unique(text(one, "name") for one in objects)


def _ref(entry: Table) -> str:
    return text(entry, "spdxId") or text(entry, "@id")


def _strings(entry: Table, key: str) -> list[str]:
    value = entry.get(key)
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]


def _refs(entry: Table, key: str) -> list[str]:
    value = entry.get(key)
    listed: list[object] = value if isinstance(value, list) else [value]
    return [ref for one in listed if (ref := _ref(one) if isinstance(one, dict) else one if isinstance(one, str) else "")]


def _individual(ref: str) -> bool:
    """Is it one of the model's own individuals, which mean 'none' or 'no assertion'?"""
    return ref.rpartition("/")[2] in ("NoneElement", "NoAssertionElement", "NoneLicense", "NoAssertionLicense")


def _roots(graph: _Graph, about: Table | None, bom: Table | None) -> Iterable[str]:
    for ref in _refs(about or {}, "rootElement"):
        yield ref
        yield from _refs(graph.found(ref), "rootElement")
    yield from _refs(bom or {}, "rootElement")


def _component(entry: Table, graph: _Graph, licences: tuple[str, ...]) -> Component:
    kind = text(entry, "type")
    name = text(entry, "name")
    named = [(text(one, "externalIdentifierType"), text(one, "identifier")) for one in tables(entry, "externalIdentifier")]
    contents = (text(one, "software_contentIdentifierValue") for one in tables(entry, "software_contentIdentifier"))
    supplier = graph.names(entry, "suppliedBy") or graph.names(entry, "originatedBy")
    purls = (identifier for what, identifier in named if what == "packageUrl")
    purl, *also = unique_in_order((text(entry, "software_packageUrl"), *purls)) or ("",)
    known = (identifier for what, identifier in named if what in ("cpe22", "cpe23", "swid", "swhid", "gitoid"))
    return Component(
        ref=_ref(entry),
        name=name,
        kind=_KINDS.get(kind) or text(entry, "software_primaryPurpose").lower() or "package",
        version=text(entry, "software_packageVersion"),
        purl=purl,
        supplier=supplier[0] if supplier else "",
        licences=licences,
        digests=digests(digest(text(one, "algorithm"), text(one, "hashValue")) for one in tables(entry, "verifiedUsing")),
        path=name.removeprefix("./") if kind == "software_File" else "",
        identifiers=unique((*known, *contents)),
        also=tuple(also),
    )


def _licences(graph: _Graph) -> dict[str, tuple[str, ...]]:
    """The licences that relationships declare or conclude, by element."""
    found: dict[str, set[str]] = {}
    for entry in graph.of("Relationship", "LifecycleScopedRelationship"):
        if text(entry, "relationshipType") in ("hasDeclaredLicense", "hasConcludedLicense"):
            expressions = {_expression(graph.found(ref), ref) for ref in _refs(entry, "to")}
            for left in _refs(entry, "from"):
                found.setdefault(left, set()).update(expressions)
    return {ref: unique(expressions) for ref, expressions in found.items()}


def _expression(licence: Table, ref: str) -> str:
    if _individual(ref):
        return ""
    if ref.startswith(_LISTED):
        return ref.removeprefix(_LISTED)
    return text(licence, "simplelicensing_licenseExpression") or text(licence, "name")


def _refused(content: Table) -> Iterator[str]:
    """What the model's bindings refuse: the first fault, because they stop there."""
    if matches(content):
        return
    from spdx_python_model import v3_0_1

    try:
        v3_0_1.JSONLDDeserializer().deserialize_data(content, v3_0_1.SHACLObjectSet())
    except Exception as error:  # any error on a hostile document counts as a fault of the document
        yield f"The document does not match the SPDX {VERSION} model: {type(error).__name__}: {error}."


def _incomplete(graph: _Graph) -> Iterator[str]:
    imported = {
        ref for entry in graph.of("SpdxDocument") for one in tables(entry, "import") for ref in _strings(one, "externalSpdxId")
    }
    if not any(True for _ in graph.of("SpdxDocument")):
        yield "The document has no SpdxDocument element, so it does not say what it is about."
    for entry in graph.objects:
        kind = text(entry, "type")
        for key in _REQUIRED.get(kind, ()):
            if entry.get(key) in (None, "", []):
                yield f"{kind} {_ref(entry)}: {key} is required."
        if text(entry, "spdxId") and kind not in _NOT_ELEMENTS and "creationInfo" not in entry:
            yield f"{kind} {_ref(entry)}: creationInfo is required."
        if kind in ("Relationship", "LifecycleScopedRelationship"):
            for ref in (*_refs(entry, "from"), *_refs(entry, "to")):
                if not graph.known(ref) and ref not in imported and not _individual(ref) and not ref.startswith(_LISTED):
                    yield f"Relationship {_ref(entry)}: {ref!r} is neither in the document nor imported."
    for entry in graph.of("CreationInfo"):
        version = text(entry, "specVersion")
        if version not in ("", VERSION):
            yield f"CreationInfo {_ref(entry)}: specVersion {version!r} differs from that of the context, {VERSION}."
