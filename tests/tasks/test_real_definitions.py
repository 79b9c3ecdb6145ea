"""Definitions as their makers publish them, whole: every schema and every rule in them, and objects that they take and refuse.

No files of others are kept here, so this runs only if a folder is named (``make definitions CRDS=DIR``): definitions anywhere
in it, objects to be accepted below ``valid``, and objects to be refused below ``invalid``, one in each file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.kubernetes.manifests.nodes import Mapping, Sequence, documents
from tasks.kubernetes.manifests.rules import Evaluator, NotChecked
from tasks.kubernetes.manifests.schemas import Schema, plain
from tasks.kubernetes.manifests.values import Plain
from tasks.network.network import network_of

FOLDER = Path(os.environ.get("ARCOPS_DEFINITIONS", ""))

pytestmark = [
    pytest.mark.requirement("ARC-B2/custom-objects-fit-their-definitions"),
    pytest.mark.skipif(
        not os.environ.get("ARCOPS_DEFINITIONS"),
        reason="ARCOPS_DEFINITIONS names no folder with CustomResourceDefinitions, such as 'kubectl get crd -o yaml' saves",
    ),
]


def files(below: str = "") -> list[Path]:
    return sorted(one for one in (FOLDER / below).rglob("*.yaml") if below or not {"valid", "invalid"} & set(one.parts))


def definitions() -> Iterator[tuple[str, Plain]]:
    """Name and schema of each version that any definition serves."""
    for path in files():
        for node in documents(path.read_bytes()):
            items = node.items.get("items") if isinstance(node, Mapping) else None
            for one in items.items if isinstance(items, Sequence) else [node]:
                found = plain(one)
                if isinstance(found, dict) and found.get("kind") == "CustomResourceDefinition":
                    yield from _versions(found)


def _versions(found: dict[str, Plain]) -> Iterator[tuple[str, Plain]]:
    spec = found["spec"]
    assert isinstance(spec, dict)
    names, versions = spec["names"], spec["versions"]
    assert isinstance(names, dict)
    assert isinstance(versions, list)
    for version in versions:
        assert isinstance(version, dict)
        schema = version.get("schema")
        assert isinstance(schema, dict)
        if version.get("served"):
            yield f"{names['kind']}.{version['name']}.{spec['group']}", schema["openAPIV3Schema"]


def rules(schema: Plain) -> Iterator[dict[str, Plain]]:
    if isinstance(schema, dict):
        found = schema.get("x-kubernetes-validations")
        yield from (one for one in (found if isinstance(found, list) else ()) if isinstance(one, dict))
        for name, inner in schema.items():
            if name != "x-kubernetes-validations":
                yield from rules(inner)
    elif isinstance(schema, list):
        for one in schema:
            yield from rules(one)


def test_every_schema_and_every_rule_can_be_asked() -> None:
    evaluator, asked, count, unasked = Evaluator(), 0, 0, []
    for name, schema in definitions():
        Schema(schema)
        count += 1
        for rule in rules(schema):
            text = str(rule["rule"])
            if "oldSelf" in text and rule.get("optionalOldSelf") is not True:
                continue  # never asked of a new object
            asked += 1
            try:
                evaluator.holds(text, {}, new=rule.get("optionalOldSelf") is True)
            except NotChecked as error:
                unasked.append(f"{name}: {text}: {error}")
    print(f"{count} versions, {asked} rules")
    assert count, f"{FOLDER} holds no CustomResourceDefinition"
    assert not unasked


def seen(path: Path) -> tuple[list[str], list[str]]:
    """What is refused in *path*, and what could not be checked."""
    found = network_of([(str(one.relative_to(FOLDER)), one.read_bytes()) for one in [*files(), path]])
    where = str(path.relative_to(FOLDER))
    return tuple([one.text for one in kind if one.at.path == where] for kind in (found.refused, found.unchecked))  # type: ignore[return-value]  # mypy counts no comprehension's members


@pytest.mark.parametrize("path", files("valid") if FOLDER.name else [], ids=lambda path: path.name)
def test_what_they_take_is_taken(path: Path) -> None:
    assert seen(path) == ([], [])


@pytest.mark.parametrize("path", files("invalid") if FOLDER.name else [], ids=lambda path: path.name)
def test_what_they_refuse_is_refused(path: Path) -> None:
    refused, _ = seen(path)
    print(refused)
    assert refused
