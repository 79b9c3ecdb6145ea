"""The CycloneDX specification's own JSON schemas, as cyclonedx-python-lib ships them, compiled once and never fetched."""

from __future__ import annotations

import importlib.util
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arcops.errors import Broken

if TYPE_CHECKING:
    import jsonschema_rs

JSON_VERSIONS = ("1.2", "1.3", "1.4", "1.5", "1.6", "1.7")

# 1.2 and 1.3 have a lax schema and a strict one; the strict one is what their specifications call valid.
_STRICT = {"1.2": "1.2-strict", "1.3": "1.3-strict"}
_REFERRED = ("spdx", "jsf-0.82", "cryptography-defs")
_HOME = "http://cyclonedx.org/schema/"  # an identifier inside the schemas; nothing is ever fetched from it
_BACKTRACKS = 100_000
# Listing every error copies every wrong value, in quadratic time on a hostile document; above this size only one is given.
_SMALL = 64 * 1024
_DEEP_ENOUGH = 6


def resources() -> Path:
    """The folder of schema files. Raises `Broken` if the installed package has none."""
    spec = importlib.util.find_spec("cyclonedx")
    if spec is None or spec.origin is None:
        raise Broken(
            "the package cyclonedx-python-lib is not installed, so there are no CycloneDX schemas; install ArcOps again"
        )
    return Path(spec.origin).parent / "schema" / "_res"


def _load(name: str) -> dict[str, Any]:
    path = resources() / name
    try:
        schema: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise Broken(f"the CycloneDX schema {path} cannot be read: {error}; install ArcOps again") from error
    return schema


@cache
def cyclonedx(version: str) -> jsonschema_rs.Validator:
    """The validator of CycloneDX JSON *version*, one of `JSON_VERSIONS`."""
    import jsonschema_rs

    referred = [(f"{_HOME}{name}.SNAPSHOT.schema.json", _load(f"{name}.SNAPSHOT.schema.json")) for name in _REFERRED]
    return compiled(_load(f"bom-{_STRICT.get(version, version)}.SNAPSHOT.schema.json"), jsonschema_rs.Registry(referred))


def compiled(schema: dict[str, Any], registry: jsonschema_rs.Registry | None = None) -> jsonschema_rs.Validator:
    """*schema*, checking formats, offline, with a bound on what a pattern may cost."""
    import jsonschema_rs

    return jsonschema_rs.validator_for(
        schema,
        registry=registry,
        validate_formats=True,
        offline=True,
        mask="this value",
        pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=_BACKTRACKS),
    )


@cache
def licence_ids() -> dict[str, str]:
    """SPDX licence ids as the CycloneDX schemas list them, by their lower-case form."""
    listed = _load("spdx.SNAPSHOT.schema.json").get("enum")
    return {name.lower(): name for name in listed if isinstance(name, str)} if isinstance(listed, list) else {}


def violations(validator: jsonschema_rs.Validator, document: object, size: int) -> list[str]:
    """One sentence for each rule of the schema that *document*, of *size* bytes, breaks (only the first in a big one)."""
    import jsonschema_rs

    try:
        if validator.is_valid(document):
            return []
        if size > _SMALL:
            try:
                validator.validate(document)
            except jsonschema_rs.ValidationError as error:
                return [_sentence(error)]
        return [_sentence(error) for error in validator.iter_errors(document)] or ["The document does not match the schema."]
    except (ValueError, TypeError, RecursionError) as error:
        return [f"The document cannot be validated: {error}."]


def _sentence(error: jsonschema_rs.ValidationError) -> str:
    for _ in range(_DEEP_ENOUGH):
        inner = _closest(error)
        if inner is None:
            break
        error = inner
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path).lstrip(".")
    return f"{where or 'The document'}: {error.message}."


def _closest(error: jsonschema_rs.ValidationError) -> jsonschema_rs.ValidationError | None:
    """If all alternatives failed, the deepest error: most likely that of the alternative that the author meant."""
    context = getattr(error.kind, "context", None)
    candidates = [branch[0] for branch in context if branch] if context else []
    deepest = max(candidates, key=lambda fault: len(fault.instance_path), default=None)
    return deepest if deepest is not None and len(deepest.instance_path) > len(error.instance_path) else None
