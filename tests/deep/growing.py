"""Inputs that can be made four times as long, and how the time that they take grows: in proportion, or in a square."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from tests.deep.parsers import ADVISORY, CYCLONEDX, REFUSALS, SHA, SPDX2, SPDX3, STATEMENT, TRIVY, Parser, _json, _zip, parsers

LEAST, LONGEST = 0.04, 6_000_000
"""Seconds of CPU below which nothing is measured, and bytes beyond which an input is not made longer to reach them."""
ROUNDS = 3
WORST = 9.0
"""Times as long for an input four times as long: in proportion 4, n log n some 5, in a square 16."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Growing:
    """``make(n)`` is an input whose length is in proportion to *n*."""

    name: str
    parser: str
    make: Callable[[int], bytes]
    first: int = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """``ratio`` is the time of an input of ``size`` bytes over that of a quarter of it; 0 if even the longest takes none."""

    name: str
    size: int
    seconds: float
    ratio: float

    @property
    def squared(self) -> bool:
        return self.ratio > WORST

    def __str__(self) -> str:
        return f"{self.name:34} {self.size:10,} {self.seconds:8.3f} s {self.ratio:6.1f}" + ("  SQUARE" if self.squared else "")


HEAD = f"{'input':34} {'bytes':>10} {'CPU':>10} {'x4':>6}"


def grown(growing: Growing) -> Grown:
    """Grow the input until it takes a measurable time, and compare with one four times as long; the best of a few rounds."""
    parser = next(one for one in parsers() if one.name == growing.parser)
    count = growing.first
    while True:
        data = growing.make(count)
        taken = _once(parser, data)
        if taken >= LEAST or len(data) * 4 > LONGEST:
            break
        count *= 2
    longer = growing.make(4 * count)
    if taken < LEAST / 8:
        return Grown(name=growing.name, size=len(longer), seconds=_once(parser, longer), ratio=0.0)
    best = float("inf")
    for _ in range(ROUNDS):
        first, second = _once(parser, data), _once(parser, longer)
        best = min(best, second / max(first, 1e-4))
        if best < WORST / 1.5:
            break
    return Grown(name=growing.name, size=len(longer), seconds=second, ratio=best)


def _once(parser: Parser, data: bytes) -> float:
    began = time.process_time()
    with suppress(*REFUSALS):
        parser.read(data)
    return time.process_time() - began


def _osv(**entry: object) -> bytes:
    affected = {"package": {"ecosystem": "PyPI", "name": "thing"}, **entry}
    return _json({**ADVISORY, "affected": [affected]})


def _events(count: int) -> list[dict[str, str]]:
    return [event for at in range(count) for event in ({"introduced": f"{at}.0"}, {"fixed": f"{at}.5"})]


def _range(events: list[dict[str, str]]) -> dict[str, object]:
    return {"type": "ECOSYSTEM", "events": events}


def _versions(count: int) -> list[str]:
    return [f"{at}.7" for at in range(count)]


def _bom(**more: object) -> bytes:
    return _json({key: value for key, value in CYCLONEDX.items() if key != "vulnerabilities"} | more)


def _parts(count: int) -> list[dict[str, object]]:
    return [{"type": "library", "name": f"a{at}", "bom-ref": f"r{at}", "purl": f"pkg:pypi/a{at}@1"} for at in range(count)]


def _spdx(count: int) -> bytes:
    packages = [{**SPDX2["packages"][0], "SPDXID": f"SPDXRef-{at}"} for at in range(count)]  # type: ignore[index]  # a list
    related = [
        {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": f"SPDXRef-{at}"}
        for at in range(count)
    ]
    return _json({**SPDX2, "packages": packages, "relationships": related})


def _spdx3(count: int) -> bytes:
    graph = [*SPDX3["@graph"]]
    for at in range(count):
        graph.append({"type": "software_Package", "spdxId": f"urn:p{at}", "name": "a", "creationInfo": "_:c"})  # type: ignore[arg-type]
        graph.append(  # type: ignore[arg-type]
            {"type": "Relationship", "spdxId": f"urn:r{at}", "creationInfo": "_:c", "from": "urn:d", "to": [f"urn:p{at}"],
             "relationshipType": "contains"}
        )  # fmt: skip
    return _json({**SPDX3, "@graph": graph})


def _vex(count: int) -> bytes:
    statement = {
        "vulnerability": {"name": "CVE-1", "aliases": [f"GHSA-{at}" for at in range(count)]},
        "products": [{"@id": f"pkg:pypi/a{at}@1", "subcomponents": [{"@id": "pkg:pypi/b@1"}]} for at in range(count)],
        "status": "fixed",
        "timestamp": "2026-11-20T00:00:00Z",
    }
    return _json({"@context": "https://openvex.dev/ns/v0.2.0", "statements": [statement]})


def _statement(count: int, **more: object) -> bytes:
    return _json({**STATEMENT, "subject": [{"name": f"a{at}", "digest": {"sha256": SHA}} for at in range(count)], **more})


def _trivy(count: int) -> bytes:
    (result,) = TRIVY["Results"]  # type: ignore[misc]  # a list of one
    (found,) = result["Vulnerabilities"]
    return _json(
        {**TRIVY, "Results": [{**result, "Vulnerabilities": [{**found, "VulnerabilityID": f"C-{n}"} for n in range(count)]}]}
    )


def _policies(count: int) -> bytes:
    head = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
    one = head + "metadata: {{name: n{}, namespace: a}}\nspec: {{podSelector: {{}}}}\n"
    return "".join(one.format(at) for at in range(count)).encode()


def _pods(count: int) -> bytes:
    one = (
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: n{}, namespace: a}}\nspec: {{containers: [{{name: a, image: b}}]}}\n"
    )
    return "".join(one.format(at) for at in range(count)).encode()


def _gguf(count: int) -> bytes:
    from tests.tasks.test_readers import gguf, pair, text

    return gguf(tuple(pair(f"a.{at}", 8, text("x")) for at in range(count)))


def _tensors(count: int) -> bytes:
    from tests.tasks.test_readers import one, tensors

    return tensors({f"a{at}": one("U8", (1,), (at, at + 1)) for at in range(count)}, bytes(count))


def _onnx(count: int) -> bytes:
    from tests.tasks.test_readers import external, field, onnx

    return onnx(b"".join(field(5, external(f"f{at}")) for at in range(count)))


def _pickled(count: int) -> bytes:
    import pickle

    return pickle.dumps([{"a": at, "b": str(at)} for at in range(count)], protocol=4)


def _memo(count: int) -> bytes:
    return b"\x80\x04" + b"].\x94"[:1] + b"\x94" + b"h\x00\x94" * count + b"."


def _root(count: int) -> bytes:
    from tests.deep.parsers import private

    document = json.loads(private().root)
    document["tlogs"] *= count
    return _json(document)


def _layers(count: int) -> bytes:
    layer = {"mediaType": "application/octet-stream", "digest": f"sha256:{SHA}"}
    return _json({"layers": [layer] * count})


def _indexes(count: int) -> bytes:
    return _json({"manifests": [{"digest": f"sha256:{at:064x}"} for at in range(count)]})


GROWING: tuple[Growing, ...] = (
    Growing(name="json: members", parser="json", make=lambda n: _json({str(at): at for at in range(n)})),
    Growing(name="json: one string", parser="json", make=lambda n: b'"' + b"\\u00e9" * n + b'"'),
    Growing(name="json: one number", parser="json", make=lambda n: b"1" * n),
    Growing(name="json: one fraction", parser="json", make=lambda n: b"0." + b"1" * n),
    Growing(name="json: brackets in strings", parser="json", make=lambda n: _json(['"[{\\'] * n)),
    Growing(name="json: depth", parser="json", make=lambda n: b"[" * n),
    Growing(name="json: quotes unended", parser="json", make=lambda n: b'"\\' * n),
    Growing(name="canonical: floats", parser="canonical", make=lambda n: _json([1.5] * n)),
    Growing(name="yaml: values", parser="yaml", make=lambda n: b"- a\n" * n),
    Growing(name="yaml: keys", parser="yaml", make=lambda n: b"".join(b"k%d: 1\n" % at for at in range(n))),
    Growing(name="yaml: sexagesimal", parser="yaml", make=lambda n: b"a: 1" + b":1" * n),
    Growing(name="yaml: digits", parser="yaml", make=lambda n: b"a: " + b"1" * n),
    Growing(name="yaml: underscores", parser="yaml", make=lambda n: b"a: 1" + b"_1" * n),
    Growing(name="yaml: binary digits", parser="yaml", make=lambda n: b"a: 0b" + b"1" * n),
    Growing(name="yaml: fraction", parser="yaml", make=lambda n: b"a: 1." + b"1" * n + b"x"),
    Growing(name="yaml: words of one value", parser="yaml", make=lambda n: b"a: " + b"b " * n),
    Growing(name="yaml: lines of one value", parser="yaml", make=lambda n: b"a: b\n" + b"  b\n" * n),
    Growing(name="yaml: block text", parser="yaml", make=lambda n: b"a: |\n" + b"  b\n" * n),
    Growing(name="yaml: quoted lines", parser="yaml", make=lambda n: b'a: "' + b"b\n  " * n + b'"'),
    Growing(name="yaml: comments", parser="yaml", make=lambda n: b"# c\n" * n + b"a: 1\n"),
    Growing(name="yaml: documents", parser="yaml", make=lambda n: b"---\na\n" * n),
    Growing(name="yaml: brackets", parser="yaml", make=lambda n: b"[" * n),
    Growing(name="yaml: closed brackets", parser="yaml", make=lambda n: b"[" + b"[]," * n + b"]"),
    Growing(name="yaml: indents", parser="yaml", make=lambda n: b"- " * n),
    Growing(name="yaml: blanks", parser="yaml", make=lambda n: b"a:" + b" " * n + b"b"),
    Growing(name="manifest: values", parser="manifest", make=lambda n: b"- a\n" * n),
    Growing(name="manifest: digits", parser="manifest", make=lambda n: b"a: " + b"1" * n),
    Growing(name="manifest: underscores", parser="manifest", make=lambda n: b"a: 1" + b"_1" * n + b"x"),
    Growing(name="manifest: sexagesimal", parser="manifest", make=lambda n: b"a: 1" + b":1" * n),
    Growing(name="manifest: fraction", parser="manifest", make=lambda n: b"a: 1." + b"1" * n + b"x"),
    Growing(name="manifest: anchors", parser="manifest", make=lambda n: b"".join(b"- &a%d {b: 1}\n" % at for at in range(n))),
    Growing(name="manifest: aliases", parser="manifest", make=lambda n: b"- &a [b, c]\n" + b"- *a\n" * n),
    Growing(name="manifest: merges", parser="manifest", make=lambda n: b"- &a {b: 1}\n" + b"- {<<: *a}\n" * n),
    Growing(name="manifest: brackets", parser="manifest", make=lambda n: b"[" * n),
    Growing(name="network: policies", parser="network", make=_policies, first=20),
    Growing(name="network: pods", parser="network", make=_pods, first=20),
    Growing(name="network: broken documents", parser="network", make=lambda n: b"---\n" + b"kind: [\n---\n" * n),
    Growing(name="network: templates", parser="network", make=lambda n: b"--- {{ a }\n" * n),
    Growing(name="network: no objects", parser="network", make=lambda n: b"---\na: 1\n" * n),
    Growing(name="workload: list", parser="workload", make=lambda n: _json({"kind": "List", "items": [{"kind": "Pod"}] * n})),
    Growing(name="card: tags", parser="card", make=lambda n: b"---\ntags: [" + b"a," * n + b"]\n---\n"),
    Growing(name="card: lines", parser="card", make=lambda n: b"---\na: 1\n---\n" + b"text\n" * n),
    Growing(name="card: one number", parser="card", make=lambda n: b"---\na: " + b"1:" * n + b"\n---\n"),
    Growing(name="licence: words", parser="licence", make=lambda n: b"MIT" + b" OR MIT" * n),
    Growing(name="licence: brackets", parser="licence", make=lambda n: b"(" * n + b"MIT" + b")" * n),
    Growing(name="licence: letters", parser="licence", make=lambda n: b"a" * n),
    Growing(name="licence-text: words", parser="licence-text", make=lambda n: b"Permission is hereby granted " * n),
    Growing(name="licence-text: blanks", parser="licence-text", make=lambda n: b"MIT License" + b" " * n + b"x"),
    Growing(name="licence-text: copyright", parser="licence-text", make=lambda n: b"Copyright (c) 2026 a\n" * n),
    Growing(name="gguf: keys", parser="content", make=_gguf),
    Growing(name="safetensors: tensors", parser="content", make=_tensors),
    Growing(name="onnx: tensors", parser="content", make=_onnx),
    Growing(name="pickle: objects", parser="content", make=_pickled),
    Growing(name="pickle: memo", parser="content", make=_memo),
    Growing(name="pickle: marks", parser="content", make=lambda n: b"\x80\x04" + b"(" * n + b"t." * n),
    Growing(name="zip: members", parser="content", make=lambda n: _zip(**{f"a{at}": b"" for at in range(n)}), first=50),
    Growing(name="template: tags", parser="content", make=lambda n: _json({"chat_template": "{% if a %}" * n})),
    Growing(name="template: braces", parser="content", make=lambda n: _json({"chat_template": "{" * n})),
    Growing(name="template: dots", parser="content", make=lambda n: _json({"chat_template": "{{ a" + ".b" * n + " }}"})),
    Growing(
        name="configuration: modules", parser="content", make=lambda n: _json({"auto_map": {str(at): "a.B" for at in range(n)}})
    ),
    Growing(
        name="index: files", parser="content", make=lambda n: _json({"weight_map": {str(at): f"f{at}" for at in range(n)}})
    ),
    Growing(name="text: lines", parser="content", make=lambda n: b"text\n" * n),
    Growing(name="trusted-root: logs", parser="trusted-root", make=_root, first=10),
    Growing(name="authority: certificates", parser="authority", make=lambda n: parsers_seed("authority") * n, first=20),
    Growing(
        name="checkpoint: signatures",
        parser="checkpoint",
        make=lambda n: b"a\n1\n" + b"A" * 43 + b"=\n\n" + b"\xe2\x80\x94 a AAAA\n" * n,
    ),
    Growing(name="attestation: lines", parser="attestation", make=lambda n: b"{}\n" * n),
    Growing(
        name="envelope: signatures",
        parser="envelope",
        make=lambda n: _json({"payloadType": "a", "payload": "", "signatures": [{"sig": "AAAA"}] * n}),
    ),
    Growing(
        name="bundle: signatures",
        parser="bundle",
        make=lambda n: _json({"payloadType": "a", "payload": "AAAA" * n, "signatures": [{"sig": "AAAA"}] * 8}),
    ),
    Growing(name="in-toto: subjects", parser="in-toto", make=_statement),
    Growing(name="in-toto: members", parser="in-toto", make=lambda n: _statement(1, **{f"a{at}": at for at in range(n)})),
    Growing(name="model-signature: files", parser="model-signature", make=lambda n: model_of(n)),
    Growing(name="image-layout: layers", parser="image-layout", make=_layers),
    Growing(name="image-layout: indexes", parser="image-layout", make=_indexes),
    Growing(name="vex: aliases and products", parser="vex", make=_vex),
    Growing(
        name="vex: versions",
        parser="vex",
        make=lambda n: _json(
            {
                **CYCLONEDX,
                "vulnerabilities": [
                    {
                        "id": "a",
                        "analysis": {"state": "resolved"},
                        "affects": [{"ref": "t", "versions": [{"version": str(at)} for at in range(n)]}],
                    }
                ],
            }
        ),
    ),
    Growing(name="sbom: components", parser="sbom", make=lambda n: _bom(components=_parts(n))),
    Growing(name="sbom: one name", parser="sbom", make=lambda n: _bom(components=[{"type": "library", "name": "a"}] * n)),
    Growing(
        name="sbom: dependencies",
        parser="sbom",
        make=lambda n: _bom(components=_parts(n), dependencies=[{"ref": "r", "dependsOn": [f"r{at}" for at in range(n)]}]),
    ),
    Growing(
        name="sbom: ghosts",
        parser="sbom",
        make=lambda n: _bom(dependencies=[{"ref": f"g{at}", "dependsOn": [f"h{at}"]} for at in range(n)]),
    ),
    Growing(name="sbom: wrong fields", parser="sbom", make=lambda n: _bom(components=[{"type": "x", "name": 1}] * n)),
    Growing(
        name="sbom: licences",
        parser="sbom",
        make=lambda n: _bom(
            components=[{"type": "library", "name": "a", "licenses": [{"license": {"name": str(at)}} for at in range(n)]}]
        ),
    ),
    Growing(
        name="sbom: hashes",
        parser="sbom",
        make=lambda n: _bom(
            components=[
                {"type": "library", "name": "a", "hashes": [{"alg": "SHA-256", "content": f"{at:064x}"} for at in range(n)]}
            ]
        ),
    ),
    Growing(name="spdx 2: packages", parser="sbom", make=_spdx, first=50),
    Growing(name="spdx 3: elements", parser="sbom", make=_spdx3, first=20),
    Growing(
        name="spdx tag-value: packages",
        parser="sbom",
        make=lambda n: (
            b"SPDXVersion: SPDX-2.3\n" + b"".join(b"PackageName: a%d\nSPDXID: SPDXRef-%d\n" % (at, at) for at in range(n))
        ),
    ),
    Growing(
        name="spdx tag-value: text", parser="sbom", make=lambda n: b"SPDXVersion: SPDX-2.3\nPackageComment: <text>" + b"a\n" * n
    ),
    Growing(
        name="cyclonedx xml: components",
        parser="sbom",
        make=lambda n: (
            b'<bom xmlns="http://cyclonedx.org/schema/bom/1.6" version="1"><components>'
            + b"<component type='library'><name>a</name></component>" * n
            + b"</components></bom>"
        ),
    ),
    Growing(
        name="cyclonedx xml: attributes",
        parser="sbom",
        make=lambda n: (
            b'<bom xmlns="http://cyclonedx.org/schema/bom/1.6" ' + b" ".join(b'a%d="1"' % at for at in range(n)) + b"/>"
        ),
    ),
    Growing(name="xml: depth", parser="sbom", make=lambda n: b"<a>" * n),
    Growing(
        name="purl: qualifiers",
        parser="purl",
        make=lambda n: b"pkg:deb/debian/a@1?" + b"&".join(b"a%d=1" % at for at in range(n)),
    ),
    Growing(
        name="osv: events and versions",
        parser="osv-import",
        make=lambda n: _osv(ranges=[_range(_events(n))], versions=_versions(n)),
    ),
    Growing(
        name="osv: ranges and versions",
        parser="osv-import",
        make=lambda n: _osv(ranges=[_range(_events(1))] * n, versions=_versions(n)),
    ),
    Growing(
        name="osv: ties",
        parser="osv-import",
        make=lambda n: _osv(ranges=[_range([{"introduced": "1"}, {"fixed": "1"}] * n)], versions=_versions(n)),
    ),
    Growing(
        name="osv: limits",
        parser="osv-import",
        make=lambda n: _osv(
            ranges=[_range([{"introduced": "0"}, *({"limit": str(at)} for at in range(n))])], versions=_versions(n)
        ),
    ),
    Growing(
        name="osv: fixes asked for",
        parser="osv-advisory",
        make=lambda n: _osv(ranges=[_range(_events(n))], versions=_versions(n)),
    ),
    Growing(
        name="osv: severities and packages",
        parser="osv-advisory",
        make=lambda n: _json({**ADVISORY, "severity": ADVISORY["severity"] * n, "affected": ADVISORY["affected"] * n}),
    ),
    Growing(
        name="osv: aliases", parser="osv-import", make=lambda n: _json({**ADVISORY, "aliases": [f"A-{at}" for at in range(n)]})
    ),
    Growing(
        name="osv: aliases of packages",
        parser="osv-import",
        make=lambda n: _json({**ADVISORY, "aliases": [f"A-{at}" for at in range(n)], "affected": ADVISORY["affected"] * n}),
    ),
    Growing(
        name="osv: members of an export",
        parser="osv-export",
        make=lambda n: _zip(**{f"A-{at}.json": b"" for at in range(n)}),
        first=50,
    ),
    Growing(name="trivy: findings", parser="trivy-report", make=_trivy),
    Growing(name="kernel-buffer: lines", parser="kernel-buffer", make=lambda n: parsers_seed("kernel-buffer") * n),
    Growing(
        name="kernel-buffer: one line",
        parser="kernel-buffer",
        make=lambda n: b"4,1,1,-;NVRM: Xid (PCI:0000:01:00): 79, " + b"1, " * n,
    ),
    Growing(name="kernel-journal: lines", parser="kernel-journal", make=lambda n: parsers_seed("kernel-journal") * n),
    Growing(name="inference-stream: events", parser="inference-stream", make=lambda n: b'data: {"choices":[]}\n\n' * n),
    Growing(name="inference-stream: one event", parser="inference-stream", make=lambda n: b"data: " + b"x" * n),
    Growing(name="inference-stream: data lines", parser="inference-stream", make=lambda n: b"data: x\n" * n),
    Growing(
        name="snapshot-index: lists",
        parser="snapshot-index",
        make=lambda n: _json(
            {
                "apiVersion": "arcops.dev/v1",
                "kind": "NetworkSnapshot",
                "context": "c",
                "server": "s",
                "left": ["a"] * n,
                "lists": [],
            }
        ),
    ),
)


def parsers_seed(name: str) -> bytes:
    """The first sound bytes of a parser."""
    return next(one for one in parsers() if one.name == name).seeds[0]


def model_of(count: int) -> bytes:
    from tests.signing import manifest

    return manifest({f"a/{at}": b"x" for at in range(count)})
