"""The fast check of SPDX 3 documents against the model: it never says yes to what the model's bindings refuse."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spdx_python_model import v3_0_1

from benches.spdx3 import document
from tasks.model.sboms._spdx3 import CONTEXT
from tasks.model.sboms._spdx3_model import _classes, matches

pytestmark = pytest.mark.requirement("ARC-A3/spdx-is-read")

SOUND: dict[str, Any] = json.loads(document(3))
VALUES: tuple[object, ...] = (
    *(None, True, False, 0, 1, -1, 2.5, "", "1", "1.5", "x", "_:c", "_:new", "https://example.org/sbom/author", "text/plain"),
    *("https://example.org/sbom/package-1", "https://example.org/sbom/document", "urn:new", "3.0.1", "sha256", "dependsOn"),
    *(
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00",
        "2026-13-01T00:00:00Z",
        "2026-01-01T00:00:00Z\n",
        "2026-01-01T00:00:00+01:00",
    ),
    *([], {}, [None], ["x"], [["x"]], [1], {"type": "Hash"}, {"type": "Hash", "algorithm": "sha256", "hashValue": "00"}),
    *({"type": "Hash", "algorithm": "none"}, {"type": "Person", "spdxId": "urn:p"}, {"type": "Element"}, {"spdxId": "urn:x"}),
    *(
        [{"type": "Person", "spdxId": "urn:p", "name": "A"}],
        {"type": "CreationInfo", "@id": "urn:no"},
        ["https://example.org/x"],
    ),
)
KINDS = sorted(v3_0_1.SHACLObject.CLASSES)
NAMES = sorted(
    {name for kind in v3_0_1.SHACLObject.CLASSES.values() for name in (*kind._OBJ_COMPACT_PROPS, *kind._OBJ_IRI_PROPS)}
)


def accepted(content: object) -> bool:
    """What the bindings' own reader says."""
    try:
        v3_0_1.JSONLDDeserializer().deserialize_data(copy.deepcopy(content), v3_0_1.SHACLObjectSet())
    except Exception:
        return False
    return True


def entries(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from entries(inner)


def test_a_sound_document_is_not_left_to_the_reader() -> None:
    assert matches(SOUND)
    assert accepted(SOUND)


@given(data=st.data())
def test_no_fault_passes_that_the_reader_refuses(data: st.DataObject) -> None:
    content = copy.deepcopy(SOUND)
    for _ in range(data.draw(st.integers(min_value=1, max_value=3))):
        entry = data.draw(st.sampled_from(list(entries(content["@graph"]))))
        match data.draw(st.sampled_from(("value", "new", "drop", "type", "again", "rename", "inside"))):
            case "value":
                entry[data.draw(st.sampled_from(sorted(entry) or ["type"]))] = data.draw(st.sampled_from(VALUES))
            case "new":
                entry[data.draw(st.sampled_from(["@id", "@type", "spdxId", "x", *NAMES]))] = data.draw(st.sampled_from(VALUES))
            case "drop":
                entry.pop(data.draw(st.sampled_from(sorted(entry) or ["type"])), None)
            case "type":
                entry["type"] = data.draw(st.sampled_from(KINDS))
            case "again":
                content["@graph"].append(copy.deepcopy(entry))
            case "rename":
                key = data.draw(st.sampled_from(sorted(entry) or ["type"]))
                entry[f"https://spdx.org/rdf/3.0.1/terms/Core/{key}"] = entry.pop(key, None)
            case "inside":
                key = data.draw(st.sampled_from(sorted(entry) or ["type"]))
                entry[key] = copy.deepcopy(data.draw(st.sampled_from(list(entries(SOUND["@graph"])))))
    if matches(content):
        assert accepted(content)


@given(name=st.sampled_from(sorted(name for name, table in _classes().items() if table.properties)), data=st.data())
def test_each_property_of_each_class_takes_no_value_that_the_reader_refuses(name: str, data: st.DataObject) -> None:
    table = _classes()[name]
    key = data.draw(st.sampled_from(sorted(table.properties)))
    allowed = sorted({each for pair in getattr(_prop(table.kind, key), "context", ()) for each in pair})
    values = st.sampled_from([*VALUES, *allowed])
    value = data.draw(values | st.lists(values, max_size=2))
    identity = {"@id": "_:x"} if table.kind.__name__ == "CreationInfo" else {"spdxId": "urn:x"} if table.identified else {}
    content = {"@context": CONTEXT, "@graph": [*SOUND["@graph"], {"type": name, **identity, key: value}]}
    if matches(content):
        assert accepted(content)


def _prop(kind: Any, key: str) -> Any:
    prop = (kind._OBJ_IRI_PROPS.get(key) or kind._OBJ_COMPACT_PROPS[key]).prop
    return getattr(prop, "prop", prop)


@pytest.mark.parametrize("name", sorted(_classes()))
def test_every_class_is_in_the_table_as_the_bindings_have_it(name: str) -> None:
    table = _classes()[name]
    kind = v3_0_1.SHACLObject.CLASSES[name]
    assert table.kind is kind
    known = {key for key, each in {**kind._OBJ_COMPACT_PROPS, **kind._OBJ_IRI_PROPS}.items() if each.iri != "@id"}
    assert set(table.properties) <= known


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("relationshipType", "dependOn"),
        ("from", "https://example.org/sbom/none\n"),
        ("to", ["_:c"]),
        ("startTime", "yesterday"),
    ],
)
def test_a_fault_is_left_to_the_reader(change: str, value: object) -> None:
    content = copy.deepcopy(SOUND)
    entry = next(each for each in content["@graph"] if each["type"] == "Relationship")
    entry[change] = value
    assert matches(content) is accepted(content)
