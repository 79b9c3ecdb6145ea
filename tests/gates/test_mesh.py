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


FAIL, WARN, UNKNOWN = Outcome.FAIL, Outcome.WARN, Outcome.UNKNOWN
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
        (PRINCIPALS, "[{source: {principals: ['cluster.local/*']}}]", "mesh/callers", FAIL, 17),
        (PRINCIPALS, "[{source: {principals: ['cluster.local/ns/*']}}]", "mesh/callers", FAIL, 17),
        (PRINCIPALS, "[{source: {principals: ['*/sa/web']}}]", "mesh/callers", FAIL, 17),
        (PRINCIPALS, "[{source: {namespaces: ['*-prod']}}]", "mesh/callers", FAIL, 17),
        (PRINCIPALS, "[{source: {ipBlocks: [0.0.0.0/0]}}]", "mesh/callers", FAIL, 17),
        (PRINCIPALS, "[{source: {ipBlocks: [0.0.0.0/1, 128.0.0.0/1]}}]", "mesh/callers", FAIL, 17),
        (PRINCIPALS, "[{source: {remoteIpBlocks: ['::/1', '8000::/1']}}]", "mesh/callers", FAIL, 17),
        (PRINCIPALS, "[{source: {requestPrincipals: ['*']}}]", "mesh/callers", FAIL, 17),
        (PRINCIPALS, "[{source: {requestPrincipals: ['https://issuer.example/*']}}]", "mesh/callers", FAIL, 17),
        (PRINCIPALS, PRINCIPALS[:-1] + ", {source: {notNamespaces: [x]}}]", "mesh/callers", FAIL, 17),
        (PRINCIPALS, "[{source: {notNamespaces: [x], ipBlocks: [0.0.0.0/0]}}]", "mesh/callers", FAIL, 17),
        (
            f"    - from: {PRINCIPALS}\n      to",
            "    - when: [{key: source.namespace, notValues: [x]}]\n      to",
            "mesh/callers",
            FAIL,
            17,
        ),
        ("mode: REGISTRY_ONLY", "mode: ALLOW_ANY", "mesh/outbound", FAIL, 20),
        ("  outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n", "", "mesh/outbound", FAIL, 20),
        ("[pay.example]", "['*.example']", "mesh/registry", FAIL, 27),
        ("[pay.example]", "[pay.example]\n  addresses: [0.0.0.0/1, 128.0.0.0/1]", "mesh/registry", FAIL, 27),
        (
            "[pay.example]",
            "[pay.example]\n  resolution: STATIC\n  endpoints: [{address: 169.254.169.254}]",
            "mesh/registry",
            FAIL,
            27,
        ),
        (
            "[pay.example]",
            "[pay.example]\n  resolution: STATIC\n  endpoints: [{address: 'FD00:EC2::254'}]",
            "mesh/registry",
            FAIL,
            27,
        ),
        (
            "[pay.example]",
            "[pay.example]\n  resolution: STATIC\n  endpoints: [{address: 'fd00:0ec2:0:0::254'}]",
            "mesh/registry",
            FAIL,
            27,
        ),
        (
            "[pay.example]",
            "[pay.example]\n  resolution: STATIC\n  endpoints: [{address: '::ffff:a9fe:a9fe'}]",
            "mesh/registry",
            FAIL,
            27,
        ),
        (
            "[pay.example]",
            "[pay.example]\n  resolution: NONE\n  addresses: [169.254.169.0/24]",
            "mesh/registry",
            FAIL,
            27,
        ),
        (
            "{name: deny, namespace: shop}",
            "{name: deny, namespace: shop, annotations: {istio.io/dry-run: 'true'}}",
            "mesh/deny",
            FAIL,
            None,
        ),
        ("[pay.example]", "[pay.example]\n  addresses: [10.0.0.0/8]", "mesh/registry", FAIL, 27),
        ("[pay.example]", "[pay.example]\n  addresses: ['2001:db8::/32']", "mesh/registry", FAIL, 27),
        (
            "  egress: [{hosts",
            "  ingress: [{port: {number: 80}, defaultEndpoint: '0.0.0.0:80'}]\n  egress: [{hosts",
            "mesh/mtls",
            UNKNOWN,
            20,
        ),
        ("  exportTo: [.]\n", "", "mesh/registry", WARN, 27),
        ("exportTo: [.]", "exportTo: ['*']", "mesh/registry", WARN, 27),
    ],
)
def test_each_mutation_is_found(tmp_path: Path, old: str, new: str, rule: str, outcome: Outcome, line: int | None) -> None:
    result = judge(shop(tmp_path / "shop", changed(MESH, old, new), manifests=IN_MESH))
    found = [one for one in result.findings if one.rule == rule and one.outcome is not Outcome.PASS]
    assert [one.outcome for one in found] == [outcome], bad(result)
    assert (found[0].location.line if found[0].location else None) == line


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (PRINCIPALS, "[{source: {principals: ['cluster.local/ns/shop/sa/*']}}]"),
        (PRINCIPALS, "[{source: {namespaces: [front]}}]"),
        (PRINCIPALS, "[{source: {ipBlocks: [192.0.2.0/24]}}]"),
        (PRINCIPALS, "[{source: {ipBlocks: [0.0.0.0/0], namespaces: [front]}}]"),
        (f"    - from: {PRINCIPALS}\n      to", "    - when: [{key: source.namespace, values: [front]}]\n      to"),
        (
            f"    - from: {PRINCIPALS}\n",
            "    - from: [{source: {principals: ['*']}}]\n      when: [{key: source.namespace, values: [a]}]\n",
        ),
    ],
)
def test_callers_may_be_named_in_many_ways(tmp_path: Path, old: str, new: str) -> None:
    assert not bad(judge(shop(tmp_path / "shop", changed(MESH, old, new), manifests=IN_MESH)))


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("traffic.sidecar.istio.io/excludeInboundPorts: '5432'", {"mesh/mtls": FAIL}),
        ("traffic.sidecar.istio.io/includeInboundPorts: ''", {"mesh/mtls": FAIL}),
        ("traffic.sidecar.istio.io/excludeOutboundIPRanges: 0.0.0.0/0", {"mesh/mtls": FAIL}),
        ("sidecar.istio.io/interceptionMode: NONE", {"mesh/mtls": FAIL}),
        ("proxy.istio.io/config: 'interceptionMode: NONE'", {"mesh/mtls": FAIL}),
        ('proxy.istio.io/config: \'{"interceptionMode": "NONE"}\'', {"mesh/mtls": FAIL}),
        ("inject.istio.io/templates: grpc-agent", {"mesh/mtls": FAIL}),
        ("ambient.istio.io/bypass-inbound-capture: 'true'", {}),
        ("sidecar.istio.io/interceptionMode: TPROXY", {}),
        ("proxy.istio.io/config: 'concurrency: 2'", {}),
        ("inject.istio.io/templates: 'sidecar,mine'", {}),
        ("traffic.sidecar.istio.io/excludeInboundPorts: ''", {}),
        ("traffic.sidecar.istio.io/includeInboundPorts: '*'", {}),
        ("sidecar.istio.io/inject: 'true'", {}),
    ],
)
def test_traffic_past_the_sidecar(tmp_path: Path, given: str, found: dict[str, Outcome]) -> None:
    pods = changed(IN_MESH, "metadata: {labels: {app: db}}", f"metadata: {{labels: {{app: db}}, annotations: {{{given}}}}}")
    assert bad(judge(shop(tmp_path / "shop", MESH, manifests=pods))) == found


AMBIENT = changed(SHOP, "metadata: {name: shop}", "metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}")
OF_DB = "metadata: {labels: {app: db}}"


@pytest.mark.parametrize(
    ("metadata", "found"),
    [
        (OF_DB, {}),
        ("metadata: {labels: {app: db}, annotations: {ambient.istio.io/bypass-inbound-capture: 'true'}}", {"mesh/mtls": FAIL}),
        ("metadata: {labels: {app: db}, annotations: {traffic.sidecar.istio.io/excludeInboundPorts: '80'}}", {}),
        ("metadata: {labels: {app: db, sidecar.istio.io/inject: 'true'}}", {"mesh/outbound": FAIL}),
    ],
)
def test_pods_of_an_ambient_namespace(tmp_path: Path, metadata: str, found: dict[str, Outcome]) -> None:
    text = changed(MESH, "  outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n", "")
    pods = changed(AMBIENT, OF_DB, metadata)
    assert bad(judge(shop(tmp_path / "shop", text, manifests=pods))) == found


def test_a_sidecar_for_some_pods_replaces_that_of_the_namespace(tmp_path: Path) -> None:
    own = """---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: web, namespace: shop}
spec: {workloadSelector: {labels: {app: web}}, egress: [{hosts: [./*]}]MODE}
"""
    silent, said = own.replace("MODE", ""), own.replace("MODE", ", outboundTrafficPolicy: {mode: REGISTRY_ONLY}")
    assert bad(judge(shop(tmp_path / "silent", MESH + silent, manifests=IN_MESH))) == {"mesh/outbound": FAIL}
    assert not bad(judge(shop(tmp_path / "said", MESH + said, manifests=IN_MESH)))
    settings = """---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: 'outboundTrafficPolicy: {mode: REGISTRY_ONLY}'}
"""
    assert not bad(judge(shop(tmp_path / "settings", MESH + silent + settings, manifests=IN_MESH)))


def test_an_annotation_may_ask_for_no_sidecar(tmp_path: Path) -> None:
    none = "annotations: {sidecar.istio.io/inject: 'false'}"
    out = changed(IN_MESH, "metadata: {labels: {app: db}}", f"metadata: {{labels: {{app: db}}, {none}}}")
    label = changed(out, "labels: {app: db}, ", "labels: {app: db, sidecar.istio.io/inject: 'true'}, ")
    assert bad(judge(shop(tmp_path / "out", MESH, manifests=out), MeshPolicy(required=True)))["mesh/mtls"] is FAIL
    assert not bad(judge(shop(tmp_path / "label", MESH, manifests=label), MeshPolicy(required=True)))


def test_of_several_settings_of_the_mesh_the_one_that_allows_most_counts(tmp_path: Path) -> None:
    one = """apiVersion: v1
kind: ConfigMap
metadata: {name: NAME, namespace: istio-system}
data: {mesh: 'outboundTrafficPolicy: {mode: MODE}'}
---
"""
    text = changed(MESH, "  outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n", "")
    strict = one.replace("NAME", "istio").replace("MODE", "REGISTRY_ONLY")
    revision = one.replace("NAME", "istio-canary").replace("MODE", "ALLOW_ANY")
    assert not bad(judge(shop(tmp_path / "one", text, strict, manifests=IN_MESH)))
    assert bad(judge(shop(tmp_path / "two", text, strict + revision, manifests=IN_MESH))) == {"mesh/outbound": FAIL}


def test_the_settings_of_an_operator_of_the_mesh_count(tmp_path: Path) -> None:
    operator = """apiVersion: sailoperator.io/v1
kind: Istio
metadata: {name: default}
spec: {values: {meshConfig: {outboundTrafficPolicy: {mode: REGISTRY_ONLY}}}}
"""
    text = changed(MESH, "  outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n", "")
    assert bad(judge(shop(tmp_path / "without", text, manifests=IN_MESH))) == {"mesh/outbound": FAIL}
    assert not bad(judge(shop(tmp_path / "with", text, operator, manifests=IN_MESH)))


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


PORTS = "  ports: [{number: 443, name: tls, protocol: TLS}]\n  resolution: DNS\n"
ENTRY = "  hosts: [pay.example]\n"


def findings(folder: Path, text: str) -> list[tuple[str, Outcome]]:
    result = judged(mesh, MeshPolicy(), [read_manifests(shop(folder, text, manifests=IN_MESH))])
    return [(one.rule, one.outcome) for one in result.findings if one.outcome is not Outcome.PASS]


@pytest.mark.parametrize(
    ("said", "exact"),
    [
        (PORTS, True),
        (PORTS.replace("DNS", "NONE"), False),
        (PORTS.replace("  resolution: DNS\n", ""), False),
        (PORTS.replace("protocol: TLS", "protocol: TCP"), False),
        (PORTS.replace("name: tls, protocol: TLS", "name: mongo-x"), False),
        (PORTS.replace("name: tls, protocol: TLS", "name: https-x"), True),
        (PORTS.replace("DNS", "NONE") + "  addresses: [192.0.2.7]\n", True),
        (PORTS.replace("protocol: TLS", "protocol: TCP") + "  addresses: [192.0.2.7/32]\n", True),
        ("  resolution: NONE\n", False),
    ],
)
def test_a_registration_without_addresses_must_say_which_host_it_means(tmp_path: Path, said: str, exact: bool) -> None:
    found = findings(tmp_path, changed(MESH, ENTRY, ENTRY + said))
    assert found == ([] if exact else [("mesh/registry", Outcome.FAIL)])


@pytest.mark.parametrize(
    ("tls", "checked"),
    [
        ("mode: SIMPLE", False),
        ("mode: SIMPLE, caCertificates: /etc/ssl/ca.pem", True),
        ("mode: SIMPLE, credentialName: pay-ca", True),
        ("mode: SIMPLE, caCertificates: /etc/ssl/ca.pem, insecureSkipVerify: true", False),
        ("mode: MUTUAL, clientCertificate: /a, privateKey: /b", False),
        ("mode: MUTUAL, clientCertificate: /a, privateKey: /b, caCertificates: /c", True),
    ],
)
def test_tls_to_a_host_must_check_who_answers(tmp_path: Path, tls: str, checked: bool) -> None:
    assert findings(tmp_path / "whole", changed(MESH, "mode: ISTIO_MUTUAL", tls)) == (
        [] if checked else [("mesh/mtls", Outcome.FAIL)]
    )
    port = changed(MESH, "{tls: {mode: ISTIO_MUTUAL}}", f"{{portLevelSettings: [{{port: {{number: 443}}, tls: {{{tls}}}}}]}}")
    assert findings(tmp_path / "port", port) == ([] if checked else [("mesh/mtls", Outcome.FAIL)])


PEER = "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: %s, namespace: shop}\nspec: %s\n"
CAR = "---\napiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: %s, namespace: shop}\nspec: %s\n"


@pytest.mark.parametrize(
    ("more", "outcome"),
    [
        (PEER % ("db", "{selector: {matchLabels: {app: bd}}, mtls: {mode: STRICT}}"), Outcome.WARN),
        (PEER % ("db", "{selector: {matchLabels: {app: db}}, mtls: {mode: STRICT}}"), None),
        (CAR % ("db", "{workloadSelector: {labels: {app: bd}}, outboundTrafficPolicy: {mode: REGISTRY_ONLY}}"), Outcome.WARN),
        (CAR % ("two", "{outboundTrafficPolicy: {mode: REGISTRY_ONLY}, egress: [{hosts: ['*/*']}]}"), Outcome.UNKNOWN),
        (PEER % ("two", "{mtls: {mode: STRICT}}"), None),
        (
            PEER % ("a", "{selector: {matchLabels: {app: db}}}")
            + PEER % ("b", "{selector: {matchLabels: {app: db}}, mtls: {mode: STRICT}}"),
            Outcome.UNKNOWN,
        ),
    ],
)
def test_what_selects_nothing_or_conflicts_is_told(tmp_path: Path, more: str, outcome: Outcome | None) -> None:
    found = [one for one in findings(tmp_path, MESH + more) if one[0] == "mesh/used"]
    assert found == ([] if outcome is None else [("mesh/used", outcome)])


def test_an_authorization_that_selects_nothing_is_told(tmp_path: Path) -> None:
    assert findings(tmp_path, changed(MESH, "selector: {matchLabels: {app: db}}", "selector: {matchLabels: {app: bd}}")) == [
        ("mesh/used", Outcome.WARN)
    ]
