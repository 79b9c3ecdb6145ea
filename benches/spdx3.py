"""How long it takes to read and validate an SPDX 3.0.1 document of 10,000 packages, compared with the SPDX project's bindings.

    python -m benches.spdx3

Prints CPU seconds and the ratio to the bindings' own reader in the same run (below 1: faster). Ours also checks what is
required and makes the evidence; the bindings' reader only reads.
"""

from __future__ import annotations

import hashlib
import json

from spdx_python_model import v3_0_1

from benches.sbom import spent
from tasks.model.sboms._document import Document
from tasks.model.sboms._reading import read
from tasks.model.sboms._spdx3 import CONTEXT

PACKAGES = 10_000


def document(count: int = PACKAGES) -> bytes:
    """Packages with a hash, an identifier, a licence and what they depend on."""
    base = "https://example.org/sbom/"
    creation = {"type": "CreationInfo", "@id": "_:c", "specVersion": "3.0.1", "created": "2026-01-01T00:00:00Z"}
    creation["createdBy"] = [f"{base}author"]  # type: ignore[assignment]
    packages = [f"{base}package-{number}" for number in range(count)]
    graph: list[object] = [creation]

    def element(kind: str, ref: str, **more: object) -> str:
        graph.append({"type": kind, "spdxId": ref, "creationInfo": "_:c", **more})
        return ref

    element("Organization", f"{base}author", name="Tests")
    licence = element("simplelicensing_LicenseExpression", f"{base}licence", simplelicensing_licenseExpression="Apache-2.0")
    for number, ref in enumerate(packages):
        purl = f"pkg:pypi/package-{number}@1.{number}"
        element(
            "software_Package",
            ref,
            name=f"package-{number}",
            software_packageVersion=f"1.{number}",
            software_packageUrl=purl,
            suppliedBy=f"{base}author",
            verifiedUsing=[{"type": "Hash", "algorithm": "sha256", "hashValue": hashlib.sha256(purl.encode()).hexdigest()}],
            externalIdentifier=[{"type": "ExternalIdentifier", "externalIdentifierType": "packageUrl", "identifier": purl}],
        )
        edges = {"dependsOn": packages[number + 1 : number + 4], "hasDeclaredLicense": [licence]}
        for kind, to in edges.items():
            if to:
                relation = {"relationshipType": kind, "from": ref, "to": to}
                element("Relationship", f"{ref}/{kind}", **relation)
    element("software_Sbom", f"{base}sbom", rootElement=[packages[0]], element=packages, software_sbomType=["build"])
    element("SpdxDocument", f"{base}document", rootElement=[f"{base}sbom"], profileConformance=["core", "software"])
    return json.dumps({"@context": CONTEXT, "@graph": graph}).encode()


def main() -> None:
    data = document()
    ours = Document(path="sbom.spdx3.json", sha256=hashlib.sha256(data).hexdigest(), data=data)
    found = read(ours)
    assert found is not None
    assert not found.problems, found.problems
    assert len(found.components) + 1 == PACKAGES
    mine = spent(lambda: read(ours))
    content = json.loads(data)
    peer = spent(lambda: v3_0_1.JSONLDDeserializer().deserialize_data(content, v3_0_1.SHACLObjectSet()))
    print(
        f"{PACKAGES} packages, {len(data) / 2**20:.1f} MiB: read, validated and in our form in {mine:.2f} s CPU, "
        f"against {peer:.2f} s of the bindings' reader alone; ratio {mine / peer:.3f}"
    )


if __name__ == "__main__":
    main()
