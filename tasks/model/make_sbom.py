"""Makes an SBOM for a model without one: CycloneDX 1.6, the model as root, a component for each file, the Python environment.

The same tree, environment, arguments and time give the same bytes. Unknown values are left out, not guessed.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from pathlib import Path

from packageurl import PackageURL
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from arcops.beside import content_root, is_beside
from arcops.errors import Refused
from arcops.licence import NOTHING, UNSAID, named, parse_licence
from arcops.seen.tree import FileSeen, Tree
from tasks.model.python_distributions import Distribution, installed
from tasks.model.sboms._path_property import PATH_PROPERTY

# Our own namespace for serial numbers: a serial number is derived from content, so the same input gives the same SBOM.
_SERIALS = uuid.UUID("6f0c1f6e-3d0e-5c55-9d0f-6a1f6f0b9a51")
_Table = dict[str, object]


def make_sbom(
    tree: Tree,
    *,
    name: str,
    version: str,
    now: datetime,
    python_environment: Path | None = None,
    licence: str,
    supplier: str,
    author: str,
) -> bytes:
    """The SBOM of *tree* as CycloneDX 1.6 JSON.

    *name* should be the subject's name, by which the gate recognises it. *licence* is an SPDX expression.
    *python_environment* is a site-packages folder whose distributions the model is run with. SBOMs, signatures and
    attestations that are already in the tree are left out. Raises `Refused` for an empty name, supplier or author, a licence
    that is not an SPDX expression, a time without a time zone, a tree without files or with unreadable files, and like
    `installed`.
    """
    for what, word in (("name", name), ("version", version), ("licence", licence), ("supplier", supplier), ("author", author)):
        if not word.strip():
            raise Refused(f"an SBOM needs a {what}, and readers of the SBOM cannot guess it; name it")
    licence = _spdx(licence)
    if now.tzinfo is None:
        raise Refused("the SBOM's time has no time zone; pass a datetime in UTC")
    if tree.troubles:
        raise Refused(
            f"{tree.troubles[0].path} could not be read ({tree.troubles[0].reason}), so the SBOM would not be complete"
        )
    files = [file for file in tree.files if not is_beside(file)]
    if not files:
        raise Refused(f"{name!r} has no files, so there is nothing to list in an SBOM")
    distributions = installed(python_environment) if python_environment is not None else ()

    root = _root(tree.files, name=name, version=version, licence=licence, supplier=supplier)
    document: _Table = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "lifecycles": [{"phase": "post-build"}],
            "tools": {"components": [{"type": "application", "name": "arcops", "version": _own_version()}]},
            "authors": [{"name": author}],
            "component": root,
            "supplier": {"name": supplier},
        },
        "components": [*(_file(file) for file in files), *(_library(one) for one in distributions)],
        "dependencies": _dependencies(str(root["bom-ref"]), files, distributions),
    }
    serial = uuid.uuid5(_SERIALS, json.dumps(document, sort_keys=True, separators=(",", ":")))
    named = {
        "$schema": document.pop("$schema"),
        "bomFormat": document.pop("bomFormat"),
        "specVersion": document.pop("specVersion"),
    }
    return (json.dumps(named | {"serialNumber": f"urn:uuid:{serial}"} | document, indent=2, ensure_ascii=False) + "\n").encode()


def _root(files: Iterable[FileSeen], *, name: str, version: str, licence: str, supplier: str) -> _Table:
    root = content_root(files)
    purl = PackageURL(type="generic", name=name, version=version, qualifiers={"checksum": f"sha256:{root}"}).to_string()
    return {
        "type": "machine-learning-model",
        "bom-ref": purl,
        "supplier": {"name": supplier},
        "name": name,
        "version": version,
        "hashes": [{"alg": "SHA-256", "content": root}],
        "licenses": [_licence(licence)],
        "purl": purl,
    }


def _file(file: FileSeen) -> _Table:
    return {
        "type": "file",
        "bom-ref": _file_ref(file),
        "name": file.path,
        "hashes": [{"alg": "SHA-256", "content": file.sha256}],
        "properties": [{"name": PATH_PROPERTY, "value": file.path}],
    }


def _library(one: Distribution) -> _Table:
    made: _Table = {"type": "library", "bom-ref": _purl(one)}
    if one.supplier:
        made["supplier"] = {"name": one.supplier}
    made |= {"name": one.name, "version": one.version}
    if one.licence:
        made["licenses"] = [_licence(one.licence)]
    return made | {"purl": _purl(one)}


def _dependencies(root: str, files: list[FileSeen], distributions: tuple[Distribution, ...]) -> list[_Table]:
    """The graph: the model needs its files and each distribution that no other one needs; distributions need each other."""
    purls = {one.name: _purl(one) for one in distributions}
    reached: set[str] = set()
    tops: list[str] = []
    needed = {name for one in distributions for name in one.requires}
    by_name = {one.name: one for one in distributions}
    # Distributions that need each other in a ring have no top; the model needs the first of each such ring.
    for name in [*(name for name in purls if name not in needed), *purls]:
        if name in reached:
            continue
        tops.append(name)
        waiting = [name]
        while waiting:
            current = waiting.pop()
            if current not in reached:
                reached.add(current)
                waiting.extend(by_name[current].requires)
    direct = [*(_file_ref(file) for file in files), *(purls[name] for name in sorted(tops))]
    graph: list[_Table] = [{"ref": root, "dependsOn": direct}]
    graph.extend({"ref": _file_ref(file)} for file in files)
    graph.extend({"ref": purls[one.name], "dependsOn": [purls[name] for name in one.requires]} for one in distributions)
    return graph


def _file_ref(file: FileSeen) -> str:
    return f"file:{file.path}"


def _purl(one: Distribution) -> str:
    return PackageURL(type="pypi", name=one.name, version=one.version).to_string()


def _spdx(words: str) -> str:
    """*words* in the canonical spelling of an SPDX expression. Raises `Refused`, with the reason, if they are not one."""
    expression = parse_licence(words)  # it says where the grammar breaks, and limits the length
    canonical = _canonical(words)
    if canonical:
        return canonical
    said = f"{words[:100]!r} is not an SPDX licence expression"
    if any(licence.name in (UNSAID, NOTHING) for licence in named(expression)):
        raise Refused(f"{said}: it says that the licence is unknown, but an SBOM must name the licence")
    meant = _canonical(str(expression))
    if meant:
        raise Refused(f"{said}; write {meant!r} if you mean that")
    unlisted = next((name for licence in named(expression) if not _canonical(name := str(licence))), words)
    raise Refused(
        f"{said}: {unlisted[:100]!r} is not on SPDX's lists; for a licence that is not listed, write LicenseRef- and a name"
    )


def _canonical(words: str) -> str:
    """The canonical spelling of the SPDX expression *words*; empty if they are not one."""
    try:
        return canonicalize_license_expression(words)
    except InvalidLicenseExpression:
        return ""


def _licence(words: str) -> _Table:
    """A CycloneDX licence choice: an id if it is one of SPDX's, else an expression, else the name as it was given."""
    from tasks.model.sboms._schema import licence_ids

    known = licence_ids().get(words.lower())
    if known is not None:
        return {"license": {"id": known}}
    expression = _canonical(words)
    return {"expression": expression} if expression else {"license": {"name": words}}


def _own_version() -> str:
    try:
        return version_of("arcops")
    except PackageNotFoundError:
        return "0"
