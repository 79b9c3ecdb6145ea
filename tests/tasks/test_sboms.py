"""SBOMs are read by their specifications: a valid one passes, and no input crashes the reader."""

from __future__ import annotations

import hashlib
import json
import resource
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused, Unavailable
from arcops.evidence import Seen
from arcops.request import Request
from arcops.seen.content import Content
from arcops.seen.sboms import Sboms, SbomSeen
from arcops.seen.tree import FileSeen, Tree
from arcops.subject import Digest
from arcops.tier import Tier
from artifacts.wire import digest, from_json, to_json
from tasks.model.sboms import sboms
from tests.evidence import NOW, evidence
from tests.vectors import vectors

pytestmark = pytest.mark.requirement("ARC-A3/cyclonedx-is-read")

SHA = "a" * 64


def tree_of(folder: Path) -> Tree:
    files = tuple(
        FileSeen(
            path=path.relative_to(folder).as_posix(),
            size=path.stat().st_size,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            executable=False,
            content=Content(format="other"),
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    )
    return Tree(root=SHA, files=files)


def collect(folder: Path, *attached: Path) -> Sboms:
    request = Request(
        target=folder, kind="model", tier=Tier.AIR_GAPPED, now=NOW, trust=folder, data=folder, cache=folder, attached=attached
    )
    seen = Seen({"tree": evidence(tree_of(folder))}, at=NOW, subject_name=folder.name)
    body = sboms.look(request, seen).body
    assert from_json(Sboms, json.dumps(to_json(body))) == body, "the evidence does not survive its own wire form"
    assert digest(body).startswith("sha256:")
    return body


@pytest.mark.parametrize(
    ("named", "attached", "idle"),
    [("model.safetensors", False, True), ("bom.json", False, False), ("model.safetensors", True, False)],
)
def test_it_is_idle_only_where_it_opens_nothing(tmp_path: Path, named: str, attached: bool, idle: bool) -> None:
    """The check for idle collectors runs in our own process, so it must not open any file."""
    folder, other = tmp_path / "model", tmp_path / "notes"
    folder.mkdir()
    (folder / named).write_bytes(b"{}")
    other.write_bytes(b"{}")
    request = Request(
        target=folder, kind="model", tier=Tier.AIR_GAPPED, now=NOW, trust=folder, data=folder, cache=folder,
        attached=(other,) if attached else (),
    )  # fmt: skip
    seen = Seen({"tree": evidence(tree_of(folder))}, at=NOW, subject_name=folder.name)

    assert sboms.idle(request, seen) is idle
    for path in (folder / named, other):
        path.unlink()  # so that a collector that opens one of them says so
    with pytest.raises((Refused, Unavailable, OSError)) as raised:
        sboms.look(request, seen)
    assert ("no SBOM was found in" in str(raised.value)) is idle or attached


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., SbomSeen]:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")

    def reading(content: bytes | dict[str, object], name: str = "sbom.json") -> SbomSeen:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        for earlier in folder.glob("*bom*"):
            earlier.unlink()
        (folder / name).write_bytes(data)
        documents = collect(folder).documents
        assert len(documents) == 1
        assert documents[0].sha256 == hashlib.sha256(data).hexdigest()
        return documents[0]

    return reading


def cyclonedx(**more: object) -> dict[str, object]:
    document: dict[str, object] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
        "version": 1,
        "metadata": {
            "timestamp": "2026-11-20T10:00:00+01:00",
            "authors": [{"name": "Ada"}],
            "lifecycles": [{"phase": "build"}],
            "tools": {"components": [{"type": "application", "name": "maker", "version": "2"}]},
            "component": {"type": "machine-learning-model", "bom-ref": "root", "name": "model", "modelCard": {}},
        },
        "components": [
            {
                "type": "library",
                "bom-ref": "lib",
                "group": "acme",
                "name": "lib",
                "version": "1.0",
                "purl": "pkg:pypi/lib@1.0",
                "cpe": "cpe:2.3:a:acme:lib:1.0:*:*:*:*:*:*:*",
                "supplier": {"name": "Acme"},
                "licenses": [{"license": {"id": "MIT"}}, {"license": {"name": "House rules"}}],
                "hashes": [{"alg": "SHA-256", "content": SHA.upper()}, {"alg": "SHA3-256", "content": SHA}],
                "components": [{"type": "file", "bom-ref": "inner", "name": "model.safetensors"}],
            }
        ],
        "dependencies": [{"ref": "root", "dependsOn": ["lib"]}],
    }
    return document | more


def test_every_vector_of_the_specification_comes_out_right(tmp_path: Path) -> None:
    wrong = []
    for number, path in enumerate(sorted(vectors("cyclonedx").rglob("*.json"))):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "bom.json").write_bytes(path.read_bytes())
        (document,) = collect(folder).documents
        if bool(document.problems) == path.name.startswith("valid-"):
            wrong.append((path.name, document.problems))
    assert wrong == []


def test_cyclonedx_json_in_our_shape(read: Callable[..., SbomSeen]) -> None:
    seen = read(cyclonedx())
    assert (seen.format, seen.spec_version, seen.encoding, seen.problems) == ("CycloneDX", "1.6", "json", ())
    assert seen.created == datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    assert (seen.authors, seen.tools, seen.contexts) == (("Ada",), ("maker 2",), ("build",))
    assert seen.root is not None
    assert (seen.root.ref, seen.root.kind) == ("root", "machine-learning-model")
    inner, library = seen.components
    assert (inner.name, inner.path) == ("model.safetensors", "model.safetensors")
    assert (library.name, library.version, library.purl, library.supplier) == ("acme/lib", "1.0", "pkg:pypi/lib@1.0", "Acme")
    assert library.licences == ("MIT", "House rules")
    assert library.identifiers == ("cpe:2.3:a:acme:lib:1.0:*:*:*:*:*:*:*",)
    assert set(library.digests) == {Digest(algorithm="sha256", value=SHA), Digest(algorithm="sha3_256", value=SHA)}
    assert {edge.ref: edge.on for edge in seen.dependencies} == {"lib": ("inner",), "root": ("lib",)}


XML = b"""<?xml version="1.0"?>
<bom xmlns="http://cyclonedx.org/schema/bom/1.6" serialNumber="urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79" version="1">
  <metadata><timestamp>2026-11-20T10:00:00+01:00</timestamp>
    <lifecycles><lifecycle><phase>build</phase></lifecycle></lifecycles>
    <tools><components><component type="application"><name>maker</name><version>2</version></component></components></tools>
    <authors><author><name>Ada</name></author></authors>
    <component type="machine-learning-model" bom-ref="root"><name>model</name></component></metadata>
  <components><component type="library" bom-ref="lib"><supplier><name>Acme</name></supplier><group>acme</group><name>lib</name>
    <version>1.0</version><hashes><hash alg="SHA-256">%s</hash></hashes>
    <licenses><license><id>MIT</id></license><license><name>House rules</name></license></licenses>
    <purl>pkg:pypi/lib@1.0</purl>
    <components><component type="file" bom-ref="inner"><name>model.safetensors</name></component></components>
  </component></components>
  <dependencies><dependency ref="root"><dependency ref="lib"/></dependency></dependencies>
</bom>""" % SHA.encode()


def test_cyclonedx_xml_says_the_same_as_json(read: Callable[..., SbomSeen]) -> None:
    from_xml = read(XML, "bom.xml")
    plain = cyclonedx()
    (library,) = plain["components"]  # type: ignore[misc]  # the document above holds a list of one
    del library["cpe"]
    library["hashes"] = library["hashes"][:1]
    from_json_ = read(plain)
    same = {"path": "", "sha256": "", "encoding": ""}
    assert from_xml.problems == ()
    assert replace(from_xml, **same) == replace(from_json_, **same)


@pytest.mark.parametrize("version", ["1.2", "1.3", "1.4", "1.5", "1.6", "1.7"])
def test_every_released_version_is_validated_by_its_own_schema(read: Callable[..., SbomSeen], version: str) -> None:
    component: dict[str, object] = {"type": "library", "name": "lib", "version": "1"}
    plain: dict[str, object] = {"bomFormat": "CycloneDX", "specVersion": version, "version": 1, "components": [component]}
    assert read(plain).problems == ()
    assert read(plain | {"components": [component | {"scope": "everywhere"}]}).problems
    assert read(plain | {"components": [component | {"unheard": 1}]}).problems


@pytest.mark.parametrize("version", ["1.2", "1.3", "1.4", "1.5", "1.6", "1.7"])
def test_every_released_version_in_xml(read: Callable[..., SbomSeen], version: str) -> None:
    body = '<components><component type="{}"><name>a</name><version>1</version></component></components>'
    document = f'<bom xmlns="http://cyclonedx.org/schema/bom/{version}" version="1">{body}</bom>'
    good = read(document.format("library").encode(), "bom.xml")
    assert (good.spec_version, good.problems) == (version, ())
    assert read(document.format("lybrary").encode(), "bom.xml").problems
    assert read(document.format("library").encode("utf-16"), "bom.xml").problems == ()


_FILE: dict[str, object] = {"type": "file", "name": "a"}
_TWINS = [_FILE | {"bom-ref": "x"}, _FILE | {"name": "b", "bom-ref": "x"}]
_DEEP = b'{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":' + b"[" * 900 + b"]" * 900 + b"}"

FAULTS: dict[str, Callable[[dict[str, object]], object]] = {
    "must be unique": lambda d: d | {"components": _TWINS},
    "not the bom-ref of any part": lambda d: d | {"dependencies": [{"ref": "root", "dependsOn": ["ghost"]}]},
    "serialNumber": lambda d: d | {"serialNumber": "urn:uuid:not-one"},
    "metadata.timestamp": lambda d: d | {"metadata": {"timestamp": "yesterday"}},
    "names the schema of version 1.4": lambda d: d | {"$schema": "http://cyclonedx.org/schema/bom-1.4.schema.json"},
    "not a CycloneDX version": lambda d: d | {"specVersion": "2.9"},
    "bomFormat": lambda d: d | {"bomFormat": "cyclonedx"},
    "licenses[0].license.id": lambda d: d | {"components": [_FILE | {"licenses": [{"license": {"id": "Mine"}}]}]},
    "duplicate key": lambda d: json.dumps(d).replace('"version": 1,', '"version": 1, "version": 1,', 1).encode(),
    "half of a surrogate": lambda d: d | {"components": [{"type": "file", "name": "\ud800"}]},
    "UTF-16": lambda d: json.dumps(d).encode("utf-16"),
    "byte order mark": lambda d: b"\xef\xbb\xbf" + json.dumps(d).encode(),
    "not JSON in UTF-8": lambda d: json.dumps(d)[:-5].encode(),
    "empty": lambda d: b" \n",
    "not an object": lambda d: b"[]",
    "neither CycloneDX": lambda d: {"name": "something else"},
}  # fmt: skip


@pytest.mark.parametrize("expected", FAULTS)
def test_one_fault_is_one_clear_sentence(read: Callable[..., SbomSeen], expected: str) -> None:
    assert read(cyclonedx()).problems == ()
    problems = read(FAULTS[expected](cyclonedx())).problems  # type: ignore[arg-type]  # each fault gives bytes or a document
    assert any(expected in problem for problem in problems), problems
    assert all("\n" not in problem and len(problem) <= 240 for problem in problems)


def test_entities_are_refused_before_they_are_expanded(read: Callable[..., SbomSeen]) -> None:
    bomb = b'<!DOCTYPE bom [<!ENTITY a "aaaaaaaaaa">' + b"".join(
        b'<!ENTITY %c "%s">' % (letter, (b"&%c;" % (letter - 1)) * 10) for letter in range(ord("b"), ord("k"))
    )
    document = bomb + b']><bom xmlns="http://cyclonedx.org/schema/bom/1.6" version="1"><components>&j;</components></bom>'
    assert "DOCTYPE" in read(document, "bom.xml").problems[0]
    outside = b'<!DOCTYPE bom SYSTEM "file:///etc/passwd"><bom xmlns="http://cyclonedx.org/schema/bom/1.6"/>'
    assert "DOCTYPE" in read(outside, "bom.xml").problems[0]


@pytest.mark.parametrize("data", [b"[" * 100_000, b'{"a":' * 50_000, _DEEP])
def test_nesting_is_a_problem_and_no_crash(read: Callable[..., SbomSeen], data: bytes) -> None:
    assert read(data).problems


def test_components_nested_deep_are_read_or_refused(read: Callable[..., SbomSeen]) -> None:
    component: dict[str, object] = {"type": "library", "name": "x"}
    for _ in range(100):
        component = {"type": "library", "name": "x", "components": [component]}
    seen = read(cyclonedx(components=[component], dependencies=[]))
    assert seen.problems or len(seen.components) == 101
    tags = b"<components><component type='library'><name>x</name>" * 20_000
    assert read(b"<bom xmlns='http://cyclonedx.org/schema/bom/1.6'>" + tags, "bom.xml").problems


def test_what_is_too_large_is_refused_without_being_read(tmp_path: Path) -> None:
    with (tmp_path / "sbom.json").open("wb") as file:
        file.truncate(200 * 1024 * 1024)
    tree = Tree(
        root=SHA,
        files=(
            FileSeen(path="sbom.json", size=200 * 1024 * 1024, sha256=SHA, executable=False, content=Content(format="other")),
        ),
    )
    request = Request(
        target=tmp_path, kind="model", tier=Tier.AIR_GAPPED, now=NOW, trust=tmp_path, data=tmp_path, cache=tmp_path
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Refused, match="the limit for a file of this kind is 67108864"):
        sboms.look(request, Seen({"tree": evidence(tree)}, at=NOW, subject_name="m"))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024, "the file was read"


def test_millions_of_values_are_refused_by_their_number(read: Callable[..., SbomSeen]) -> None:
    assert "values" in read(b'{"bomFormat":"CycloneDX","components":[' + b"{}," * 3_000_000 + b"{}]}").problems[0]


def test_a_big_invalid_document_is_told_by_its_first_fault(read: Callable[..., SbomSeen]) -> None:
    components = [{"type": "library", "name": f"n{number}", "bad": 1} for number in range(5000)]
    assert read(cyclonedx(components=components, dependencies=[])).problems == (
        "components[0]: Additional properties are not allowed ('bad' was unexpected).",
    )


def test_no_sbom_is_never_an_empty_answer(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"x")
    with pytest.raises(Refused, match="no SBOM"):
        collect(tmp_path)


def test_attached_files_count_by_name_or_by_what_they_are(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "model.safetensors").write_bytes(b"w")
    by_content, other, vex = tmp_path / "parts.json", tmp_path / "attestation.json", tmp_path / "statement.json"
    by_content.write_text(json.dumps(cyclonedx()))
    other.write_text('{"payloadType": "application/vnd.in-toto+json", "payload": "", "signatures": []}')
    vex.write_text(json.dumps(cyclonedx(components=[], dependencies=[], vulnerabilities=[{"id": "CVE-2026-1"}])))
    (document,) = collect(model, by_content, other, vex, tmp_path / "absent.bin").documents
    assert (document.path, document.attached, document.problems) == ("parts.json", True, ())
    named = tmp_path / "bom.json"
    named.write_text("{}")
    assert [one.path for one in collect(model, named, by_content).documents] == ["bom.json", "parts.json"]
    assert collect(model, named, by_content).documents[0].problems


def test_a_file_that_changed_since_it_was_hashed_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "sbom.json").write_text(json.dumps(cyclonedx()))
    tree = tree_of(tmp_path)
    (tmp_path / "sbom.json").write_text(json.dumps(cyclonedx(version=2)))
    request = Request(
        target=tmp_path, kind="model", tier=Tier.AIR_GAPPED, now=NOW, trust=tmp_path, data=tmp_path, cache=tmp_path
    )
    with pytest.raises(Unavailable, match="changed"):
        sboms.look(request, Seen({"tree": evidence(tree)}, at=NOW, subject_name="m"))


_words = st.sampled_from(
    ["bomFormat", "CycloneDX", "specVersion", "1.6", "components", "name", "type", "library", "bom-ref", "dependencies", "ref",
     "dependsOn", "metadata", "component", "hashes", "alg", "content", "licenses", "license", "id", "tools", "spdxVersion",
     "SPDX-2.3", "packages", "SPDXID", "relationships", "@context", "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph",
     "software_Package", "CreationInfo", "createdBy", "spdxId", "timestamp", "0001-01-01T00:00:00+14:00"]
)  # fmt: skip
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _words | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_words, inner, max_size=5),
    max_leaves=25,
)
_claims = st.sampled_from(
    [{"bomFormat": "CycloneDX", "specVersion": "1.6"}, {"spdxVersion": "SPDX-2.3"}, {"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"}]
)  # fmt: skip
_documents = st.tuples(st.dictionaries(_words, _json, max_size=6), _claims).map(
    lambda pair: json.dumps(pair[0] | pair[1]).encode()
)
_heads = st.sampled_from(
    [b"", b"<?xml version='1.0'?>", b"<bom xmlns='http://cyclonedx.org/schema/bom/1.6'", b"SPDXVersion: ", b"{", b"\xff\xfe"]
)


@given(st.one_of(_documents, st.tuples(_heads, st.binary(max_size=80)).map(b"".join)))
def test_any_bytes_give_a_body_with_problems_or_a_refusal(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "sbom.json").write_bytes(data)
    (document,) = collect(folder).documents
    assert document.problems or (document.format != "unknown" and document.spec_version)


_whole = json.dumps(cyclonedx()).encode()


@given(st.integers(0, len(_whole) - 1), st.binary(min_size=0, max_size=3), st.sampled_from([_whole, XML]))
def test_a_damaged_document_never_crashes(tmp_path_factory: pytest.TempPathFactory, at: int, put: bytes, whole: bytes) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "sbom.json").write_bytes(whole[:at] + put + whole[at + 1 :])
    assert len(collect(folder).documents) == 1
