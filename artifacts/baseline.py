"""The benchmark baseline as an in-toto Statement v1, and strictly back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, cast

from arcops.errors import Refused
from arcops.seen.baseline import Baseline
from artifacts.bundle import open_statement
from artifacts.envelope import strict_json
from artifacts.public_key import PublicKey
from artifacts.statement import statement
from artifacts.typed import dump, load

BASELINE = "https://arcops.dev/predicates/benchmark-baseline/v1"


def baseline_statement(baseline: Baseline) -> bytes:
    """The statement of *baseline*: the bytes that are signed."""
    return statement(BASELINE, [baseline.subject], dump(baseline))


def baseline_from(data: bytes) -> Baseline:
    """The baseline in the statement *data*. Raises `Refused` if it is not a baseline, or contradicts itself."""
    document = strict_json(data, "the baseline")
    if isinstance(document, dict) and document.get("predicateType") != BASELINE:
        raise Refused(
            f"the file is not a baseline: its predicate type is {str(document.get('predicateType'))[:100]!r}, not {BASELINE!r};"
            " make a baseline from a kept artifact with 'arcops gpu baseline'"
        )
    problem = next(iter(_validator().iter_errors(document)), None)
    if problem is not None:
        where = ".".join(str(part) for part in problem.instance_path) or "the document"
        raise Refused(f"the baseline does not match its schema at {where[:200]}: {problem.message[:300]}")
    members = cast(dict[str, Any], document)  # the schema was checked: it is an object with exactly these members
    baseline = load(Baseline, members["predicate"], "the baseline")
    outer = {
        "name": baseline.subject.name,
        "digest": {digest.algorithm: digest.value for digest in baseline.subject.digests},
    }
    if members["subject"] != [outer]:
        raise Refused(f"the statement's subject is not {baseline.subject.name!r}, which its figures are about")
    return baseline


def open_baseline(data: bytes, keys: Sequence[PublicKey]) -> tuple[Baseline, tuple[str, ...]]:
    """The baseline sealed in *data*, and the ids of the *keys* that signed it. Raises `Refused` if none of them did."""
    opened = open_statement(data, keys)
    return baseline_from(opened.statement), opened.signers


@cache
def _validator() -> Any:
    import jsonschema_rs

    from artifacts.schemas import schema_text

    return jsonschema_rs.validator_for(schema_text(BASELINE), mask="the value", offline=True)
