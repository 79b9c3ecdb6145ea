"""The JSON form of SPDX 2.2 and 2.3 as a JSON Schema, written from the specifications' chapters 6 to 12 and their Annex D.

The formats that the specification gives in prose (creators, dates, SPDX ids, checksum lengths) are here, too; the published
schema does not have them.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jsonschema_rs

VERSIONS = ("2.2", "2.3")

_Schema = dict[str, Any]

_CHECKSUMS_2_2 = "SHA1 SHA224 SHA256 SHA384 SHA512 MD2 MD4 MD5 MD6"
_CHECKSUMS_2_3 = f"{_CHECKSUMS_2_2} SHA3-256 SHA3-384 SHA3-512 BLAKE2b-256 BLAKE2b-384 BLAKE2b-512 BLAKE3 ADLER32"
_HEX_DIGITS = {
    "SHA1": 40, "SHA224": 56, "SHA256": 64, "SHA384": 96, "SHA512": 128, "MD5": 32, "SHA3-256": 64, "SHA3-384": 96,
    "SHA3-512": 128, "BLAKE2b-256": 64, "BLAKE2b-384": 96, "BLAKE2b-512": 128,
}  # fmt: skip
_RELATIONSHIPS = """
AMENDS ANCESTOR_OF BUILD_DEPENDENCY_OF BUILD_TOOL_OF CONTAINED_BY CONTAINS COPY_OF DATA_FILE_OF DEPENDENCY_MANIFEST_OF
DEPENDENCY_OF DEPENDS_ON DESCENDANT_OF DESCRIBED_BY DESCRIBES DEV_DEPENDENCY_OF DEV_TOOL_OF DISTRIBUTION_ARTIFACT
DOCUMENTATION_OF DYNAMIC_LINK EXAMPLE_OF EXPANDED_FROM_ARCHIVE FILE_ADDED FILE_DELETED FILE_MODIFIED GENERATED_FROM GENERATES
HAS_PREREQUISITE METAFILE_OF OPTIONAL_COMPONENT_OF OPTIONAL_DEPENDENCY_OF OTHER PACKAGE_OF PATCH_APPLIED PATCH_FOR
PREREQUISITE_FOR PROVIDED_DEPENDENCY_OF RUNTIME_DEPENDENCY_OF STATIC_LINK TEST_CASE_OF TEST_DEPENDENCY_OF TEST_OF
TEST_TOOL_OF VARIANT_OF
"""
_RELATIONSHIPS_2_3 = "REQUIREMENT_DESCRIPTION_FOR SPECIFICATION_FOR"
# The published schema writes these with a hyphen, and much software with an underscore; both name the same category.
_CATEGORIES = "OTHER PERSISTENT-ID PERSISTENT_ID SECURITY PACKAGE-MANAGER PACKAGE_MANAGER"
# The specification (section 7.24) writes OPERATING-SYSTEM, and the published schema OPERATING_SYSTEM.
_PURPOSES = """
OTHER INSTALL ARCHIVE FIRMWARE APPLICATION FRAMEWORK LIBRARY CONTAINER SOURCE DEVICE OPERATING-SYSTEM OPERATING_SYSTEM FILE
"""
_FILE_TYPES = "OTHER DOCUMENTATION IMAGE VIDEO ARCHIVE SPDX APPLICATION SOURCE BINARY TEXT AUDIO"

_TEXT: _Schema = {"type": "string"}
_NAME: _Schema = {"type": "string", "minLength": 1}
_TEXTS: _Schema = {"type": "array", "items": _TEXT}
_ID: _Schema = {"type": "string", "pattern": r"^SPDXRef-[A-Za-z0-9.\-]+$"}
# An id may be of another document, or say that there is no related element (NONE) or that it is unknown (NOASSERTION).
_ELEMENT: _Schema = {
    "type": "string",
    "pattern": r"^((DocumentRef-[A-Za-z0-9.\-+]+:)?SPDXRef-[A-Za-z0-9.\-]+|NONE|NOASSERTION|DocumentRef-[A-Za-z0-9.\-+]+)$",
}
_DATE: _Schema = {"type": "string", "format": "date-time", "pattern": "Z$"}
_AGENT: _Schema = {"type": "string", "pattern": r"^(NOASSERTION|(Person|Organization): *\S.*)$"}
_CREATOR: _Schema = {"type": "string", "pattern": r"^(Person|Organization|Tool): *\S.*$"}


def _words(words: str) -> _Schema:
    return {"enum": words.split()}


def _object(required: str, **properties: _Schema) -> _Schema:
    return {"type": "object", "required": required.split(), "additionalProperties": False, "properties": properties}


def _list(item: _Schema, least: int = 0) -> _Schema:
    return {"type": "array", "items": item, "minItems": least}


def _checksum(algorithms: str) -> _Schema:
    lengths: list[_Schema] = [
        {
            "if": {"properties": {"algorithm": {"const": name}}},
            "then": {"properties": {"checksumValue": {"pattern": f"^[0-9a-fA-F]{{{digits}}}$"}}},
        }
        for name, digits in _HEX_DIGITS.items()
    ]
    return _object("algorithm checksumValue", algorithm=_words(algorithms), checksumValue=_NAME) | {"allOf": lengths}


_ANNOTATION = _object(
    "annotationDate annotationType annotator comment",
    annotationDate=_DATE, annotationType=_words("OTHER REVIEW"), annotator=_CREATOR, comment=_TEXT,
)  # fmt: skip
_ITEM: dict[str, _Schema] = {
    "SPDXID": _ID, "annotations": _list(_ANNOTATION), "attributionTexts": _TEXTS, "comment": _TEXT, "copyrightText": _TEXT,
    "licenseComments": _TEXT, "licenseConcluded": _NAME, "name": _NAME,
}  # fmt: skip
_LICENSING_INFO = _object(
    "extractedText licenseId",
    comment=_TEXT, extractedText=_TEXT, name=_TEXT, seeAlsos=_TEXTS,
    licenseId={"type": "string", "pattern": r"^(LicenseRef-[A-Za-z0-9.\-+_]+|[A-Za-z0-9.\-+]+)$"},
    crossRefs=_list(
        _object(
            "url", url=_TEXT, isLive={"type": "boolean"}, isValid={"type": "boolean"}, isWayBackLink={"type": "boolean"},
            match=_TEXT, order={"type": "integer"}, timestamp=_TEXT,
        )
    ),
)  # fmt: skip
_POINTER = _object("reference", reference=_ID, offset={"type": "integer"}, lineNumber={"type": "integer"})


def _package(checksum: _Schema, *, newer: bool) -> _Schema:
    code = _object(
        "packageVerificationCodeValue", packageVerificationCodeValue=_NAME, packageVerificationCodeExcludedFiles=_TEXTS
    )
    reference = _object(
        "referenceCategory referenceLocator referenceType",
        comment=_TEXT, referenceCategory=_words(_CATEGORIES), referenceLocator=_NAME, referenceType=_NAME,
    )  # fmt: skip
    dated: dict[str, _Schema] = {"builtDate": _DATE, "releaseDate": _DATE, "validUntilDate": _DATE}
    return _object(
        f"SPDXID downloadLocation name {'' if newer else 'licenseConcluded licenseDeclared copyrightText'}",
        **_ITEM, checksums=_list(checksum), description=_TEXT, downloadLocation=_NAME, externalRefs=_list(reference),
        filesAnalyzed={"type": "boolean"}, hasFiles=_list(_ID), homepage=_TEXT, licenseDeclared=_NAME,
        licenseInfoFromFiles=_TEXTS, originator=_AGENT, packageFileName=_TEXT, packageVerificationCode=code, sourceInfo=_TEXT,
        summary=_TEXT, supplier=_AGENT, versionInfo=_TEXT,
        **(dated | {"primaryPackagePurpose": _words(_PURPOSES)} if newer else {}),
    )  # fmt: skip


def _file(checksum: _Schema, *, newer: bool) -> _Schema:
    return _object(
        f"SPDXID checksums fileName {'' if newer else 'licenseConcluded licenseInfoInFiles copyrightText'}",
        **{key: value for key, value in _ITEM.items() if key != "name"}, artifactOfs={"type": "array"},
        checksums=_list(checksum, 1), fileContributors=_TEXTS, fileDependencies=_list(_ID), fileName=_NAME,
        fileTypes=_list(_words(_FILE_TYPES)), licenseInfoInFiles=_TEXTS, noticeText=_TEXT,
    )  # fmt: skip


def schema(version: str) -> _Schema:
    """The schema of *version*, one of `VERSIONS`."""
    newer = version == "2.3"
    checksum = _checksum(_CHECKSUMS_2_3 if newer else _CHECKSUMS_2_2)
    snippet = _object(
        "SPDXID ranges snippetFromFile",
        **_ITEM, licenseInfoInSnippets=_TEXTS, snippetFromFile=_ID,
        ranges=_list(_object("endPointer startPointer", endPointer=_POINTER, startPointer=_POINTER), 1),
    )  # fmt: skip
    relationship = _object(
        "spdxElementId relatedSpdxElement relationshipType",
        spdxElementId=_ELEMENT, relatedSpdxElement=_ELEMENT, comment=_TEXT,
        relationshipType=_words(f"{_RELATIONSHIPS} {_RELATIONSHIPS_2_3}" if newer else _RELATIONSHIPS),
    )  # fmt: skip
    external = _object(
        "checksum externalDocumentId spdxDocument",
        checksum=checksum, externalDocumentId={"type": "string", "pattern": r"^DocumentRef-[A-Za-z0-9.\-+]+$"},
        spdxDocument=_NAME,
    )  # fmt: skip
    created = _object("created creators", comment=_TEXT, created=_DATE, creators=_list(_CREATOR, 1), licenseListVersion=_TEXT)
    return {"$schema": "http://json-schema.org/draft-07/schema#"} | _object(
        "SPDXID spdxVersion creationInfo dataLicense name documentNamespace",
        SPDXID={"const": "SPDXRef-DOCUMENT"}, spdxVersion={"const": f"SPDX-{version}"}, annotations=_list(_ANNOTATION),
        comment=_TEXT, creationInfo=created, dataLicense={"const": "CC0-1.0"}, documentDescribes=_list(_ELEMENT),
        documentNamespace={"type": "string", "format": "uri", "pattern": "^[^#]*$"}, externalDocumentRefs=_list(external),
        hasExtractedLicensingInfos=_list(_LICENSING_INFO), name=_NAME, packages=_list(_package(checksum, newer=newer)),
        files=_list(_file(checksum, newer=newer)), snippets=_list(snippet), relationships=_list(relationship),
        revieweds=_list(_object("reviewDate", comment=_TEXT, reviewDate=_DATE, reviewer=_CREATOR)),
    )  # fmt: skip


@cache
def validator(version: str) -> jsonschema_rs.Validator:
    """The compiled schema of *version*."""
    from tasks.model.sboms._schema import compiled

    return compiled(schema(version))
