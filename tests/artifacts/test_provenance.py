"""Provenance made here, read by the in-toto project's own library."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from arcops.errors import Refused
from arcops.subject import Digest
from artifacts.bundle import open_statement, seal_statement
from artifacts.private_key import create
from artifacts.provenance import PREDICATE, Build, Material, provenance
from tests.artifacts.reports import AT, full_report

BUILD = Build(
    builder="https://example.org/builders/laptop",
    build_type="https://example.org/build-types/by-hand/v1",
    started=AT,
    finished=AT + timedelta(minutes=1),
    invocation="run-7",
    parameters=(("precision", "int8"),),
    materials=(Material(uri="pkg:pypi/x@1", digests=(Digest(algorithm="sha256", value="ab" * 32),)), Material(uri="file:base")),
)


@pytest.mark.requirement("ARC-A2/provenance-can-be-made")
def test_in_totos_own_library_reads_it() -> None:
    from google.protobuf.json_format import ParseDict
    from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance
    from in_toto_attestation.v1.statement_pb2 import Statement

    key = create()
    opened = open_statement(seal_statement(provenance([full_report().subject], BUILD), key), [key.public])
    words = json.loads(opened.statement)

    outer = ParseDict(words, Statement())
    inner = ParseDict(words["predicate"], Provenance())

    assert opened.predicate_type == PREDICATE == outer.predicate_type
    assert outer.subject[0].digest["sha256"] == "c3" * 32
    assert inner.run_details.builder.id == BUILD.builder
    assert inner.run_details.metadata.started_on.ToDatetime().isoformat() == "2026-11-21T12:00:00"
    assert inner.build_definition.resolved_dependencies[0].digest["sha256"] == "ab" * 32
    assert inner.build_definition.external_parameters["precision"] == "int8"


@pytest.mark.requirement("ARC-A2/provenance-can-be-made")
def test_a_build_that_names_no_builder_or_ends_before_it_begins_is_refused() -> None:
    for changes in ({"builder": "laptop"}, {"build_type": "x"}, {"finished": AT - timedelta(seconds=1)}):
        values = {"builder": "a:b", "build_type": "a:b", "started": AT, "finished": AT} | changes
        with pytest.raises(Refused):
            Build(**values)  # type: ignore[arg-type]  # the values fit the fields
    with pytest.raises(Refused, match="needs a subject"):
        provenance([], BUILD)
