"""Reads one file as an SBOM: the content decides the format, not the name. The reader of a format is imported for its files."""

from __future__ import annotations

from arcops.errors import Refused
from arcops.late_pattern import late
from arcops.seen.sboms import SbomSeen
from tasks.model.sboms import _cyclonedx
from tasks.model.sboms._document import UTF8_MARK, Document, decode
from tasks.model.sboms._fields import Table

_XML = late(rb"(?:\xef\xbb\xbf)?\s*<|\xff\xfe<\x00|\xfe\xff\x00<")
_OBJECT = late(rb"(?:\xef\xbb\xbf)?\s*\{")
_SPDX_RDF = b"http://spdx.org/rdf/terms"


def looks_like_sbom(head: bytes) -> bool:
    """Do the first bytes of a file say that it is an SBOM in a known format?"""
    if _XML.match(head):
        from tasks.model.sboms import _cyclonedx_xml

        return _cyclonedx_xml.NAMESPACE.match(_cyclonedx_xml.root_of(head)[0]) is not None
    if _begins_with_tags(head):
        return True
    claims = (b'"bomFormat"', b'"spdxVersion"', b"spdx.org/rdf/3")
    return head.removeprefix(UTF8_MARK).lstrip()[:1] == b"{" and any(claim in head for claim in claims)


def read(document: Document) -> SbomSeen | None:
    """The content of *document*. Never raises because of its content: errors in it are among the problems.

    ``None`` for an attached CycloneDX document that lists vulnerabilities but no components: that is a VEX, which is about
    another SBOM and not an SBOM itself.
    """
    data = document.data
    if not data.strip():
        return document.broken("The file is empty.")
    if _XML.match(data):
        return _xml(document)
    if _begins_with_tags(data):
        from tasks.model.sboms import _spdx2_tag_value

        return _spdx2_tag_value.read_tag_value(document)
    try:
        content = decode(data)
    except Refused as refused:
        return document.broken(str(refused), encoding="json")
    return _json(document, content)


def _json(document: Document, content: Table) -> SbomSeen | None:
    if document.attached and "bomFormat" in content and content.get("vulnerabilities") and not content.get("components"):
        return None
    if "bomFormat" in content or "cyclonedx.org" in str(content.get("$schema", "")):
        return _cyclonedx.read_json(document, content)
    if "spdxVersion" in content:
        from tasks.model.sboms import _spdx2

        return _spdx2.read_json(document, content)
    from tasks.model.sboms import _spdx3

    if _spdx3.speaks(content):
        return _spdx3.read_json_ld(document, content)
    return document.broken(_what_else(content), encoding="json")


def _what_else(content: Table) -> str:
    """What *content* is, if it is no SBOM: generators have formats of their own, and services put SBOMs into others."""
    for member, where in (
        ("sbom", "as GitHub's API answers"),
        ("SPDX", "as BuildKit shows it"),
        ("predicate", "in a statement"),
    ):
        inner = content.get(member)
        if isinstance(inner, dict) and ("spdxVersion" in inner or "bomFormat" in inner or _speaks_spdx3(inner)):
            return f"The SBOM is in the member {member!r} of the document ({where}); take it out: jq .{member} FILE."
    if isinstance(content.get("descriptor"), dict) and isinstance(content.get("artifacts"), list):
        return "The document is Syft's own JSON; convert it: syft convert FILE -o cyclonedx-json."
    if "SchemaVersion" in content and "Results" in content:
        return (
            "The document is a report of Trivy, not an SBOM; make one with --format cyclonedx, and attach the report as well."
        )
    return "The document is JSON, but neither CycloneDX (bomFormat), SPDX 2 (spdxVersion) nor SPDX 3 (@context)."


def _speaks_spdx3(content: Table) -> bool:
    from tasks.model.sboms import _spdx3

    return _spdx3.speaks(content)


def _begins_with_tags(data: bytes) -> bool:
    """Is it SPDX in tag-value form? What begins like JSON is not."""
    if _OBJECT.match(data):
        return False
    from tasks.model.sboms import _spdx2_tag_value

    return _spdx2_tag_value.begins(data)


def _xml(document: Document) -> SbomSeen | None:
    from tasks.model.sboms import _cyclonedx_xml

    namespace, name = _cyclonedx_xml.root_of(document.data)
    if name == "bom" and _cyclonedx_xml.NAMESPACE.match(namespace):
        seen = _cyclonedx_xml.read_xml(document)
        return None if document.attached and not seen.components and b"<vulnerabilities" in document.data else seen
    if _SPDX_RDF in document.data[: 64 * 1024]:
        return document.broken(
            "The document is SPDX in RDF/XML, which ArcOps does not read; convert it to JSON.", format="SPDX", encoding="xml"
        )
    return document.broken(_cyclonedx_xml.not_ours(document.data, namespace, name), encoding="xml")
