"""The minimum elements of an SBOM: who requires each, for which components, and what is missing.

Sources: NTIA, "The Minimum Elements For a Software Bill of Materials" (2021), section "Data Fields"; CISA, "2025 Minimum
Elements for a Software Bill of Materials", which adds component hash, licence, tool name and generation context.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum

from arcops.evidence import Evidence
from arcops.finding import Finding, Rule
from arcops.late_dataclass import dataclass
from arcops.seen.sboms import Component, Sboms, SbomSeen
from gates.listing import capped

# A finding for each of thousands of components would hide what matters; one more finding, as bad, counts the rest.
MOST_FINDINGS = 50


class ElementLevel(Enum):
    """What a missing element costs: the verdict, a warning, or nothing."""

    FAIL = "fail"
    WARN = "warn"
    OFF = "off"


class ElementScope(Enum):
    """The components for which an element is required at its full level.

    ``ROOT``: the subject itself. ``DELIVERED``: also its files, models and data. ``ALL``: libraries too.
    """

    ROOT = "root"
    DELIVERED = "delivered"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """``level`` for the components in ``scope``; ``beyond`` for all others."""

    level: ElementLevel = ElementLevel.FAIL
    scope: ElementScope = ElementScope.ALL
    beyond: ElementLevel = ElementLevel.OFF


EVERYWHERE = Demand()
WARNED = Demand(level=ElementLevel.WARN)
DELIVERED = Demand(scope=ElementScope.DELIVERED)
DELIVERED_ELSE_WARN = Demand(scope=ElementScope.DELIVERED, beyond=ElementLevel.WARN)

SUPPLIER = Rule(
    id="sbom/supplier",
    asks="Does every component name its supplier (NTIA: supplier name)?",
    fix="Add the component's supplier to the SBOM, or ask the SBOM's author for it; NOASSERTION names no supplier.",
)
NAME = Rule(
    id="sbom/component-name",
    asks="Does every component have a name (NTIA: component name)?",
    fix="Make the SBOM again with a tool that names every component.",
)
VERSION = Rule(
    id="sbom/version",
    asks="Does every component have a version (NTIA: version of the component)?",
    fix="Add the component's version to the SBOM; without one, no advisory can be matched.",
)
IDENTIFIER = Rule(
    id="sbom/identifier",
    asks="Can every component be looked up by a unique identifier (NTIA: other unique identifiers)?",
    fix="Add a package URL, CPE or SWID to the component; for a file, its SHA-256.",
)
RELATIONSHIPS = Rule(
    id="sbom/relationships",
    asks="Is every component connected to the subject by dependencies (NTIA: dependency relationship)?",
    fix="Make the SBOM with a tool that writes the dependency graph, from the subject to every component.",
)
AUTHOR = Rule(
    id="sbom/author",
    asks="Does the document say which person or organisation made it (NTIA: author of SBOM data)?",
    fix="Name the author in the SBOM; a tool is not an author.",
)
TIMESTAMP = Rule(
    id="sbom/timestamp",
    asks="Does the document say when it was made (NTIA: timestamp)?",
    fix="Make the SBOM with a time stamp that has a time zone.",
)
HASH = Rule(
    id="sbom/hash",
    asks="Does every delivered component carry its hash (CISA 2025: component hash)?",
    fix="Add the SHA-256 of the component to the SBOM, so that it can be compared with what is on disk.",
)
LICENCE = Rule(
    id="sbom/licence",
    asks="Does every component name its licence (CISA 2025: licence)?",
    fix="Add the component's licence to the SBOM as an SPDX expression.",
)
TOOL = Rule(
    id="sbom/tool",
    asks="Does the document name the tool that made it (CISA 2025: tool name)?",
    fix="Name the tool in the SBOM's metadata.",
)
CONTEXT = Rule(
    id="sbom/context",
    asks="Does the document say at which lifecycle stage it was made (CISA 2025: generation context)?",
    fix="Add the lifecycle phase (CycloneDX 1.5 or newer) or the SBOM type (SPDX 3) to the SBOM.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A document, and how grave a missing element is in it at most: less for an SBOM about what only comes with the subject."""

    document: SbomSeen
    most: ElementLevel = ElementLevel.FAIL

    def level(self, asked: ElementLevel) -> ElementLevel:
        order = (ElementLevel.OFF, ElementLevel.WARN, ElementLevel.FAIL)
        return min(asked, self.most, key=order.index)


_Lacks = Callable[[Component], bool]


def _is_file(component: Component) -> bool:
    """A file is named by its path and its hash, and has no supplier, version or licence of its own. That a component is a file
    with a list of packages is known from its generator, which gives no hash.
    """
    return component.kind in ("file", "lock-file")


def _identified(component: Component) -> bool:
    """Can it be looked up? An operating system is known by its name and version, and a list of packages by its path."""
    match component.kind:
        case "file" if component.digests:
            return True
        case "operating-system" if component.name and component.version:
            return True
        case "lock-file" if component.name:
            return True
    return bool(component.purl or component.identifiers)


# For each rule: the element's name, whether files must have it, and whether a component lacks it.
OF_COMPONENTS: dict[Rule, tuple[str, bool, _Lacks]] = {
    SUPPLIER: ("supplier", False, lambda one: not one.supplier),
    NAME: ("name", True, lambda one: not one.name),
    VERSION: ("version", False, lambda one: not one.version),
    IDENTIFIER: ("unique identifier", True, lambda one: not _identified(one)),
    HASH: ("hash", True, lambda one: not one.digests),
    LICENCE: ("licence", False, lambda one: not one.licences),
}

OF_DOCUMENTS: dict[Rule, tuple[str, Callable[[SbomSeen], bool]]] = {
    AUTHOR: ("author", lambda one: bool(one.authors)),
    TIMESTAMP: ("time of creation with a time zone", lambda one: one.created is not None),
    TOOL: ("tool", lambda one: bool(one.tools)),
    CONTEXT: ("generation context", lambda one: bool(one.contexts)),
}


def judge_components(rule: Rule, demand: Demand, judged: list[Judged], seen: Evidence[Sboms]) -> Iterator[Finding]:
    """Does every component that *demand* covers have the element of *rule*?"""
    what, of_files, lacks = OF_COMPONENTS[rule]
    wanting: list[tuple[ElementLevel, SbomSeen, Component]] = []
    asked = 0
    for one in judged:
        document = one.document
        if document.root is None and one.level(demand.level) is not ElementLevel.OFF:
            unnamed = Component(ref="", name=document.path, kind="the unnamed subject")
            wanting.append((one.level(demand.level), document, unnamed))
        for component in everything(document):
            level = one.level(_level(component, document, demand))
            if level is ElementLevel.OFF or (_is_file(component) and not of_files):
                continue
            asked += 1
            if lacks(component):
                wanting.append((level, document, component))
    yield from told(
        rule,
        [
            (level, f"{_called(component)} in {document.path} has no {what}.", component.name or component.ref)
            for level, document, component in wanting
        ],
        seen,
    )
    if not wanting:
        yield rule.passes(f"All {asked} component(s) that the policy checks have a {what}.", seen)


def judge_documents(rule: Rule, level: ElementLevel, judged: list[Judged], seen: Evidence[Sboms]) -> Iterator[Finding]:
    """Does every document have the element of *rule*?"""
    what, has = OF_DOCUMENTS[rule]
    asked = [one for one in judged if one.level(level) is not ElementLevel.OFF]
    wanting = [one for one in asked if not has(one.document)]
    texts = [(one.level(level), f"{one.document.path} names no {what}.", one.document.path) for one in wanting]
    yield from told(rule, texts, seen)
    if not wanting:
        said = f"Every SBOM that the policy checks names its {what}" if asked else "The policy does not require it"
        yield rule.passes(f"{said}.", seen)


def judge_relationships(demand: Demand, judged: list[Judged], seen: Evidence[Sboms]) -> Iterator[Finding]:
    """Does the graph say what the subject needs, and lead from the subject to every component?"""
    wanting: list[tuple[ElementLevel, str, str]] = []
    for one in judged:
        document = one.document
        edges = {dependency.ref: dependency.on for dependency in document.dependencies}
        if document.root is None or document.root.ref not in edges:
            text = f"{document.path} does not say what its subject needs or contains."
            wanting.append((one.level(demand.level), text, document.path))
            continue
        level = one.level(demand.level if demand.scope is ElementScope.ALL else demand.beyond)
        reached = _reached(document.root.ref, edges)
        for component in document.components:
            if component.ref not in reached:
                text = f"{_called(component)} in {document.path} is not connected to the subject."
                wanting.append((level, text, component.name or component.ref))
    wanting = [one for one in wanting if one[0] is not ElementLevel.OFF]
    yield from told(RELATIONSHIPS, wanting, seen)
    if not wanting:
        yield RELATIONSHIPS.passes("Every component that the policy checks is connected to the subject.", seen)


def _reached(root: str, edges: dict[str, tuple[str, ...]]) -> set[str]:
    reached: set[str] = set()
    waiting = [root]
    while waiting:
        ref = waiting.pop()
        if ref not in reached:
            reached.add(ref)
            waiting.extend(edges.get(ref, ()))
    return reached


def told(rule: Rule, wanting: list[tuple[ElementLevel, str, str]], seen: Evidence[Sboms]) -> Iterator[Finding]:
    """A finding for each of the first, failures before warnings, and one finding for all the others."""
    ordered = sorted(wanting, key=lambda one: (one[0] is not ElementLevel.FAIL, one[2]))
    each = (
        (rule.fails if level is ElementLevel.FAIL else rule.warns)(text, seen, about=about) for level, text, about in ordered
    )
    return capped(each, rest="{count} more components lack the same element.", most=MOST_FINDINGS)


def everything(document: SbomSeen) -> tuple[Component, ...]:
    return document.components if document.root is None else (document.root, *document.components)


def _level(component: Component, document: SbomSeen, demand: Demand) -> ElementLevel:
    delivered = bool(component.path) or component.kind in ("file", "machine-learning-model", "data")
    within = (
        demand.scope is ElementScope.ALL or component is document.root or (demand.scope is ElementScope.DELIVERED and delivered)
    )
    return demand.level if within else demand.beyond


def _called(component: Component) -> str:
    kind = component.kind or "component"
    return f"{kind[:1].upper()}{kind[1:]} {component.name or component.ref!r}"
