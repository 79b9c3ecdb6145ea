"""Reading Cilium's policies: the meaning of each form; a form that is not understood is never ignored."""

from __future__ import annotations

from textwrap import indent

import pytest

from arcops.seen.network import Network
from reach.question import ask
from tasks.network.network import network_of
from tests.manifests import changed

pytestmark = pytest.mark.requirement("ARC-B1/cilium-policies-are-read")

PODS = "".join(
    f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: {space}, labels: {{app: {name}}}}}\n"
    "spec: {containers: [{name: c, ports: [{containerPort: 8080, name: http}]}]}\n---\n"
    for name, space in (("web", "shop"), ("db", "shop"), ("proxy", "front"), ("other", "front"), ("kube-dns", "kube-system"))
)
PODS += "apiVersion: v1\nkind: Namespace\nmetadata: {name: front, labels: {team: a}}\n"
POLICY = """\
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: web}}
  ingress:
    - fromEndpoints: [{matchLabels: {app: proxy, "k8s:io.kubernetes.pod.namespace": front}}]
      toPorts: [{ports: [{port: "8080", protocol: TCP}]}]
  egress:
    - toEndpoints: [{matchLabels: {"any:app": db}}]
      toPorts: [{ports: [{port: "5432", endPort: 5433}]}]
    - toCIDRSet: [{cidr: 192.0.2.0/24, except: [192.0.2.128/25]}]
      toPorts: [{ports: [{port: "443", protocol: TCP}]}]
    - toFQDNs: [{matchName: Pay.Example.}, {matchPattern: "*.cdn.example"}]
      toPorts: [{ports: [{port: "443", protocol: TCP}]}]
"""
FROM_PROXY = 'fromEndpoints: [{matchLabels: {app: proxy, "k8s:io.kubernetes.pod.namespace": front}}]'


def seen(policy: str, *more: str) -> Network:
    texts = [("pods.yaml", PODS), ("policy.yaml", policy), *((f"{number}.yaml", text) for number, text in enumerate(more))]
    return network_of([(name, text.encode()) for name, text in texts])


def opened(network: Network, *pairs: tuple[str, str]) -> list[bool]:
    assert not network.refused, network.refused
    assert not network.unread, network.unread
    return [ask(network, source, to).allowed for source, to in pairs]


def test_what_is_named_is_open_and_nothing_else() -> None:
    network = seen(POLICY)
    yes = [
        ("front/proxy", "shop/web:8080"), ("shop/web", "shop/db:5432"), ("shop/web", "shop/db:5433/udp"),
        ("shop/web", "192.0.2.5:443"), ("shop/web", "pay.example:443"), ("shop/web", "*.cdn.example:443"),
    ]  # fmt: skip
    no = [
        ("front/proxy", "shop/web:8081"), ("front/other", "shop/web:8080"), ("shop/db", "shop/web:8080"),
        ("internet", "shop/web:8080"), ("shop/web", "shop/db:5434"), ("shop/web", "192.0.2.200:443"),
        ("shop/web", "198.51.100.1:443"), ("shop/web", "pay.example:80"), ("shop/web", "front/proxy:443"),
    ]  # fmt: skip
    assert opened(network, *yes) == [True] * len(yes)
    assert opened(network, *no) == [False] * len(no)


def test_an_address_that_a_name_may_stand_for_is_no_certain_no() -> None:
    network = seen(POLICY)
    (doubt, _) = ask(network, "shop/web", "198.51.100.1:443").doubts
    assert "pay.example, which may resolve to 198.51.100.1" in doubt
    assert ask(network, "shop/web", "198.51.100.1:80").doubts == ()
    denied = seen(POLICY + "  egressDeny: [{toCIDR: [198.51.100.1]}]\n")
    assert ask(denied, "shop/web", "198.51.100.1:443").doubts == ()


ASKED = (("front/proxy", "shop/web:8080"), ("front/other", "shop/web:8080"), ("internet", "shop/web:8080"))


@pytest.mark.parametrize(
    ("peers", "answers"),
    [
        ("fromEndpoints: [{}]", [False, False, False]),  # its own namespace alone
        ('fromEndpoints: [{matchExpressions: [{key: "io.kubernetes.pod.namespace", operator: Exists}]}]', [True, True, False]),
        ('fromEndpoints: [{matchLabels: {"k8s:io.cilium.k8s.namespace.labels.team": a}}]', [True, True, False]),
        ('fromEndpoints: [{matchLabels: {"io.cilium.k8s.namespace.labels.team": b}}]', [False, False, False]),
        ("fromEntities: [world]", [False, False, True]),
        ("fromEntities: [world-ipv6]", [False, False, False]),
        ("fromEntities: [all]", [True, True, True]),
        ("fromEntities: [none]", [False, False, False]),
        ("fromCIDR: [203.0.113.1]", [False, False, True]),
        ('fromCIDR: ["0.0.0.0/0"]', [False, False, True]),
    ],
)
def test_what_each_kind_of_peer_means(peers: str, answers: list[bool]) -> None:
    assert opened(seen(changed(POLICY, FROM_PROXY, peers)), *ASKED) == answers


def test_an_empty_rule_closes_and_lets_nothing_through() -> None:
    """The opposite of ``ingress: [{}]`` in a NetworkPolicy."""
    closed = POLICY.partition("  ingress:")[0] + "  ingress: [{}]\n"
    assert opened(seen(closed), *ASKED) == [False, False, False]
    assert opened(seen(closed), ("shop/web", "192.0.2.5:443")) == [True], "no rule for egress leaves it open"


@pytest.mark.parametrize(
    ("deny", "answers"),
    [
        (FROM_PROXY, [False, False, False]),
        ("fromEntities: [world]", [True, False, False]),
        (f"{FROM_PROXY}\n      toPorts: [{{ports: [{{port: '8080'}}]}}]", [False, False, False]),
        (f"{FROM_PROXY}\n      toPorts: [{{ports: [{{port: '81'}}]}}]", [True, False, False]),
        (f"{FROM_PROXY}\n      toPorts: [{{ports: [{{port: http}}]}}]", [False, False, False]),
        (f"{FROM_PROXY}\n      toPorts: [{{ports: [{{port: '0'}}]}}]", [False, False, False]),
    ],
)
def test_what_is_denied_is_denied_whatever_allows_it(deny: str, answers: list[bool]) -> None:
    plain = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: more, namespace: shop}
spec: {podSelector: {}, ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: proxy}}}]}]}
"""
    assert opened(seen(f"{POLICY}  ingressDeny:\n    - {deny}\n", plain), *ASKED) == answers


def test_what_a_network_policy_allows_is_allowed_beside_what_cilium_s_allow() -> None:
    more = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: more, namespace: shop}
spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 203.0.113.0/24}}]}]}
"""
    assert opened(seen(POLICY, more), *ASKED) == [True, False, True]


def test_the_default_can_be_left_open() -> None:
    lax = "  enableDefaultDeny: {ingress: false}\n"
    assert opened(seen(POLICY + lax), *ASKED) == [True, True, True]
    denying = f"{POLICY}{lax}  ingressDeny: [{{fromEntities: [world]}}]\n"
    assert opened(seen(denying), *ASKED) == [True, True, False], "and still denies what it names"
    closing = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: shut, namespace: shop}\n"
    closing += "spec: {endpointSelector: {}, enableDefaultDeny: {ingress: true}, ingress: [{}]}\n"
    assert opened(seen(POLICY + lax, closing), *ASKED) == [True, False, False], "and still allows what it names"


def test_a_policy_for_the_cluster_selects_by_namespace_and_label() -> None:
    wide = changed(
        POLICY,
        "CiliumNetworkPolicy\nmetadata: {name: web, namespace: shop}",
        "CiliumClusterwideNetworkPolicy\nmetadata: {name: web}",
    )
    wide = wide.replace('"any:app": db}', "app: db}")
    network = seen(wide)
    assert opened(network, *ASKED) == [True, False, False]
    (policy,) = network.policies
    assert (policy.title, policy.namespaces is not None) == ("CiliumClusterwideNetworkPolicy web", True)
    only = changed(
        wide,
        "endpointSelector: {matchLabels: {app: web}}",
        'endpointSelector: {matchLabels: {"k8s:io.kubernetes.pod.namespace": front}}',
    )
    assert opened(seen(only), ("internet", "shop/web:8080"), ("internet", "front/proxy:8080")) == [True, False]


def test_each_of_several_specs_counts() -> None:
    head, _, spec = POLICY.partition("spec:\n")
    both = f"{head}specs:\n  -\n{indent(spec, '  ')}"
    both += "  - {endpointSelector: {matchLabels: {app: db}}, ingress: [{}]}\n"
    network = seen(both)
    assert [one.name for one in network.policies] == ["web specs[0]", "web specs[1]"]
    assert opened(network, *ASKED, ("shop/web", "shop/db:5432")) == [True, False, False, False]


NEW = [
    ("toServices: [{k8sService: {serviceName: db}}]", "toServices"),
    ("toEndpoints: [{}]\n      toRequires: [{}]", "toRequires"),
    ("toNodes: [{}]", "toNodes"),
    ("toGroups: [{aws: {}}]", "toGroups"),
    ("icmps: [{fields: [{type: 8}]}]", "icmps"),
    ("toEndpoints: []", "empty list"),
    ("toEntities: [mars]", "mars"),
    ("toEndpoints: [{matchLabels: {'reserved:host': ''}}]", "reserved:host"),
    ("toEndpoints: [{matchLabels: {io.cilium.k8s.policy.serviceaccount: x}}]", "serviceaccount"),
    ("toCIDRSet: [{cidrGroupRef: office}]", "CiliumCIDRGroup"),
    ("toCIDR: [192.0.2.1]\n      toPorts: [{rules: {http: [{}]}}]", "no port"),
    ("toCIDR: [192.0.2.1]\n      toPorts: [{ports: [{port: '1', protocol: ICMP}]}]", "ICMP"),
    ("toCIDR: [192.0.2.1]\n      toPorts: [{ports: [{port: '1'}], listener: {name: x}}]", "proxy"),
    ("toCIDR: [192.0.2.1]\n      authentication: {mode: required}", "authentication"),
]


@pytest.mark.parametrize(("rule", "says"), NEW, ids=[one[1] for one in NEW])
def test_what_is_not_understood_is_told_at_its_line_and_opens_nothing(rule: str, says: str) -> None:
    network = seen(f"{POLICY}    - {rule}\n")
    assert not network.refused
    told = network.unread[0]
    assert (told.at.path, told.at.line >= 16, told.about) == ("policy.yaml", True, "CiliumNetworkPolicy shop/web")
    assert says in told.text, told
    assert len(network.policies[0].egress) in (3, 4)
    assert not ask(network, "shop/web", "192.0.2.200:1").allowed


def test_a_policy_about_nodes_or_of_a_shape_of_its_own_is_not_understood() -> None:
    (told,) = seen(POLICY.replace("endpointSelector", "nodeSelector")).unread
    assert "nodes" in told.text
    (told,) = seen(POLICY + "  ingressDeny: [{}]\n").unread
    assert "a deny rule without peers and ports" in told.text
    other = seen(POLICY.replace("cilium.io/v2", "cilium.io/v3"))
    assert [one.kind for one in other.others] == ["CiliumNetworkPolicy"]


WRONG = [
    ("toCIDR: [192.0.2.0/33]", "spec.egress[3].toCIDR[0]"),
    ("toCIDR: [192.0.2.1]\n      toEntities: [world]", "spec.egress[3]"),
    ("toFQDNs: [{matchName: '*.example'}]", "spec.egress[3].toFQDNs[0]"),
    ("toFQDNs: [{}]", "spec.egress[3].toFQDNs[0]"),
    ("toPorts: [{ports: [{port: 443}]}]", "spec.egress[3].toPorts[0].ports[0].port"),
    ("toPorts: [{ports: [{port: '65536'}]}]", "spec.egress[3].toPorts[0].ports[0].port"),
    ("toPorts: [{ports: [{port: '443', endPort: 80}]}]", "spec.egress[3].toPorts[0].ports[0].endPort"),
    (
        "toEndpoints: [{matchExpressions: [{key: a, operator: Is}]}]",
        "spec.egress[3].toEndpoints[0].matchExpressions[0].operator",
    ),
    ("to: [{podSelector: {}}]", "spec.egress[3].to"),
]


@pytest.mark.parametrize(("rule", "field"), WRONG, ids=[one[0] for one in WRONG])
def test_what_would_be_refused_is_refused_under_its_path(rule: str, field: str) -> None:
    assert field in {one.field for one in seen(f"{POLICY}    - {rule}\n").refused}
