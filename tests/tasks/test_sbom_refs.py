"""A dependency must name a part of the document, wherever that part stands (CycloneDX specification, ``dependencies``)."""

from __future__ import annotations

import json

import pytest

from tasks.model.sboms._document import Document
from tasks.model.sboms._reading import read


def _problems(ref: str, on: str) -> tuple[str, ...]:
    inner = {"type": "library", "bom-ref": "inner", "name": "i"}
    content = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "components": [{"type": "library", "bom-ref": ref, "name": "a", "components": [inner]}],
        "services": [{"bom-ref": "service", "name": "s"}],
        "dependencies": [{"ref": ref, "dependsOn": [on]}],
    }
    found = read(Document(path="a.cdx.json", sha256="0" * 64, data=json.dumps(content).encode()))
    assert found is not None
    return found.problems


@pytest.mark.parametrize("on", ["a", "inner", "service"])
def test_a_part_may_stand_anywhere(on: str) -> None:
    assert _problems("a", on) == ()


@pytest.mark.parametrize(("ref", "on"), [("a", "b"), ("a", "a "), ("a", "s")])
def test_what_no_part_is_called_is_a_problem(ref: str, on: str) -> None:
    assert f"{on!r} is not the bom-ref" in "".join(_problems(ref, on))
