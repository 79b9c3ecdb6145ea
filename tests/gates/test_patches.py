"""Every patch that a finding carries is taken by ``patch -p1``, makes its finding go away, and makes nothing worse."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest

from arcops.finding import Finding, Outcome
from flows.policies.reading import load_policy
from gates.network.gateway.gate import GatewayPolicy, gateway
from gates.network.mesh.gate import MeshPolicy, mesh
from gates.network.network.gate import NetworkSafetyPolicy, network
from tasks.network.network import read_manifests
from tests.evidence import judged
from tests.gates.test_gateway import EDGE
from tests.gates.test_mesh import MESH
from tests.gates.test_network import GRANT, ROUTE
from tests.manifests import POLICIES, SHOP, changed, shop
from tests.patching import applied, assert_better, bad

pytestmark = pytest.mark.requirement("ARC-B2/violations-name-line-and-fix")

SITE = NetworkSafetyPolicy(enforcer="calico", api_server=("10.96.0.1", "192.0.2.0/28"), schemas=False)


def findings(folder: Path) -> list[Finding]:
    """What every gate that judges networks says."""
    body = read_manifests(folder)
    results = [
        judged(network, SITE, [body], subject_name="manifests"),
        judged(mesh, MeshPolicy(), [body], subject_name="manifests"),
        judged(gateway, GatewayPolicy(), [body], subject_name="manifests"),
    ]
    return [one for result in results for one in result.findings]


def fixed_by_patches(folder: Path, to: Path) -> dict[str, int]:
    """Take every patch there is, each in a copy of its own; says how many there were of each rule."""
    before, counted = findings(folder), dict[str, int]()
    for number, one in enumerate(one for one in before if one.patch):
        after = findings(applied(one.patch, folder, to / str(number)))
        assert_better(before, after, one)
        counted[one.rule] = counted.get(one.rule, 0) + 1
    return counted


TO_DB = "    - to: [{podSelector: {matchLabels: {app: db}}}]\n      ports: [{port: 5432}]\n"
DNS = "          podSelector: {matchLabels: {k8s-app: kube-dns}}\n"
OUT = "    - to:\n        - ipBlock:\n            cidr: 169.254.0.0/16  # why\n      ports: [{port: 80}]\n"
FROM = "    - from: [{podSelector: {matchLabels: {app: web}}}]\n      ports: [{port: postgres}]\n"
CASES = {
    "ingress not enforced": ("[Ingress]\n  ingress", "[Egress]\n  ingress", {"network/effective": 1}),
    "egress not enforced": (
        "[Egress]\n  egress:\n    - to: [{",
        "[Ingress]\n  egress:\n    - to: [{",
        {"network/effective": 1},
    ),
    "types one a line": ("[Ingress]\n  ingress", "\n    - Egress  # only\n  ingress", {"network/effective": 1}),
    "DNS to all of kube-system": (DNS, "", {"network/dns": 1}),
    "DNS to every pod there, said so": (DNS, "          podSelector: {}\n", {"network/dns": 1}),
    "DNS among others on a line": (
        "        - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}\n" + DNS,
        "        - {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}\n",
        {"network/dns": 1},
    ),
    "metadata in a block": (TO_DB, OUT, {"network/metadata": 1}),
    "metadata in a block in flow style": (
        TO_DB,
        "    - {to: [{ipBlock: {cidr: 169.254.0.0/16, except: [169.254.1.0/24]}}], ports: [{port: 80}]}\n",
        {"network/metadata": 1},
    ),
    "everywhere": (
        TO_DB,
        OUT.replace("169.254.0.0/16", "0.0.0.0/0"),
        {"network/metadata": 2, "network/api-server": 2},
    ),
    "everywhere, in two rules": (
        TO_DB,
        OUT.replace("169.254.0.0/16", "0.0.0.0/0") + OUT.replace("169.254.0.0/16", "0.0.0.0/0").replace("80", "443"),
        {"network/metadata": 2, "network/api-server": 2},
    ),
    "API server": (
        TO_DB,
        OUT.replace("169.254.0.0/16", "192.0.2.0/24").replace("80", "6443"),
        {"network/api-server": 1},
    ),
    "allow-all beside a rule": (TO_DB, TO_DB + "    - {}\n", {"network/egress": 1, "network/used": 1}),
    "allow-all before a rule, in": (FROM, "    - {}  # for now\n" + FROM, {"network/ingress": 1, "network/used": 1}),
    "a rule twice": (FROM, FROM + "    # again\n" + FROM, {"network/used": 1}),
    "a default that leaves ingress open": (
        "{}\n  policyTypes: [Ingress, Egress]",
        "{matchLabels: {app: web}}\n  policyTypes: [Ingress, Egress]",
        {"network/isolated": 1},
    ),
}


@pytest.mark.parametrize(("old", "new", "patches"), CASES.values(), ids=CASES)
def test_each_patch_fixes_what_it_is_for(tmp_path: Path, old: str, new: str, patches: dict[str, int]) -> None:
    folder = shop(tmp_path / "shop", policies=changed(POLICIES, old, new))
    found = fixed_by_patches(folder, tmp_path / "after")
    assert found == patches


NOT_OFFERED = {
    "metadata itself": (TO_DB, OUT.replace("169.254.0.0/16", "169.254.169.254/32"), "network/metadata"),
    "a block inside of the API server's": (TO_DB, OUT.replace("169.254.0.0/16", "192.0.2.8/29"), "network/api-server"),
    "allow-all, and no other rule names peers": (TO_DB, "    - {}\n", "network/egress"),
    "allow-all, and metadata": (TO_DB, TO_DB + "    - {}\n", "network/metadata"),
    "not enforced, and wide": ("[Ingress]\n  ingress:\n" + FROM, "[Egress]\n  ingress: [{}]\n", "network/effective"),
    "DNS and more in one rule": (
        DNS + "      ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]",
        "      ports: [{port: 53, protocol: UDP}, {port: 9153, protocol: TCP}]",
        "network/dns",
    ),
    "other pods of kube-system": ("{k8s-app: kube-dns}", "{k8s-app: tiller}", "network/dns"),
    "selects nothing": (
        "podSelector: {matchLabels: {app: db}}\n  policyTypes",
        "podSelector: {matchLabels: {app: bd}}\n  policyTypes",
        "network/used",
    ),
    "an anchor in two places": (
        TO_DB,
        OUT.replace("ipBlock:", "ipBlock: &all").replace("80", "80")
        + "    - to: [{ipBlock: *all}]\n      ports: [{port: 81}]\n",
        "network/metadata",
    ),
}


@pytest.mark.parametrize(("old", "new", "rule"), NOT_OFFERED.values(), ids=NOT_OFFERED)
def test_what_cannot_be_shown_safe_is_not_offered(tmp_path: Path, old: str, new: str, rule: str) -> None:
    found = [
        one
        for one in findings(shop(tmp_path / "shop", policies=changed(POLICIES, old, new)))
        if one.rule == rule and one.outcome is not Outcome.PASS
    ]
    assert found
    assert not any(one.patch for one in found)


def test_a_namespace_without_a_default_gets_a_new_file_each_way(tmp_path: Path) -> None:
    other = "apiVersion: v1\nkind: Pod\nmetadata: {name: stray, namespace: other}\nspec: {containers: []}\n"
    folder = shop(tmp_path / "shop", other)
    assert fixed_by_patches(folder, tmp_path / "after") == {"network/isolated": 2}
    both = folder
    for number, one in enumerate(one for one in findings(folder) if one.patch):
        both = applied(one.patch, both, tmp_path / f"both-{number}")
    assert not [one for one in findings(both) if one.outcome is not Outcome.PASS]


def test_names_that_are_taken_are_not_taken_again(tmp_path: Path) -> None:
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: stray, namespace: 'no'}\nspec: {containers: []}\n"
    taken = changed(
        POLICIES.partition("---\n")[0].replace("namespace: shop", "namespace: 'no'").replace("{}", "{matchLabels: {a: b}}"),
        "name: deny,",
        "name: deny-ingress,",
    )
    folder = shop(tmp_path / "shop", pod, taken)
    assert fixed_by_patches(folder, tmp_path / "after") == {"network/isolated": 2}
    (folder / "deny-egress-no.yaml").write_text("# a file of this name is there\n")
    assert fixed_by_patches(folder, tmp_path / "more") == {"network/isolated": 1}


def test_a_grant_that_is_missing(tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop", ROUTE)
    assert fixed_by_patches(folder, tmp_path / "after") == {"network/backends": 1}
    assert fixed_by_patches(shop(tmp_path / "granted", ROUTE, GRANT), tmp_path / "none") == {}
    assert (
        fixed_by_patches(
            shop(tmp_path / "nowhere", ROUTE.replace("name: web, namespace: shop", "name: x, namespace: shop")), tmp_path
        )
        == {}
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a name with a space.yaml", POLICIES),
        ("policies.json", ""),
        ("crlf.yaml", POLICIES.replace("\n", "\r\n")),
        ("no-end.yaml", POLICIES.rstrip("\n")),
    ],
)
def test_files_that_a_patch_could_not_carry_get_none(tmp_path: Path, name: str, text: str) -> None:
    import json

    import yaml

    wrong = changed(text or POLICIES, "[Ingress]", "[Egress]")
    if name.endswith(".json"):
        wrong = json.dumps({"kind": "List", "apiVersion": "v1", "items": list(yaml.safe_load_all(wrong))}, indent=1)
    folder = shop(tmp_path / "shop", policies="# elsewhere\n")
    (folder / name).write_bytes(wrong.encode())
    found = [one for one in findings(folder) if one.rule == "network/effective" and one.outcome is Outcome.FAIL]
    assert found
    assert not any(one.patch for one in found)


def test_patches_of_manifests_made_by_chance_make_nothing_worse(tmp_path: Path) -> None:
    """Shops put together from good and bad rules in every style; the seed is fixed, so it is the same shops every time."""
    chance = random.Random(20261121)  # noqa: S311  # for variety, not for secrets
    counted: dict[str, int] = {}
    for number in range(20):
        folder = shop(tmp_path / str(number), policies=made(chance))
        for rule, count in fixed_by_patches(folder, tmp_path / f"{number}-after").items():
            counted[rule] = counted.get(rule, 0) + count
    wanted = ("isolated", "effective", "dns", "used", "metadata", "api-server", "egress", "ingress")
    assert set(counted) == {f"network/{one}" for one in wanted}, counted


_PEERS = (
    "{podSelector: {matchLabels: {app: db}}}",
    "{podSelector: {}}",
    "{ipBlock: {cidr: 10.0.0.0/8}}",
    "{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}",
    "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}",
    "{namespaceSelector: {}}",
    "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, podSelector: {}}",
)
_PORTS = ("[{port: 5432}]", "[{port: 53, protocol: UDP}]", "[{port: 53}, {port: 53, protocol: UDP}]", "[{port: 80}]", "")


def made(chance: random.Random) -> str:
    """Up to five policies of the shop."""
    texts = []
    for number in range(chance.randint(1, 5)):
        spec = [
            chance.choice(
                ("  podSelector: {}", "  podSelector:\n    matchLabels: {app: web}", "  podSelector: {matchLabels: {app: db}}")
            )
        ]
        types = chance.choice((["Ingress"], ["Egress"], ["Ingress", "Egress"], []))
        if types:
            spec.append(
                chance.choice(
                    (f"  policyTypes: [{', '.join(types)}]", "  policyTypes:\n" + "\n".join(f"  - {one}" for one in types))
                )
            )
        for listed, word in (("ingress", "from"), ("egress", "to")):
            if chance.random() < 0.7:
                spec.append(f"  {listed}:")
                spec.extend(itertools.chain.from_iterable(_rule(chance, word) for _ in range(chance.randint(1, 3))))
        texts.append(
            f"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p{number}, namespace: shop}}\nspec:\n"
            + "\n".join(spec)
            + "\n"
        )
    return "---\n".join(texts)


def _rule(chance: random.Random, word: str) -> list[str]:
    if chance.random() < 0.15:
        return ["    - {}"]
    peers = [chance.choice(_PEERS) for _ in range(chance.randint(1, 2))]
    ports = chance.choice(_PORTS)
    if chance.random() < 0.5:
        return [f"    - {{{word}: [{', '.join(peers)}]{f', ports: {ports}' if ports else ''}}}"]
    return [
        f"    - {word}:",
        *(f"        - {one}" for one in peers),
        *([f"      ports: {ports}"] if ports else []),
        "    # next",
    ]


IN_MESH = changed(SHOP, "metadata: {name: shop}", "metadata: {name: shop, labels: {istio-injection: enabled}}")
PARTS = MESH.split("---\n")
MESHES = {
    "sound": ((), {}),
    "no object makes TLS strict": ((PARTS[0], ""), {"mesh/mtls": 1}),
    "plain text is taken": (("STRICT", "PERMISSIVE"), {"mesh/mtls": 1}),
    "for one workload": (
        ("spec: {mtls: {mode: STRICT}}\n", "spec: {mtls: {mode: STRICT}}\n---\n" + PARTS[0].replace("strict", "x").replace(
            "{mtls: {mode: STRICT}}", "\n  selector: {matchLabels: {app: db}}\n  mtls:\n    mode: PERMISSIVE # for now")),
        {"mesh/mtls": 1},
    ),
    "nothing denies": ((PARTS[1], ""), {"mesh/deny": 1}),
    "no Sidecar": ((PARTS[3], ""), {"mesh/outbound": 1}),
    "a Sidecar that says nothing": (("  outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n", ""), {"mesh/outbound": 1}),
    "a Sidecar that lets everything out": (("REGISTRY_ONLY", "ALLOW_ANY"), {"mesh/outbound": 1}),
    "registered for everybody": (("  exportTo: [.]\n", ""), {"mesh/registry": 1}),
    "registered for others": (("exportTo: [.]", "exportTo: [other]"), {}),
    "an exception by port": (("mtls: {mode: STRICT}", "mtls: {mode: PERMISSIVE}, portLevelMtls: {80: {mode: DISABLE}}"), {}),
    "TLS turned off": (("ISTIO_MUTUAL", "DISABLE"), {}),
    "any caller": (("from: [{source: {principals: [cluster.local/ns/shop/sa/web]}}]\n      to", "to"), {}),
}  # fmt: skip


@pytest.mark.parametrize(("change", "patches"), MESHES.values(), ids=MESHES)
def test_meshes(tmp_path: Path, change: tuple[str, ...], patches: dict[str, int]) -> None:
    """If it is not known what would be right, there is no patch, and the finding stays as before."""
    text = changed(MESH, *change) if change else MESH
    text = text.removeprefix("---\n").replace("---\n---\n", "---\n")
    folder = shop(tmp_path / "shop", text, manifests=IN_MESH)
    assert fixed_by_patches(folder, tmp_path / "after") == patches
    assert bool(bad(findings(folder))) == bool(change)


@pytest.mark.parametrize(
    ("route", "says"), [("edge", "from: Same"), ("shop", "from: Selector, selector: {matchExpressions:"), ("", "from: Same")]
)
def test_listeners_take_routes_from_those_who_use_them(tmp_path: Path, route: str, says: str) -> None:
    gateway, http, tls = EDGE.split("---\n")[1:]
    text = changed(gateway, "{from: Selector, selector: {matchLabels: {kubernetes.io/metadata.name: shop}}}", "{from: All}")
    if route:
        text += "---\n" + changed(http, "name: web, namespace: shop", f"name: web, namespace: {route}") + "---\n" + tls
    folder = shop(tmp_path / "shop", text)
    assert fixed_by_patches(folder, tmp_path / "after")["gateway/listeners"] == 1
    (patch,) = [one.patch for one in findings(folder) if one.rule == "gateway/listeners" and one.patch]
    assert says in patch


def test_shipped_policies_say_nothing_of_patches(tmp_path: Path) -> None:
    assert load_policy("network-aks-arc")
    assert fixed_by_patches(shop(tmp_path / "shop", manifests=SHOP), tmp_path / "after") == {}


def test_a_number_that_would_be_computed_for_long_is_not_edited_beside() -> None:
    """YAML 1.1 reads digits between colons as one number to the base 60, however long it is."""
    from amend.yaml_edit import Replace, edited

    assert edited("a: x\nb: 1:20\n", Replace(path=("a",), value="ok")) == "a: ok\nb: 1:20\n"
    assert edited(f"a: x\nb: {':'.join(['59'] * 30)}\n", Replace(path=("a",), value="ok")) is None
