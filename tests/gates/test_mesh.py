"""The gate `mesh`: a shop in a strict mesh is GREEN, and each way to loosen it shows at its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from arcops.finding import Outcome
from arcops.result import GateResult
from arcops.verdict import Verdict
from flows.policies.reading import load_policy
from gates.network.mesh.gate import MeshPolicy, mesh
from tasks.network.network import read_manifests
from tests.evidence import judged
from tests.manifests import SHOP, changed, shop

pytestmark = pytest.mark.requirement("ARC-B2/violations-name-line-and-fix", "ARC-B2/the-mesh-is-part-of-the-answer")

IN_MESH = changed(SHOP, "metadata: {name: shop}", "metadata: {name: shop, labels: {istio-injection: enabled}}")
MESH = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict, namespace: shop}
spec: {mtls: {mode: STRICT}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny, namespace: shop}
spec: {}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: db, namespace: shop}
spec:
  selector: {matchLabels: {app: db}}
  rules:
    - from: [{source: {principals: [cluster.local/ns/shop/sa/web]}}]
      to: [{operation: {ports: ["5432"]}}]
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: shop}
spec:
  outboundTrafficPolicy: {mode: REGISTRY_ONLY}
  egress: [{hosts: [./*]}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: pay, namespace: shop}
spec:
  hosts: [pay.example]
  exportTo: [.]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: db, namespace: shop}
spec:
  host: db
  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}
"""


def judge(folder: Path, policy: MeshPolicy | None = None) -> GateResult:
    return judged(mesh, policy or MeshPolicy(), [read_manifests(folder)])


def bad(result: GateResult) -> dict[str, Outcome]:
    return {finding.rule: finding.outcome for finding in result.findings if finding.outcome is not Outcome.PASS}


def test_a_strict_mesh_is_green(tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop", MESH, manifests=IN_MESH)
    network = read_manifests(folder)
    assert (network.unread, network.refused, network.others) == ((), (), ())
    result = judge(folder)
    assert result.verdict is Verdict.GREEN, bad(result)
    assert all("2 workload(s)" in finding.text for finding in result.findings)


FAIL, WARN = Outcome.FAIL, Outcome.WARN
PRINCIPALS = "[{source: {principals: [cluster.local/ns/shop/sa/web]}}]"


@pytest.mark.parametrize(
    ("old", "new", "rule", "outcome", "line"),
    [
        ("mode: STRICT", "mode: PERMISSIVE", "mesh/mtls", FAIL, None),
        ("{mtls: {mode: STRICT}}", "{}", "mesh/mtls", FAIL, None),
        ("{mtls: {mode: STRICT}}", "{mtls: {mode: STRICT}, portLevelMtls: {8080: {mode: DISABLE}}}", "mesh/mtls", FAIL, 1),
        ("mode: ISTIO_MUTUAL", "mode: DISABLE", "mesh/mtls", FAIL, 34),
        ("spec: {}", "spec: {selector: {matchLabels: {app: web}}}", "mesh/deny", FAIL, None),
        ("spec: {}", "spec: {rules: [{}]}", "mesh/deny", FAIL, None),
        ("spec: {}", "spec: {action: DENY}", "mesh/deny", FAIL, None),
        (f"    - from: {PRINCIPALS}\n      to", "    - to", "mesh/callers", FAIL, 17),
        (PRINCIPALS, "[{source: {principals: ['*']}}]", "mesh/callers", FAIL, 17),
        (PRINCIPALS, "[{source: {notPrincipals: [x]}}]", "mesh/callers", FAIL, 17),
        ("mode: REGISTRY_ONLY", "mode: ALLOW_ANY", "mesh/outbound", FAIL, 20),
        ("  outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n", "", "mesh/outbound", FAIL, 20),
        ("[pay.example]", "['*.example']", "mesh/registry", FAIL, 27),
        ("  exportTo: [.]\n", "", "mesh/registry", WARN, 27),
        ("exportTo: [.]", "exportTo: ['*']", "mesh/registry", WARN, 27),
    ],
)
def test_each_mutation_is_found(tmp_path: Path, old: str, new: str, rule: str, outcome: Outcome, line: int | None) -> None:
    result = judge(shop(tmp_path / "shop", changed(MESH, old, new), manifests=IN_MESH))
    found = [one for one in result.findings if one.rule == rule and one.outcome is not Outcome.PASS]
    assert [one.outcome for one in found] == [outcome], bad(result)
    assert (found[0].location.line if found[0].location else None) == line


def test_the_whole_mesh_may_be_set_in_its_own_settings_and_root_namespace(tmp_path: Path) -> None:
    settings = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: mesh}
data:
  mesh: |
    rootNamespace: mesh
    outboundTrafficPolicy: {mode: REGISTRY_ONLY}
"""
    root = MESH.partition("---\napiVersion: networking")[0].replace("namespace: shop}", "namespace: mesh}")
    assert judge(shop(tmp_path / "shop", settings, root, manifests=IN_MESH)).verdict is Verdict.GREEN
    loose = settings.replace("REGISTRY_ONLY", "ALLOW_ANY")
    assert bad(judge(shop(tmp_path / "loose", loose, root, manifests=IN_MESH))) == {"mesh/outbound": FAIL}
    elsewhere = settings.replace("rootNamespace: mesh", "rootNamespace: other")
    assert set(bad(judge(shop(tmp_path / "other", elsewhere, root, manifests=IN_MESH)))) == {"mesh/mtls", "mesh/deny"}


def test_pods_outside_of_any_mesh(tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop")
    assert judge(folder).verdict is Verdict.GREEN
    assert bad(judge(folder, MeshPolicy(required=True))) == {"mesh/mtls": FAIL}
    undeclared = SHOP.partition("---\n")[2]
    assert judge(shop(tmp_path / "undeclared", MESH.replace("STRICT", "DISABLE"), manifests=undeclared)).verdict is Verdict.RED


def test_what_can_do_anything_is_not_understood(tmp_path: Path) -> None:
    network = read_manifests(
        shop(
            tmp_path / "shop",
            "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: x, namespace: shop}\n",
        )
    )
    assert [(one.kind, one.harmless) for one in network.others] == [("EnvoyFilter", False)]


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("mode: STRICT", "mode: strict", "spec.mtls.mode"),
        ("spec: {}", "spec: {action: ALOW}", "spec.action"),
        ("spec: {}", "spec: {rulez: []}", "spec.rulez"),
        ("hosts: [pay.example]", "host: pay.example", "spec.hosts"),
    ],
)
def test_mistakes_are_refused(tmp_path: Path, old: str, new: str, field: str) -> None:
    network = read_manifests(shop(tmp_path / "shop", changed(MESH, old, new), manifests=IN_MESH))
    assert field in {one.field for one in network.refused}


def test_the_shipped_policy_asks_the_mesh_too() -> None:
    assert isinstance(load_policy("network").gates["mesh"], MeshPolicy)
