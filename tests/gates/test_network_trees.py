"""Whole trees of manifests as projects have them: no crash, few lines, and each line says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from arcops.finding import Finding, Outcome
from gates.network.gateway.gate import GatewayPolicy, gateway
from gates.network.mesh.gate import MeshPolicy, mesh
from gates.network.network.gate import NetworkSafetyPolicy, network
from reach.drift import compare
from reach.exposure import exposures
from reach.openings import openings
from tasks.network.network import read_manifests
from tests.evidence import judged
from tests.gates.network_trees import RAY, SERVING
from tests.vectors import VECTORS, vectors

pytestmark = pytest.mark.requirement("ARC-B2/violations-name-line-and-fix")

TREES = sorted(path.name for path in (VECTORS / "netpol").glob("*") if path.is_dir()) or ["(the vectors are not here)"]
GPU_OPERATOR = """\
apiVersion: v1
kind: Namespace
metadata: {name: gpu-operator, labels: {pod-security.kubernetes.io/enforce: privileged}}
---
# Source: gpu-operator/templates/operator.yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: gpu-operator, namespace: gpu-operator, labels: {app.kubernetes.io/managed-by: Helm}}
spec:
  selector: {matchLabels: {app: gpu-operator}}
  template:
    metadata: {labels: {app: gpu-operator}}
    spec:
      serviceAccountName: gpu-operator
      containers: [{name: gpu-operator, image: operator:1, ports: [{containerPort: 8080, name: metrics}]}]
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: nvidia-device-plugin-daemonset, namespace: gpu-operator}
spec:
  selector: {matchLabels: {app: nvidia-device-plugin-daemonset}}
  template:
    metadata: {labels: {app: nvidia-device-plugin-daemonset}}
    spec: {containers: [{name: plugin, image: plugin:1}]}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: node-feature-discovery-worker, namespace: gpu-operator}
spec:
  selector: {matchLabels: {app: nfd-worker}}
  template:
    metadata: {labels: {app: nfd-worker}}
    spec: {containers: [{name: worker, image: nfd:1}]}
---
apiVersion: nvidia.com/v1
kind: ClusterPolicy
metadata: {name: cluster-policy}
spec: {devicePlugin: {enabled: true}}
"""
MESH = """\
apiVersion: v1
kind: Namespace
metadata: {name: books, labels: {istio-injection: enabled}}
---
""" + "---\n".join(
    f"""apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: books}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}, version: v1}}}}
    spec: {{serviceAccountName: {name}, containers: [{{name: {name}, image: {name}:1, ports: [{{containerPort: 9080}}]}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: books}}
spec: {{selector: {{app: {name}}}, ports: [{{port: 9080, name: http}}]}}
"""
    for name in ("productpage", "details", "reviews", "ratings")
)


def bad(folder: Path) -> list[Finding]:
    found = read_manifests(folder)
    list(openings(found))
    list(exposures(found))
    same = compare(found, found)
    assert not same.reach
    assert not same.objects
    gates = ((network, NetworkSafetyPolicy(enforcer="calico")), (mesh, MeshPolicy()), (gateway, GatewayPolicy()))
    results = [judged(gate, policy, [found]) for gate, policy in gates]  # type: ignore[arg-type]  # gates of any policy
    return [one for result in results for one in result.findings if one.outcome is not Outcome.PASS]


def telling(found: list[Finding]) -> None:
    assert all(one.fix and one.text for one in found)
    assert not [one.text for one in found if "failed while judging" in one.text]
    told = [(one.rule, one.text) for one in found]
    assert len(told) == len(set(told)), "nothing is said twice"


@pytest.mark.parametrize("tree", TREES)
def test_trees_of_others(tree: str) -> None:
    telling(bad(vectors("netpol") / tree))


@pytest.mark.parametrize(
    ("text", "most"),
    [(GPU_OPERATOR, 5), (MESH, 7), (SERVING, 6), (RAY, 5)],
    ids=["a GPU operator", "a mesh", "a chart of a model server", "a chart of Ray"],
)
def test_trees_as_projects_publish_them(tmp_path: Path, text: str, most: int) -> None:
    (tmp_path / "all.yaml").write_text(text)
    found = bad(tmp_path)
    telling(found)
    assert len(found) <= most, [one.text for one in found]
