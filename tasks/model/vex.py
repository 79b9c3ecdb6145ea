"""VEX documents among the attestations, and unsigned ones beside the subject, read into one form.

OpenVEX 0.2.0 (OPENVEX-SPEC.md, ATTESTING.md) and CycloneDX 1.4 and later (``vulnerabilities[].analysis``). Reading never
widens a statement: one that names a product or a part that cannot be resolved counts for less, or not at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime

from arcops.collector import collector
from arcops.errors import Refused, Unavailable
from arcops.evidence import Seen, Sighting
from arcops.request import Request
from arcops.seen.attestations import Attestations, AttestationSeen
from arcops.seen.vex import Product, Status, Vex, VexSeen, VexStatement
from artifacts.envelope import strict_json
from tasks.files.reading import MIB, read_limited
from tasks.model.osv.advisory import moment

_OPENVEX = "https://openvex.dev/ns"
_CYCLONEDX = ("https://cyclonedx.org/bom", "https://cyclonedx.org/vex")
_STATES = {
    "exploitable": Status.AFFECTED,
    "false_positive": Status.NOT_AFFECTED,
    "in_triage": Status.UNDER_INVESTIGATION,
    "not_affected": Status.NOT_AFFECTED,
    "resolved": Status.FIXED,
    "resolved_with_pedigree": Status.FIXED,
}
_JUSTIFICATIONS = frozenset(
    {
        "component_not_present",
        "inline_mitigations_already_exist",
        "vulnerable_code_cannot_be_controlled_by_adversary",
        "vulnerable_code_not_in_execute_path",
        "vulnerable_code_not_present",
    }
)
_LIMIT = 16 * MIB

Object = dict[str, object]


@collector("vex", Vex, version="1", needs=(Attestations,))
def vex(request: Request, seen: Seen) -> Sighting[Vex]:
    """Every VEX document in an attestation, and every unsigned one that is attached.

    Raises `arcops.errors.Refused` if there is no VEX document.
    """
    documents = [found for one in seen[Attestations].body.attestations if (found := _attested(one)) is not None]
    documents += _unsigned(request)
    if not documents:
        raise Refused("no attestation is a VEX document")
    return Sighting(body=Vex(documents=tuple(sorted(documents, key=lambda document: (document.path, document.sha256)))))


def _attested(one: AttestationSeen) -> VexSeen | None:
    kind = one.predicate_type
    if kind == _OPENVEX or kind.startswith(f"{_OPENVEX}/"):
        form = "openvex"
    elif any(kind == name or kind.startswith(f"{name}/") for name in _CYCLONEDX):
        form = "cyclonedx"
    else:
        return None
    subjects = tuple(subject.name for subject in one.subjects)
    statements, problem = _read(form, one.predicate, subjects)
    if form == "cyclonedx" and not statements and not problem:  # a plain SBOM
        return None
    if not one.signers:
        problem = one.problem or "it is not proven who signed it"
    return VexSeen(path=one.path, sha256=one.sha256, format=form, signers=one.signers, statements=statements, problem=problem)


def _unsigned(request: Request) -> Iterator[VexSeen]:
    """Attached files that are unsigned VEX documents: reported, so that a reader knows why they have no effect."""
    for path in request.attached:
        try:
            data = read_limited(request, path, _LIMIT)
            document = strict_json(data, path.name)
        except (Refused, Unavailable):
            continue  # it is not a VEX document, and other collectors report it
        form = _form(document) if isinstance(document, dict) else ""
        if form:
            yield VexSeen(path=path.name, sha256=hashlib.sha256(data).hexdigest(), format=form, problem="it is not signed")


def _form(document: Object) -> str:
    if str(document.get("@context", "")).startswith(_OPENVEX):
        return "openvex"
    vulnerabilities = document.get("vulnerabilities")
    if document.get("bomFormat") != "CycloneDX" or not isinstance(vulnerabilities, list):
        return ""
    return "cyclonedx" if any(isinstance(entry, dict) and "analysis" in entry for entry in vulnerabilities) else ""


def _read(form: str, text: str, subjects: tuple[str, ...]) -> tuple[tuple[VexStatement, ...], str]:
    try:
        document = strict_json(text.encode(), "the predicate")
        if not isinstance(document, dict):
            raise Refused("the predicate is not a JSON object")
        return tuple(_openvex(document, subjects) if form == "openvex" else _cyclonedx(document)), ""
    except (Refused, UnicodeEncodeError) as error:
        return (), str(error)


def _openvex(document: Object, subjects: tuple[str, ...]) -> Iterator[VexStatement]:
    for entry in _objects(document, "statements"):
        try:
            products = _listed(entry, "products") or [{"@id": name} for name in subjects]
            yield _statement(
                names=_openvex_names(entry.get("vulnerability")),
                products=tuple(product for part in products if (product := _openvex_product(part)) is not None),
                status=_status(entry.get("status"), {status.value: status for status in Status}),
                why=_openvex_why(entry),
                at=_first_time(
                    (entry, "last_updated"), (entry, "timestamp"), (document, "last_updated"), (document, "timestamp")
                ),
                # Before 0.2.0 the subcomponents of all products were here; to ignore them would widen the statement.
                problem="it lists subcomponents outside a product" if "subcomponents" in entry else "",
            )
        except Refused as error:
            yield VexStatement(problem=str(error))


def _openvex_names(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, dict):
        raise Refused("it names no vulnerability")
    return _names([value.get("name"), *_listed(value, "aliases")])


def _openvex_product(value: object) -> Product | None:
    purl = _openvex_purl(value)
    if not purl:
        return None
    parts = _listed(value, "subcomponents") if isinstance(value, dict) else []
    inside = tuple(sorted({found for part in parts if (found := _openvex_purl(part))}))
    return None if parts and not inside else Product(purl=purl, subcomponents=inside)


def _openvex_purl(value: object) -> str:
    if isinstance(value, str):
        return _canonical(value)
    if not isinstance(value, dict):
        return ""
    identifiers = value.get("identifiers")
    stated = identifiers.get("purl") if isinstance(identifiers, dict) else None
    return _canonical(stated or value.get("@id"))


def _openvex_why(entry: Object) -> str:
    justification, impact = entry.get("justification"), entry.get("impact_statement")
    if isinstance(justification, str) and justification in _JUSTIFICATIONS:
        return justification
    return impact.strip()[:500] if isinstance(impact, str) else ""


def _cyclonedx(document: Object) -> Iterator[VexStatement]:
    metadata = document.get("metadata")
    purls: dict[str, str] = {}
    if isinstance(metadata, dict):
        _gather([metadata.get("component")], purls)
    _gather(_listed(document, "components"), purls)
    for entry in _objects(document, "vulnerabilities"):
        analysis = entry.get("analysis")
        if not isinstance(analysis, dict):
            continue  # a vulnerability without an analysis is not a VEX statement
        try:
            named = [entry.get("id"), *(part.get("id") for part in _objects(entry, "references"))]
            yield _statement(
                names=_names(named),
                products=tuple(product for part in _objects(entry, "affects") for product in _cyclonedx_products(part, purls)),
                status=_status(analysis.get("state"), _STATES),
                why=_cyclonedx_why(analysis),
                at=_first_time(
                    (analysis, "lastUpdated"),
                    (analysis, "firstIssued"),
                    (entry, "updated"),
                    (entry, "published"),
                    (metadata if isinstance(metadata, dict) else {}, "timestamp"),
                ),
            )
        except Refused as error:
            yield VexStatement(problem=str(error))


def _cyclonedx_products(part: Object, purls: dict[str, str]) -> Iterator[Product]:
    """The package URLs of one ``affects`` entry: its reference resolved in this document, narrowed by its versions."""
    ref = part.get("ref")
    purl = purls.get(ref, "") or _canonical(ref) if isinstance(ref, str) else ""
    if not purl:
        return
    versions = _listed(part, "versions")
    if not versions:
        yield Product(purl=purl)
        return
    base, _, own = purl.partition("@")
    for entry in versions:
        version = entry.get("version") if isinstance(entry, dict) else None
        if isinstance(version, str) and "?" not in purl and "#" not in purl:
            narrowed = _canonical(f"{base}@{_quoted(version)}")
            if narrowed and (not own or narrowed == purl):
                yield Product(purl=narrowed)


def _cyclonedx_why(analysis: Object) -> str:
    justification, detail = analysis.get("justification"), analysis.get("detail")
    if isinstance(justification, str) and justification:
        return justification[:500]
    return detail.strip()[:500] if isinstance(detail, str) else ""


def _gather(components: list[object], purls: dict[str, str], depth: int = 0) -> None:
    for component in components:
        if not isinstance(component, dict) or depth > 64:
            continue
        ref = component.get("bom-ref")
        if isinstance(ref, str) and (purl := _canonical(component.get("purl"))):
            purls[ref] = "" if ref in purls else purl  # a reference that two components have is ambiguous
        _gather(_listed(component, "components"), purls, depth + 1)


def _statement(
    *,
    names: tuple[str, ...],
    products: tuple[Product, ...],
    status: Status,
    why: str,
    at: datetime | None,
    problem: str = "",
) -> VexStatement:
    if not products:
        problem = problem or "it names no product by package URL"
    if at is None:
        problem = problem or "it has no time, so it is unknown whether it still holds"
    if status is Status.NOT_AFFECTED and not why:
        problem = problem or "it says not_affected without a justification or an impact statement"
    if status is Status.FIXED and not all(_versioned(product) for product in products):
        problem = problem or "it says fixed without saying in which version"
    return VexStatement(vulnerabilities=names, products=products, status=status, why=why, at=at, problem=problem)


def _versioned(product: Product) -> bool:
    return all("@" in purl for purl in product.subcomponents) if product.subcomponents else "@" in product.purl


def _status(value: object, known: dict[str, Status]) -> Status:
    found = known.get(value) if isinstance(value, str) else None
    if found is None:
        raise Refused(f"its status {str(value)[:40]!r} is unknown")
    return found


def _names(values: list[object]) -> tuple[str, ...]:
    names = tuple(sorted({value for value in values if isinstance(value, str) and value}))
    if not names:
        raise Refused("it names no vulnerability")
    return names


def _first_time(*places: tuple[Object, str]) -> datetime | None:
    for place, name in places:
        if place.get(name) is not None:
            return moment(place[name], f"its {name!r}")
    return None


def _canonical(value: object) -> str:
    """*value* as a canonical package URL; empty if it is not one."""
    from packageurl import PackageURL

    if not isinstance(value, str) or len(value) > 2048:
        return ""
    try:
        return PackageURL.from_string(value).to_string()
    except ValueError:
        return ""


def _quoted(version: str) -> str:
    from urllib.parse import quote

    return quote(version, safe="")


def _listed(value: Object, name: str) -> list[object]:
    found = value.get(name)
    if found is None:
        return []
    if not isinstance(found, list):
        raise Refused(f"its {name!r} is not a list")
    return found


def _objects(value: Object, name: str) -> list[Object]:
    found = _listed(value, name)
    objects = [entry for entry in found if isinstance(entry, dict)]
    if len(objects) != len(found):
        raise Refused(f"its {name!r} holds a value that is not an object")
    return objects
