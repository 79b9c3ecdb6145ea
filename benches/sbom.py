"""How long it takes to read and validate an SBOM of 10,000 components, compared with cyclonedx-python-lib's own validator.

    python -m benches.sbom

Prints CPU seconds, the ratio to the peer in the same run (below 1: faster), and the peak of memory.
"""

from __future__ import annotations

import hashlib
import json
import resource
import time
from collections.abc import Callable

from tasks.model.sboms._document import Document
from tasks.model.sboms._reading import read

COMPONENTS = 10_000
# The peer's cost grows with the square of the components (minutes at 10,000), so the two meet on a smaller document.
SHARED = 500


def document(count: int = COMPONENTS) -> bytes:
    """An SBOM like a real one: hashes, licences, suppliers, and a dependency graph."""
    refs = [f"pkg:pypi/package-{number}@1.{number}" for number in range(count)]
    components = [
        {
            "type": "library",
            "bom-ref": ref,
            "supplier": {"name": f"Supplier {number % 100}"},
            "name": f"package-{number}",
            "version": f"1.{number}",
            "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(ref.encode()).hexdigest()}],
            "licenses": [{"license": {"id": "Apache-2.0"}}],
            "purl": ref,
        }
        for number, ref in enumerate(refs)
    ]
    edges = [{"ref": ref, "dependsOn": refs[number + 1 : number + 4]} for number, ref in enumerate(refs)]
    whole = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components, "dependencies": edges}
    return json.dumps(whole).encode()


def spent(work: Callable[[], object]) -> float:
    """CPU seconds of the best of three."""
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def main() -> None:
    data = document()
    ours = Document(path="sbom.cdx.json", sha256=hashlib.sha256(data).hexdigest(), data=data)
    found = read(ours)
    assert found is not None
    assert not found.problems
    assert len(found.components) == COMPONENTS
    mine = spent(lambda: read(ours))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{COMPONENTS} components, {len(data) / 2**20:.1f} MiB: read and validated in {mine:.2f} s CPU, peak {peak:.0f} MiB")
    try:
        from cyclonedx.schema import SchemaVersion
        from cyclonedx.validation.json import JsonStrictValidator

        small = document(SHARED)
        text = small.decode()
        shared = spent(lambda: read(Document(path="sbom.cdx.json", sha256=hashlib.sha256(small).hexdigest(), data=small)))
        peer = spent(lambda: JsonStrictValidator(SchemaVersion.V1_6).validate_str(text))
    except Exception as error:  # the peer's optional dependencies may be absent; say so rather than guess a ratio
        print(f"cyclonedx-python-lib's validator cannot run here: {error}")
        return
    print(f"{SHARED} components: {shared:.3f} s against {peer:.2f} s of cyclonedx-python-lib; ratio {shared / peer:.4f}")


if __name__ == "__main__":
    main()
