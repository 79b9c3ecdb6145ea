"""SPDX 2 tag-value (SPDX 2.3, section 4.4 and Annex H) brought into the JSON form, as far as an SBOM needs it.

Tags of creation, packages, files and relationships are read. An unknown tag is reported as a problem, so that nothing is
ignored silently.
"""

from __future__ import annotations

import re

from arcops.late_pattern import late
from arcops.seen.sboms import SbomSeen
from tasks.model.sboms._document import Document
from tasks.model.sboms._fields import Table
from tasks.model.sboms._spdx2 import FORMAT, read_json

_LINE = late(r"([A-Za-z0-9]+):\s*(.*)\Z", re.DOTALL)
_CHECKSUM = late(r"([A-Za-z0-9-]+):\s*([0-9a-fA-F]+)\Z")
_CODE = late(r"([0-9a-fA-F]+)\s*(?:\(excludes?:\s*(.*)\))?\Z", re.DOTALL)

_ONCE = {
    "SPDXVersion": ("document", "spdxVersion"), "DataLicense": ("document", "dataLicense"),
    "DocumentName": ("document", "name"), "DocumentNamespace": ("document", "documentNamespace"),
    "DocumentComment": ("document", "comment"), "Created": ("creation", "created"),
    "CreatorComment": ("creation", "comment"), "LicenseListVersion": ("creation", "licenseListVersion"),
    "PackageVersion": ("package", "versionInfo"), "PackageFileName": ("package", "packageFileName"),
    "PackageSupplier": ("package", "supplier"), "PackageOriginator": ("package", "originator"),
    "PackageDownloadLocation": ("package", "downloadLocation"), "PackageHomePage": ("package", "homepage"),
    "PackageSourceInfo": ("package", "sourceInfo"), "PackageLicenseConcluded": ("package", "licenseConcluded"),
    "PackageLicenseDeclared": ("package", "licenseDeclared"), "PackageLicenseComments": ("package", "licenseComments"),
    "PackageCopyrightText": ("package", "copyrightText"), "PackageSummary": ("package", "summary"),
    "PackageDescription": ("package", "description"), "PackageComment": ("package", "comment"),
    "PrimaryPackagePurpose": ("package", "primaryPackagePurpose"), "BuiltDate": ("package", "builtDate"),
    "ReleaseDate": ("package", "releaseDate"), "ValidUntilDate": ("package", "validUntilDate"),
    "LicenseConcluded": ("file", "licenseConcluded"), "LicenseComments": ("file", "licenseComments"),
    "FileCopyrightText": ("file", "copyrightText"), "FileComment": ("file", "comment"), "FileNotice": ("file", "noticeText"),
}  # fmt: skip
_MANY = {
    "PackageLicenseInfoFromFiles": ("package", "licenseInfoFromFiles"), "FileType": ("file", "fileTypes"),
    "PackageAttributionText": ("package", "attributionTexts"), "LicenseInfoInFile": ("file", "licenseInfoInFiles"),
    "FileContributor": ("file", "fileContributors"), "FileAttributionText": ("file", "attributionTexts"),
    "Creator": ("creation", "creators"),
}  # fmt: skip
_PASSED = late(
    r"Annotat|Snippet|LicenseID|ExtractedText|LicenseName|LicenseCrossReference|LicenseComment\Z|Review|ExternalDocumentRef"
    r"|RelationshipComment|ExternalRefComment|SPDXREF"
)


MOST_LINES = 500_000
"""The most lines. Every line may begin a package, which takes more than a kilobyte, even if the line is short."""


def begins(data: bytes) -> bool:
    return re.match(rb"(?:\xef\xbb\xbf)?(?:\s*#[^\n]*\n|\s+)*SPDXVersion:", data[:4096]) is not None


def read_tag_value(document: Document) -> SbomSeen:
    """A tag-value document, validated in its JSON form."""
    try:
        lines = _entries(document.data.decode("utf-8-sig"))
    except (UnicodeDecodeError, ValueError) as error:
        return document.broken(f"The document is not SPDX tag-value in UTF-8: {error}.", format=FORMAT, encoding="tag-value")
    content = _Builder()
    problem = ""
    for number, tag, value in lines:
        if not content.take(tag, value):
            problem = problem or f"Line {number}: the tag {tag!r} is not a tag of SPDX 2, or is not allowed here."
    seen = read_json(document, content.document, encoding="tag-value")
    if not problem:
        return seen
    from dataclasses import replace

    return replace(seen, problems=(problem, *seen.problems))


def _entries(source: str) -> list[tuple[int, str, str]]:
    """Each tag with its value and its line; a value in ``<text>`` may have several lines."""
    found: list[tuple[int, str, str]] = []
    if source.count("\n") > MOST_LINES:
        raise ValueError(f"it has more than {MOST_LINES} lines, the limit for reading; split it")
    lines = source.splitlines()
    index = 0
    while index < len(lines):
        number, line = index + 1, lines[index].strip()
        index += 1
        if not line or line.startswith("#"):
            continue
        match = _LINE.match(line)
        if match is None:
            raise ValueError(f"line {number} is neither a tag with a value nor a comment")
        tag, value = match[1], match[2]
        if value.startswith("<text>"):
            parts = [value.removeprefix("<text>")]
            while "</text>" not in parts[-1]:
                if index >= len(lines):
                    raise ValueError(f"the <text> in line {number} is not closed")
                parts.append(lines[index])
                index += 1
            value = "\n".join(parts).partition("</text>")[0]
        found.append((number, tag, value.strip()))
    return found


class _Builder:
    """Builds the JSON form tag by tag: a tag belongs to the element that began last."""

    def __init__(self) -> None:
        self.document: Table = {"packages": [], "files": [], "relationships": []}
        self._creation: dict[str, object] = {}
        self.document["creationInfo"] = self._creation
        self._element: dict[str, object] = self.document
        self._kind = "document"

    def take(self, tag: str, value: str) -> bool:
        """Add one tag. False if it is unknown or not allowed here."""
        if tag == "PackageName":
            self._begin("package", "packages", {"name": value})
        elif tag == "FileName":
            self._begin("file", "files", {"fileName": value})
        elif tag == "SPDXID":
            self._element["SPDXID"] = value
        elif tag in _ONCE:
            return self._set(*_ONCE[tag], value)
        elif tag in _MANY:
            return self._add(*_MANY[tag], value)
        elif tag == "Relationship":
            parts = value.split()
            if len(parts) != 3:
                return False
            names = ("spdxElementId", "relationshipType", "relatedSpdxElement")
            return self._append(self.document, "relationships", dict(zip(names, parts, strict=True)))
        else:
            return self._take_structured(tag, value)
        return True

    def _take_structured(self, tag: str, value: str) -> bool:
        if tag in ("PackageChecksum", "FileChecksum"):
            found = _CHECKSUM.match(value)
            entry: object = {"algorithm": found[1], "checksumValue": found[2]} if found else {}
            return self._add("package" if tag == "PackageChecksum" else "file", "checksums", entry)
        if tag == "ExternalRef":
            category, _, rest = value.partition(" ")
            kind, _, locator = rest.strip().partition(" ")
            reference = {"referenceCategory": category, "referenceType": kind, "referenceLocator": locator.strip()}
            return self._add("package", "externalRefs", reference)
        if tag == "FilesAnalyzed":
            return self._set("package", "filesAnalyzed", value.lower() == "true")
        if tag == "PackageVerificationCode":
            code = _CODE.match(value)
            return self._set("package", "packageVerificationCode", {"packageVerificationCodeValue": code[1]} if code else {})
        return _PASSED.match(tag) is not None

    def _begin(self, kind: str, where: str, element: dict[str, object]) -> None:
        self._kind, self._element = kind, element
        self._append(self.document, where, element)

    def _holder(self, kind: str) -> dict[str, object] | None:
        if kind == "document":
            return self.document
        if kind == "creation":
            return self._creation
        return self._element if self._kind == kind else None

    def _set(self, kind: str, key: str, value: object) -> bool:
        holder = self._holder(kind)
        if holder is None or key in holder:
            return False
        holder[key] = value
        return True

    def _add(self, kind: str, key: str, value: object) -> bool:
        holder = self._holder(kind)
        return holder is not None and self._append(holder, key, value)

    @staticmethod
    def _append(holder: dict[str, object], key: str, value: object) -> bool:
        held = holder.setdefault(key, [])
        if isinstance(held, list):
            held.append(value)
            return True
        return False
