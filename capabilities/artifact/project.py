"""A report in other formats."""

from __future__ import annotations

from arcops.errors import Refused
from arcops.result import Report
from artifacts.projections.junit import to_junit
from artifacts.projections.markdown import to_markdown
from artifacts.projections.sarif import to_sarif
from artifacts.projections.statements import to_test_result
from artifacts.statement import to_statement


def project(report: Report, form: str) -> bytes:
    """*report* as ``json`` (the statement itself), ``test-result`` (in-toto), ``sarif``, ``junit`` or
    ``markdown``."""
    match form:
        case "json":
            return to_statement(report) + b"\n"
        case "sarif":
            # Both take time to import, and only this format describes the rules and the tool.
            from flows.plan import all_gates

            return to_sarif(report, [rule for gate in all_gates() for rule in gate.rules], version=_version())
        case "test-result":
            return to_test_result(report) + b"\n"
        case "junit":
            return to_junit(report)
        case "markdown":
            return to_markdown(report)
    raise Refused(f"there is no format {form!r}; use json, test-result, sarif, junit or markdown")


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("arcops")
    except PackageNotFoundError:  # run from a checkout without an installation
        return "0.0.0"
