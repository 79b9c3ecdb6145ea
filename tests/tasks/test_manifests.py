"""Manifests are read as an API server would take them: strictly, with file and line, and no mistake hides another."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused
from arcops.seen.network import Network
from tasks.kubernetes.manifests import nodes
from tasks.network.network import network_of, read_manifests
from tests.manifests import POLICIES, SHOP, changed, shop

pytestmark = pytest.mark.requirement("ARC-B2/manifests-are-read-strictly")

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: web
  namespace: shop
spec:
  podSelector:
    matchLabels:
      app: web
    matchExpressions:
      - key: tier
        operator: In
        values: [front]
  policyTypes:
    - Ingress
    - Egress
  ingress:
    - from:
        - ipBlock:
            cidr: 10.0.0.0/8
            except:
              - 10.1.0.0/16
      ports:
        - port: 8080
          endPort: 8090
          protocol: TCP
  egress:
    - to:
        - podSelector: {}
      ports:
        - port: http
"""


def read(folder: Path, text: str | bytes, name: str = "policy.yaml") -> Network:
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return read_manifests(folder)


def test_the_shop_has_nothing_wrong(tmp_path: Path) -> None:
    network = read_manifests(shop(tmp_path / "shop"))
    assert not network.unread
    assert not network.refused
    assert [pods.title for pods in network.pods] == ["Deployment shop/web", "StatefulSet shop/db"]
    assert [policy.at.line for policy in network.policies] == [1, 8, 20, 30]


def test_a_policy_without_mistakes_is_accepted(tmp_path: Path) -> None:
    network = read(tmp_path, POLICY)
    assert (network.unread, network.refused) == ((), ())
    assert network.policies[0].ingress[0].at.line == 18


MISTAKES = [
    ("name: web", "name: Web_1", "metadata.name", 4),
    ("namespace: shop", "namespace: -shop", "metadata.namespace", 5),
    ("      app: web", "      app: yes", "spec.podSelector.matchLabels", 9),
    ("      app: web", "      app: 'a b'", "spec.podSelector.matchLabels", 9),
    ("      app: web", "      -app: web", "spec.podSelector.matchLabels", 9),
    ("key: tier", "key: tier/", "spec.podSelector.matchExpressions[0].key", 11),
    ("operator: In", "operator: Is", "spec.podSelector.matchExpressions[0].operator", 12),
    ("operator: In", "operator: Exists", "spec.podSelector.matchExpressions[0].values", 11),
    ("values: [front]", "values: []", "spec.podSelector.matchExpressions[0].values", 11),
    ("values: [front]", "values: ['!']", "spec.podSelector.matchExpressions[0].values[0]", 13),
    ("    - Ingress\n", "    - ingress\n", "spec.policyTypes[0]", 15),
    ("    - Ingress\n", "    - Ingress\n    - Ingress\n", "spec.policyTypes", 15),
    ("cidr: 10.0.0.0/8", "cidr: 10.0.0.0", "spec.ingress[0].from[0].ipBlock.cidr", 20),
    ("cidr: 10.0.0.0/8", "cidr: 10.0.0.0/33", "spec.ingress[0].from[0].ipBlock.cidr", 20),
    ("cidr: 10.0.0.0/8", "cidr: 10.0.0.0/255.0.0.0", "spec.ingress[0].from[0].ipBlock.cidr", 20),
    ("cidr: 10.0.0.0/8", "cidr: 010.0.0.0/8", "spec.ingress[0].from[0].ipBlock.cidr", 20),
    ("cidr: 10.0.0.0/8", "cidr: '::ffff:10.0.0.0/104'", "spec.ingress[0].from[0].ipBlock.cidr", 20),
    ("cidr: 10.0.0.0/8", "cidr: ''", "spec.ingress[0].from[0].ipBlock.cidr", 19),
    ("- 10.1.0.0/16", "- 11.0.0.0/16", "spec.ingress[0].from[0].ipBlock.except[0]", 22),
    ("- 10.1.0.0/16", "- 10.0.0.0/8", "spec.ingress[0].from[0].ipBlock.except[0]", 22),
    ("- 10.1.0.0/16", "- 2001:db8::/32", "spec.ingress[0].from[0].ipBlock.except[0]", 22),
    ("- 10.1.0.0/16", "- everything", "spec.ingress[0].from[0].ipBlock.except[0]", 22),
    ("port: 8080", "port: 0", "spec.ingress[0].ports[0].port", 24),
    ("port: 8080", "port: 65536", "spec.ingress[0].ports[0].port", 24),
    ("port: 8080", "port: '8080'", "spec.ingress[0].ports[0].port", 24),
    ("port: 8080", "port: 8080.5", "spec.ingress[0].ports[0].port", 24),
    ("port: 8080", "port: http", "spec.ingress[0].ports[0].endPort", 25),
    ("        - port: 8080\n          endPort", "        - endPort", "spec.ingress[0].ports[0].endPort", 24),
    ("endPort: 8090", "endPort: 8079", "spec.ingress[0].ports[0].endPort", 25),
    ("endPort: 8090", "endPort: 70000", "spec.ingress[0].ports[0].endPort", 25),
    ("protocol: TCP", "protocol: tcp", "spec.ingress[0].ports[0].protocol", 26),
    ("protocol: TCP", "protocol: ICMP", "spec.ingress[0].ports[0].protocol", 26),
    ("- podSelector: {}", "- {}", "spec.egress[0].to[0]", 29),
    ("- podSelector: {}", "- podSelector: {}\n          ipBlock: {cidr: 10.0.0.0/8}", "spec.egress[0].to[0]", 29),
    ("port: http", "port: -http", "spec.egress[0].ports[0].port", 31),
    ("port: http", "port: a-name-far-too-long", "spec.egress[0].ports[0].port", 31),
    ("  egress:\n", "  egres:\n", "spec.egres", 27),
    ("        - port: http", "        - ports: http", "spec.egress[0].ports[0].ports", 31),
    (
        "  egress:\n    - to:\n        - podSelector: {}\n",
        "  egress:\n    - from:\n        - podSelector: {}\n",
        "spec.egress[0].from",
        28,
    ),
    ("  ingress:\n    - from:", "  ingress:\n      from:", "spec.ingress", 17),
]


@pytest.mark.parametrize(("old", "new", "field", "line"), MISTAKES, ids=lambda value: str(value).strip()[:40])
def test_what_the_api_server_refuses_is_refused_at_the_same_field(
    tmp_path: Path, old: str, new: str, field: str, line: int
) -> None:
    network = read(tmp_path, changed(POLICY, old, new))
    assert (field, line) in {(one.field, one.at.line) for one in network.refused}
    assert {one.at.path for one in network.refused} == {"policy.yaml"}


def test_no_mistake_hides_another(tmp_path: Path) -> None:
    text = changed(changed(POLICY, "port: 8080", "port: 0"), "cidr: 10.0.0.0/8", "cidr: x")
    assert len(read(tmp_path, text).refused) == 2


@pytest.mark.parametrize("cidr", ["0.0.0.0/0", "10.1.2.3/8", "::/0", "2001:db8::1/64", "192.0.2.1/32"])
def test_addresses_that_the_server_takes_are_taken(tmp_path: Path, cidr: str) -> None:
    text = changed(changed(POLICY, "cidr: 10.0.0.0/8", f"cidr: '{cidr}'"), "except:\n              - 10.1.0.0/16", "except: []")
    assert not read(tmp_path, text).refused


WORKLOADS = [
    ("containerPort: 8080", "containerPort: 99999", "spec.template.spec.containers[0].ports[0].containerPort"),
    ("{containerPort: 8080, name: http}", "{name: http}", "spec.template.spec.containers[0].ports[0].containerPort"),
    ("{containerPort: 8080, name: http}", "{containerPort: 1, name: HTTP}", "spec.template.spec.containers[0].ports[0].name"),
    ("metadata: {labels: {app: web}}", "metadata: {labels: {app: wep}}", "spec.template.metadata.labels"),
    ("name: web, namespace: shop}\nspec:\n  selector: {match", "namespace: shop}\nspec:\n  selector: {match", "metadata.name"),
    ("selector: {matchLabels: {app: web}}", "selector: {}", "spec.selector"),
    ("targetPort: 8080", "targetPort: [8080]", "spec.ports[0].targetPort"),
    ("port: 80,", "port: 800000,", "spec.ports[0].port"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "field"), WORKLOADS)
def test_workloads_and_services_that_the_server_refuses(tmp_path: Path, old: str, new: str, field: str) -> None:
    network = read_manifests(shop(tmp_path / "shop", manifests=changed(SHOP, old, new)))
    assert field in {one.field for one in network.refused}


BOMB = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{chr(98 + level)}: &{chr(98 + level)} [{','.join([f'*{chr(97 + level)}'] * 10)}]\n" for level in range(9)
)
UNREADABLE: list[tuple[str, str | bytes, str, int]] = [
    ("no YAML", "kind: [a\n", "not YAML", 2),
    ("a key twice", "kind: Pod\nmetadata:\n  name: a\n  name: b\n", "appears twice", 4),
    ("a bomb of aliases", BOMB, "more than", 7),
    ("an alias inside itself", "a: 1\nb: &b [*b]\n", "without end", 2),
    ("an alias of nothing", "a: *nothing\n", "has no anchor", 1),
    ("too deep", "a:\n  " + "[" * 200 + "]" * 200, "nested", 2),
    ("a template", "kind: Pod\nmetadata:\n  name: {{ .Release.Name }}\n", "not rendered", 3),
    ("a template with blocks", "kind: Pod\n{{- if .Values.x }}\nmetadata: {}\n{{- end }}\n", "not rendered", 2),
    ("values of a chart", "replicas: 3\n", "not a Kubernetes object", 1),
    ("a recipe", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n", "is not a manifest", 1),
    ("a list for a document", "- kind: Pod\n", "is a mapping", 1),
    ("a boolean for a key", "kind: Pod\ny: 1\n", "in quotes", 2),
    ("a tag", "kind: Pod\nx: !!python/name:os.system ''\n", "not allowed", 2),
    ("no text", b"kind: Pod\n\xff\xfe\n", "UTF-8", 2),
    ("a control character", b"kind: Pod\nx: \x01\n", "does not allow", 2),
    ("merging what is not a mapping", "kind: Pod\n<<: 7\n", "not a mapping", 2),
]


@pytest.mark.parametrize(("text", "says", "line"), [one[1:] for one in UNREADABLE], ids=[one[0] for one in UNREADABLE])
def test_what_cannot_be_read_is_said_with_its_line_and_hides_nothing(
    tmp_path: Path, text: str | bytes, says: str, line: int
) -> None:
    (tmp_path / "good.yaml").write_text(POLICY)
    (tmp_path / "zz-bad-policy.yaml").write_text(changed(POLICY, "port: 8080", "port: 0").replace("name: web", "name: other"))
    network = read(tmp_path, text, "middle.yaml")
    assert [(one.at.path, one.at.line) for one in network.unread] == [("middle.yaml", line)]
    assert says in network.unread[0].text
    assert len(network.policies) == 2
    assert [one.at.path for one in network.refused] == ["zz-bad-policy.yaml"]


def test_what_comes_before_a_broken_document_is_kept(tmp_path: Path) -> None:
    network = read(tmp_path, f"{POLICY}---\nkind: [\n")
    assert len(network.policies) == 1
    assert len(network.unread) == 1


def test_lists_typed_lists_and_aliases_mean_what_they_mean_to_kubectl(tmp_path: Path) -> None:
    text = """\
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: NamespaceList
    items:
      - metadata: {name: one, labels: &labels {env: prod}}
      - metadata:
          name: two
          labels:
            <<: *labels
            tier: "1"
---
apiVersion: v1
kind: ConfigMapList
items: []
---
# nothing
---
apiVersion: v1
kind: ConfigMap
metadata: {name: words}
data: {template: "{{ .Values.any }}"}
"""
    network = read(tmp_path, text)
    assert not network.unread
    assert [{label.key: label.value for label in one.labels} for one in network.namespaces] == [
        {"env": "prod", "kubernetes.io/metadata.name": "one"},
        {"env": "prod", "tier": "1", "kubernetes.io/metadata.name": "two"},
    ]
    assert [one.harmless for one in network.others] == [True]


def test_an_object_that_appears_twice_is_reported(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(POLICY)
    network = read(tmp_path, POLICY, "two.yaml")
    assert [(one.at.path, one.text) for one in network.unread] == [
        ("two.yaml", "the object appears twice, first at one.yaml:1; the later one counts")
    ]


def test_links_pipes_and_huge_files_are_complaints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setattr("tasks.network.network.MOST_BYTES", 2000)
    (tmp_path / "link.yaml").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "huge.yaml").write_text("# " + "x" * 3000)
    network = read(tmp_path, POLICY)
    assert sorted(one.at.path for one in network.unread) == ["huge.yaml", "link.yaml", "pipe.yaml"]
    assert len(network.policies) == 1


def test_a_folder_without_manifests_is_refused(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("nothing here")
    with pytest.raises(Refused, match="no manifest"):
        read_manifests(tmp_path)


def test_too_many_values_are_refused_before_they_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "MOST_VALUES", 1000)
    network = read(tmp_path, "a: [" + "1," * 2000 + "]\n")
    assert "more than 1,000 values" in network.unread[0].text


def test_the_subject_is_named_by_its_content(tmp_path: Path) -> None:
    first = read_manifests(shop(tmp_path / "a")).root
    assert read_manifests(shop(tmp_path / "b")).root == first
    assert read_manifests(shop(tmp_path / "c", policies=POLICIES + "\n")).root != first


ADMIN = """\
apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata:
  name: closed
spec:
  priority: 10
  subject:
    namespaces: {}
  egress:
    - action: Deny
      to:
        - networks: [169.254.169.254/32]
      ports:
        - portNumber: {protocol: TCP, port: 80}
"""


def test_an_admin_policy_without_mistakes_is_accepted(tmp_path: Path) -> None:
    network = read(tmp_path, ADMIN)
    assert (network.unread, network.refused) == ((), ())


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("priority: 10", "priority: 1001", "spec.priority"),
        ("  priority: 10\n", "", "spec.priority"),
        ("    namespaces: {}", "    namespaces: {}\n    pods: {}", "spec.subject"),
        ("action: Deny", "action: Drop", "spec.egress[0].action"),
        ("networks: [169.254.169.254/32]", "networks: [169.254.169.254]", "spec.egress[0].to[0].networks[0]"),
        ("networks: [169.254.169.254/32]", "namespaces: {}\n          pods: {}", "spec.egress[0].to[0]"),
        ("- networks: [169.254.169.254/32]", "[]", "spec.egress[0].to"),
        ("port: 80", "port: 0", "spec.egress[0].ports[0].portNumber"),
        ("{protocol: TCP, port: 80}", "{protocol: TCP, port: 80}\n          namedPort: http", "spec.egress[0].ports[0]"),
        ("  egress:", "  egres:", "spec.egres"),
    ],
)
def test_admin_policies_that_the_server_refuses(tmp_path: Path, old: str, new: str, field: str) -> None:
    assert field in {one.field for one in read(tmp_path, changed(ADMIN, old, new)).refused}


@given(data=st.data())
def test_no_text_breaks_the_reader(data: st.DataObject) -> None:
    """Whatever is done to a manifest, the reader comes back, and the good policy beside it is what it was."""
    text = data.draw(st.sampled_from((POLICY, SHOP, POLICIES, ADMIN)))
    cut = data.draw(st.integers(0, len(text)))
    until = data.draw(st.integers(cut, min(len(text), cut + 40)))
    bits = st.sampled_from(
        ("\n", "- ", "{", "}", "[", ": ", "&a ", "*a", "<<: ", "null", "'", '"', "\t", "---\n", "0x1", "| \n", "\x85")
    )
    broken = text[:cut] + "".join(data.draw(st.lists(bits | st.text(max_size=5), max_size=3))) + text[until:]
    encoded = broken.encode("utf-8", "surrogatepass")
    good = network_of([("good.yaml", POLICY.encode())])
    network = network_of([("broken.yaml", encoded), ("good.yaml", POLICY.encode())])
    assert good.policies[0] in network.policies
