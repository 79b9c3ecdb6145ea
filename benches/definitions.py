"""Custom objects checked one by one beside the site's definitions, as admission and tests of manifests do it.

The definitions are made here in the size of published ones: kinds with several versions, nested fields with descriptions, and
CEL rules. Each object is read with all of them. The peer, in the same run, forgets the definitions after each object, so that
they are parsed and compiled again.

Run: ``python benches/definitions.py``.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

KINDS, VERSIONS, FIELDS, OBJECTS = 6, 2, 40, 261
AIM = 10.0
"""How many times as fast as reading them again."""
_TEXT = "What this field means, in a few sentences as definitions have them for their readers. " * 4


def definitions() -> bytes:
    """The definitions as ``kubectl get crd -o yaml`` would print them."""
    lines = []
    for kind in range(KINDS):
        name = f"Kind{kind}"
        lines += ["---", "apiVersion: apiextensions.k8s.io/v1", "kind: CustomResourceDefinition"]
        lines += [f"metadata: {{name: kind{kind}s.gateway.networking.k8s.io}}", "spec:", "  group: gateway.networking.k8s.io"]
        lines += ["  scope: Namespaced", f"  names: {{kind: {name}, plural: kind{kind}s}}", "  versions:"]
        for version in range(VERSIONS):
            lines += [f"    - name: v{version + 1}", "      served: true", f"      storage: {str(version == 0).lower()}"]
            lines += ["      schema:", "        openAPIV3Schema:", "          type: object", "          properties:"]
            lines += ["            spec:", "              type: object", "              x-kubernetes-validations:"]
            lines += ["                - {rule: 'self.f0.size() < 60', message: too long}", "              properties:"]
            for field in range(FIELDS):
                lines += [
                    f"                f{field}:",
                    f"                  description: {_TEXT}",
                    "                  type: string",
                ]
                lines += ["                  maxLength: 253", "                  pattern: '^[a-z0-9.-]*$'"]
                lines += [
                    f"                g{field}:",
                    f"                  description: {_TEXT}",
                    "                  type: array",
                ]
                lines += ["                  maxItems: 16", "                  items:", "                    type: object"]
                lines += [
                    "                    x-kubernetes-validations:",
                    "                      - {rule: '!has(self.a) || self.a > 0'}",
                ]
                lines += [
                    "                    properties:",
                    "                      a: {type: integer}",
                    "                      b: {type: string}",
                ]
    return ("\n".join(lines) + "\n").encode()


def one(number: int) -> bytes:
    """An object that the definitions accept."""
    spec = {f"f{field}": "a.b" for field in range(5)} | {f"g{field}": [{"a": 1, "b": "x"}] for field in range(5)}
    found = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": f"Kind{number % KINDS}",
        "metadata": {"name": f"o{number}", "namespace": "shop"},
        "spec": spec,
    }
    return json.dumps(found).encode()


def cost(count: int, *, forget: bool) -> float:
    """CPU seconds for *count* objects, each with all definitions."""
    from tasks.kubernetes.manifests import definitions as kept
    from tasks.network.network import network_of

    made = definitions()
    began = time.process_time()
    for number in range(count):
        if forget:
            kept._kept.clear()  # the peer: no definition is known
        network = network_of([("crds.yaml", made), (f"{number}.json", one(number))])
        assert not network.refused, network.refused[:1]
        assert not network.unchecked, network.unchecked[:1]
    return time.process_time() - began


def main() -> int:
    cost(2, forget=True)  # imports
    some = 10
    again = cost(some, forget=True) / some
    each = cost(OBJECTS, forget=False) / OBJECTS
    size = len(definitions()) / 1024
    print(f"{KINDS} definitions, {size:,.0f} KiB; {OBJECTS} objects, each read with all of them (CPU)")
    print(
        f"each: {each * 1000:.1f} ms; with the definitions read again: {again * 1000:.1f} ms; {again / each:.1f} times as fast"
    )
    return 0 if again / each >= AIM else 1


if __name__ == "__main__":
    sys.exit(main())
