"""Permission profiles: what each becomes at each site, proven by the engine; what cannot be enforced is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network
from typing import Any, ClassVar

import pytest

from manifests.description import DescribedMesh, DomainNames, EgressGateway
from manifests.description import Site as NetworkSite
from manifests.objects import text_of
from services.operator.observed import Handshake, Observed, SeenConfigMap
from services.operator.reconcile import Outcome, reconcile
from services.operator.resource import parse
from services.operator.site import NamespacePolicy, Site
from tests.services.operator.cases import NOW, SITE, VERDICTS, after, condition, made, of_kind, written

pytestmark = pytest.mark.requirement("OPER-4/permission-profiles-are-enforced")
API = ("10.96.0.1", "192.0.2.10")


def site(cni: str, policy: NamespacePolicy | None = None, **more: Any) -> Site:
    """A site with this network plugin, and a policy of the namespace ``shop``."""
    policies = {"shop": policy} if policy is not None else {}
    return replace(SITE, network=NetworkSite(cni=cni, api_server=API, **more), policies=policies)


CILIUM = site("cilium")
CALICO = site("calico")
BY_NAMES = site("kube-network-policies", domain_names=DomainNames(version="v1alpha2", priority=10))
ISTIO = site(
    "calico",
    mesh=DescribedMesh.ISTIO,
    egress_gateway=EgressGateway(namespace="istio-egress", labels={"istio": "egress"}, service="egress"),
)


def profile(text: str | dict[str, Any], at: Site = CILIUM, **spec: Any) -> Outcome:
    """One pass over a server with this profile."""
    data = {"p.json": text if isinstance(text, str) else json.dumps(text)}
    seen = Observed(config_maps={"p": SeenConfigMap(resource_version="1", data=data)})
    return made(written(permissionProfile={"type": "configmap", "name": "p", "key": "p.json"}, **spec), seen, at)


def after_status(seen: Observed, outcome: Outcome) -> Observed:
    """*seen* once the status of *outcome* is written."""
    return replace(seen, status=json.loads(text_of(outcome.status)))


def outbound(*hosts: str, ports: tuple[int, ...] = (443,), **more: Any) -> dict[str, Any]:
    """A profile with these hosts and ports."""
    return {"network": {"outbound": {"allowHost": list(hosts), "allowPort": list(ports), **more}}}


@pytest.mark.parametrize(
    "text",
    [
        {},
        {"network": {}},
        {"network": {"outbound": {}}},
        outbound(ports=()),
        {"network": {"outbound": {"insecureAllowAll": False}}},
    ],
)
@pytest.mark.parametrize("at", [CILIUM, CALICO, BY_NAMES, ISTIO], ids=lambda one: one.network.cni)
def test_an_empty_network_is_no_egress_at_all(text: dict[str, Any], at: Site) -> None:
    outcome = profile(text, at)
    assert of_kind(outcome, "NetworkPolicy")["spec"]["egress"] == []
    assert [one.name.kind for one in outcome.objects].count("NetworkPolicy") == 1


class TestHostNames:
    def test_cilium_matches_them_and_never_the_api_server(self) -> None:
        outcome = profile(outbound("api.example.com", "*.example.org"))
        policy = of_kind(outcome, "CiliumNetworkPolicy")["spec"]
        named = [one["toFQDNs"][0] for one in policy["egress"] if "toFQDNs" in one]
        assert named == [{"matchPattern": "*.example.org"}, {"matchName": "api.example.com"}]
        assert "192.0.2.10/32" in policy["egressDeny"][0]["toCIDR"]
        assert "exactly one more label" in " ".join(outcome.status["enforcement"])  # type: ignore[arg-type]

    def test_a_cluster_network_policy_matches_them_where_the_plugin_does(self) -> None:
        policy = of_kind(profile(outbound("api.example.com"), BY_NAMES), "ClusterNetworkPolicy")
        assert policy["spec"]["egress"][1]["to"] == [{"domainNames": ["api.example.com"]}]
        assert "ownerReferences" not in policy["metadata"], "an object of the whole cluster has no owner in a namespace"
        assert policy["metadata"]["annotations"]["arcops.dev/owner-uid"] == "u-1"
        elsewhere = replace(BY_NAMES, network=replace(BY_NAMES.network, cni="ovn-kubernetes"))
        assert "kube-network-policies" in condition(profile(outbound("api.example.com"), elsewhere))["message"]

    def test_istio_forwards_them_at_its_egress_gateway(self) -> None:
        outcome = profile(outbound("api.example.com"), ISTIO)
        kinds = {one.name.kind for one in outcome.objects}
        assert {"Gateway", "VirtualService", "ServiceEntry", "DestinationRule", "AuthorizationPolicy", "Sidecar"} <= kinds
        reached = [one["to"][0].get("namespaceSelector") for one in of_kind(outcome, "NetworkPolicy")["spec"]["egress"]]
        assert {"matchLabels": {"kubernetes.io/metadata.name": "istio-egress"}} in reached
        pod = of_kind(outcome, "Deployment")["spec"]["template"]["metadata"]["labels"]
        assert pod["sidecar.istio.io/inject"] == "true"

    def test_istio_has_no_wildcards(self) -> None:
        assert condition(profile(outbound("*.example.org"), ISTIO))["reason"] == "NotEnforceable"

    def test_without_anything_that_knows_names_they_are_refused_and_the_sentence_says_what_does(self) -> None:
        outcome = profile(outbound("api.example.com"), CALICO)
        assert condition(outcome)["reason"] == "NotEnforceable"
        assert "Cilium" in condition(outcome)["message"]
        assert not outcome.objects


REFUSED = {
    "ports without hosts": outbound(ports=(443,)),
    "hosts without ports": outbound("api.example.com", ports=()),
    "everything and a host": outbound("api.example.com", insecureAllowAll=True),
    "unknown key": {"reed": []},
    "unknown key of the network": outbound("api.example.com", allowHosts=[]),
    "inbound": {"network": {"inbound": {"allowHost": ["x.example"]}}},
    "doubled key": '{"write": [], "write": ["/tmp"]}',
    "no object": "[]",
    "no JSON": "{",
    "a port of zero": outbound("api.example.com", ports=(0,)),
    "a port that is true": outbound("api.example.com", ports=(True,)),
    "a relative path": {"write": ["tmp"]},
    "a path upwards": {"write": ["/tmp/../etc"]},
    "a path with a colon": {"write": ["/tmp:ro"]},
    "the root": {"write": ["/"]},
    "the system's settings": {"write": ["/etc/x"]},
    "the kernel's": {"write": ["/proc"]},
    "secrets": {"write": ["/var/run/secrets/x"]},
    "our own": {"write": ["/arcops-run"]},
    "the API server": outbound("kubernetes.default.svc"),
    "the API server by its full name": outbound("kubernetes.default.svc.cluster.local"),
    "a Service": outbound("db.shop.svc"),
    "a metadata service": outbound("169.254.169.254"),
    "addresses around the API server": outbound("10.96.0.0/12"),
    "an address of octal digits": outbound("0177.0.0.1"),
    "a wildcard in the middle": outbound("api.*.example.com"),
    "pods without labels": outbound(allowPods=[{"namespace": "db"}]),
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_no_profile_can_mean_is_refused_and_nothing_is_made(text: Any) -> None:
    outcome = profile(text)
    assert condition(outcome)["status"] == "False"
    assert condition(outcome)["reason"] in ("InvalidSpec", "NotEnforceable")
    assert not outcome.objects
    assert not outcome.writes


class TestAllowed:
    def test_addresses_pods_and_their_names(self) -> None:
        text = outbound("198.51.100.0/24", allowPods=[{"namespace": "db", "labels": {"app": "pg"}}])
        rules = of_kind(profile(text, CALICO), "NetworkPolicy")["spec"]["egress"]
        assert {"ipBlock": {"cidr": "198.51.100.0/24"}} in [one["to"][0] for one in rules]
        assert {"port": 53, "protocol": "UDP"} in rules[0]["ports"], "pods are found by the names of their Services"

    def test_addresses_alone_need_no_names(self) -> None:
        rules = of_kind(profile(outbound("198.51.100.7"), CALICO), "NetworkPolicy")["spec"]["egress"]
        assert [one["to"] for one in rules] == [[{"ipBlock": {"cidr": "198.51.100.7/32"}}]]

    @pytest.mark.parametrize("at", [CILIUM, CALICO], ids=lambda one: one.network.cni)
    def test_the_api_server_only_where_the_operator_says_so_and_then_with_a_token(self, at: Site) -> None:
        granted = replace(at, policies={"shop": NamespacePolicy(api_server=True)})
        outcome = profile(outbound("kubernetes.default.svc", ports=(6443,)), granted)
        assert outcome.objects, condition(outcome)["message"]
        assert of_kind(outcome, "Deployment")["spec"]["template"]["spec"]["automountServiceAccountToken"] is True
        if at is CILIUM:
            assert of_kind(outcome, "CiliumNetworkPolicy")["spec"]["egress"][0]["toEntities"] == ["kube-apiserver"]
        else:
            blocks = [one for rule in of_kind(outcome, "NetworkPolicy")["spec"]["egress"] for one in rule["to"]]
            assert {"ipBlock": {"cidr": "192.0.2.10/32"}} in blocks

    def test_a_grant_is_not_denied_again_by_the_rule_for_host_names(self) -> None:
        granted = replace(CILIUM, policies={"shop": NamespacePolicy(api_server=True)})
        outcome = profile(outbound("*.example.com", "kubernetes.default.svc", ports=(443, 6443)), granted)
        (named,) = [one.value["spec"] for one in outcome.objects if one.name.name == "tools-hosts"]
        denied = named["egressDeny"][0]["toCIDR"]  # type: ignore[index, call-overload]
        assert "169.254.169.254/32" in denied
        assert not {"10.96.0.1/32", "192.0.2.10/32"} & set(denied), "a rule that denies wins in Cilium"

    def test_everything_only_with_consent_and_never_the_metadata_services(self) -> None:
        everything = {"network": {"outbound": {"insecureAllowAll": True, "allowPort": [443]}}}
        assert condition(profile(everything))["reason"] == "NotAllowedHere"
        policy = of_kind(profile(everything, site("calico", NamespacePolicy(open_network=True))), "NetworkPolicy")["spec"]
        (rule,) = policy["egress"]
        excepted = [one["ipBlock"]["except"] for one in rule["to"] if "ipBlock" in one]
        assert "169.254.169.254/32" in excepted[0]
        assert {"port": 443, "protocol": "TCP"} in rule["ports"]

    def test_files_that_may_be_written_are_empty_folders_with_a_limit(self) -> None:
        pod = of_kind(profile({"write": ["/tmp"], "read": ["/etc/ssl/certs"]}), "Deployment")["spec"]["template"]["spec"]
        scratch = [one for one in pod["volumes"] if one["name"] == "arcops-scratch-0"]
        assert scratch == [{"name": "arcops-scratch-0", "emptyDir": {"sizeLimit": "64Mi"}}]
        assert {"name": "arcops-scratch-0", "mountPath": "/tmp"} in pod["containers"][0]["volumeMounts"]


@pytest.mark.requirement("OPER-4/a-stricter-policy-is-not-loosened")
class TestTheStricterPolicyWins:
    def test_a_host_that_the_namespace_may_not_reach_stops_the_pods(self) -> None:
        at = site("cilium", NamespacePolicy(hosts=("*.example.com",)))
        assert profile(outbound("api.example.com"), at).objects
        refused = profile(outbound("api.example.org"), at)
        assert condition(refused)["reason"] == "NotAllowedHere"
        assert condition(profile(outbound("*.example.org"), at))["reason"] == "NotAllowedHere"
        assert condition(profile(outbound("example.com"), at))["reason"] == "NotAllowedHere", "the name itself is not below it"

    def test_addresses(self) -> None:
        at = site("cilium", NamespacePolicy(addresses=("198.51.100.0/25",)))
        assert profile(outbound("198.51.100.7"), at).objects
        assert condition(profile(outbound("198.51.100.0/24"), at))["reason"] == "NotAllowedHere"

    def test_so_much_that_it_names_no_one_needs_consent(self) -> None:
        halves = [str(one) for one in ip_network("0.0.0.0/0").address_exclude(ip_network("10.96.0.1/32"))]
        closed = ("169.254.169.254/32", "168.63.129.16/32", "192.0.2.10/32")
        for other in closed:
            halves = [
                str(part)
                for one in map(ip_network, halves)
                for part in (one.address_exclude(ip_network(other)) if one.supernet_of(ip_network(other)) else (one,))
            ]
        assert len(halves) <= 130
        for some in (halves[:100], ["1.0.0.0/8", "3.0.0.0/8"], ["2600::/23", "2400::/23"]):
            assert condition(profile(outbound(*some)))["reason"] == "NotAllowedHere", some
        consenting = site("cilium", NamespacePolicy(open_network=True))
        assert profile(outbound("1.0.0.0/8", "3.0.0.0/8"), consenting).objects
        assert profile(
            outbound("10.128.0.0/9", "172.16.0.0/12", "192.168.0.0/16", "8.0.0.0/8", "fc00::/8", "*.example.com")
        ).objects

    def test_pods(self) -> None:
        pods = {"allowPods": [{"namespace": "proxies", "labels": {"app": "squid"}}]}
        assert profile(outbound(**pods), site("cilium", NamespacePolicy(pods=("proxies",)))).objects
        for allowed in ((), ("shop",)):
            at = site("cilium", NamespacePolicy(pods=allowed))
            assert condition(profile(outbound(**pods), at))["reason"] == "NotAllowedHere"

    def test_hosts_in_capitals(self) -> None:
        at = site("cilium", NamespacePolicy(hosts=("*.Example.com.",)))
        assert profile(outbound("API.example.com."), at).objects

    WITHDRAWN: ClassVar[dict[str, tuple[dict[str, Any], NamespacePolicy, dict[str, Any]]]] = {
        "the API server": (outbound("kubernetes.default.svc", ports=(6443,)), NamespacePolicy(api_server=True), {}),
        "files that stay": (
            {"write": ["/data"]},
            NamespacePolicy(writes=True),
            {
                "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "d"}}],
                "volumeMounts": [{"name": "d", "mountPath": "/data"}],
            },
        ),
        "every host": ({"network": {"outbound": {"insecureAllowAll": True}}}, NamespacePolicy(open_network=True), {}),
        "many addresses": (outbound("1.0.0.0/8", "3.0.0.0/8"), NamespacePolicy(open_network=True), {}),
    }

    @pytest.mark.parametrize(("wanted", "policy", "spec"), WITHDRAWN.values(), ids=WITHDRAWN)
    def test_what_is_not_given_any_more_stops_the_pods(
        self, wanted: dict[str, Any], policy: NamespacePolicy, spec: dict[str, Any]
    ) -> None:
        before, later = site("calico", policy), site("calico", NamespacePolicy(writes=False))
        running = after(profile(wanted, before, **spec))
        data = {"p.json": json.dumps(wanted)}
        running = replace(running, config_maps={"p": SeenConfigMap(resource_version="1", data=data)})
        value = written(permissionProfile={"type": "configmap", "name": "p", "key": "p.json"}, **spec)
        stopped = made(value, running, later)
        assert condition(stopped)["status"] == "False"
        assert [one.name.kind for one in stopped.deletions] == ["Deployment"]
        # Not even if another mistake is found first, such as a profile that its author removed meanwhile.
        for hidden in (replace(running, config_maps={}), running):
            wrong = value if hidden is not running else {**value, "spec": {**value["spec"], "nonsense": 1}}
            assert [one.name.kind for one in made(wrong, hidden, later).deletions] == ["Deployment"]
            assert not made(wrong, hidden, before).deletions, "a mistake alone stops none"

    def test_an_operator_that_begins_again_with_other_settings_stops_none_while_it_fetches_keys(self) -> None:
        oidc = {"type": "kubernetes", "kubernetes": {"audience": "x"}}
        keys = {"https://kubernetes.default.svc": '{"keys":[]}'}
        value = written(oidcConfig=oidc)
        running = after(made(value, Observed(key_sets=keys)), handshake=Handshake(of=1, protocol_version="2025-11-25"))
        ready = made(value, replace(running, key_sets=keys))
        assert condition(ready)["status"] == "True"
        begun = after(ready, handshake=running.handshake)
        later = replace(SITE, policies={"shop": NamespacePolicy(writes=False)})
        first = made(value, begun, later)
        assert condition(first)["reason"] == "Waiting"
        assert not first.deletions
        for minutes, stopped in ((4, False), (6, True)):
            outcome = reconcile(parse(value), after_status(begun, first), later, VERDICTS, NOW + timedelta(minutes=minutes))
            assert bool(outcome.deletions) is stopped

    def test_pods_without_their_policy_do_not_go_on(self) -> None:
        running = after(made(written()))
        mistaken = written(replicas=3)
        assert not made(mistaken, running).deletions
        for gone in running.children:
            if gone.kind == "NetworkPolicy":
                left = {name: one for name, one in running.children.items() if name != gone}
                assert [one.name.kind for one in made(mistaken, replace(running, children=left)).deletions] == ["Deployment"]

    @pytest.mark.parametrize(
        "change",
        [
            lambda at: replace(at, network=replace(at.network, cni="flannel")),
            lambda at: replace(at, strict_reads=True),
            lambda at: replace(at, supported=False),
        ],
    )
    def test_a_site_that_holds_them_no_more_stops_the_pods(self, change: Callable[[Site], Site]) -> None:
        text = {"read": ["/data"]}
        running = after(profile(text, CALICO))
        running = replace(running, config_maps={"p": SeenConfigMap(resource_version="1", data={"p.json": json.dumps(text)})})
        value = written(permissionProfile={"type": "configmap", "name": "p", "key": "p.json"})
        assert [one.name.kind for one in made(value, running, change(CALICO)).deletions] == ["Deployment"]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (outbound("::ffff:169.254.169.254"), "carries IPv4"),
        (outbound("64:ff9b::a9fe:a9fe"), "carries IPv4"),
        (outbound("2002:a9fe:a9fe::/48"), "carries IPv4"),
        (outbound("2000::/3"), "carries IPv4"),
        (outbound("0.0.0.0/1"), "10.96.0.1"),
        (outbound("168.63.129.16"), "168.63.129.16"),
        (outbound("kubernetes.default.svc."), "API server"),
        (outbound("KUBERNETES.default.svc.cluster.local"), "API server"),
        (outbound("Shop.other.SVC."), "allowPods"),
        (outbound("2130706433"), "address"),
        (outbound("0x7f.1"), "address"),
        (outbound("*"), "host name"),
        (outbound("*.com"), "host name"),
        (outbound("*.*.example.com"), "host name"),
        (outbound("a.*.example.com"), "host name"),
        (outbound(allowPods=[{"namespace": "a", "labels": {"app": True}}]), "texts"),
        (outbound(allowPods=[{"namespace": "", "labels": {"app": "x"}}]), "namespace"),
        ({"write": ["/data/../etc"]}, ".."),
        ({"write": ["/run/secrets/x"]}, "/run/secrets"),
        ({"write": ["/*"]}, "*"),
    ],
)
def test_what_no_profile_can_mean_or_may_have_is_refused(wanted: dict[str, Any], said: str) -> None:
    outcome = profile(wanted)
    assert said in condition(outcome)["message"]
    assert not outcome.objects


def test_addresses_need_to_know_what_they_must_not_hold() -> None:
    unknown = replace(CALICO, network=replace(CALICO.network, api_server=()))
    assert "apiServer" in condition(profile(outbound("10.0.0.0/8"), unknown))["message"]


class TestReading:
    def test_it_is_said_that_the_images_own_files_can_be_read(self) -> None:
        outcome = profile({"read": ["/data"]})
        assert condition(outcome, "ReadsLimited")["status"] == "False"

    def test_a_strict_site_refuses_unless_it_names_an_app_armor_profile(self) -> None:
        strict = replace(CILIUM, strict_reads=True)
        assert condition(profile({"read": ["/data"]}, strict))["reason"] == "NotEnforceable"
        named = replace(strict, read_profile="mcp-reads")
        outcome = profile({"read": ["/data"]}, named)
        container = of_kind(outcome, "Deployment")["spec"]["template"]["spec"]["containers"][0]
        assert container["securityContext"]["appArmorProfile"] == {"type": "Localhost", "localhostProfile": "mcp-reads"}
        assert condition(outcome, "ReadsLimited")["status"] == "True"


@pytest.mark.parametrize("cni", ["", "flannel", "something-new"])
def test_a_plugin_that_is_not_known_to_enforce_gets_nothing(cni: str) -> None:
    outcome = profile({}, site(cni))
    assert condition(outcome)["reason"] == "NotEnforceable"
    assert not outcome.objects


def test_a_profile_that_is_not_there_is_missing_and_not_empty() -> None:
    outcome = made(written(permissionProfile={"type": "configmap", "name": "p", "key": "p.json"}))
    assert condition(outcome)["reason"] == "ReferenceMissing"
    assert not outcome.objects


class TestBuiltin:
    def test_none_has_no_writable_volume(self) -> None:
        volume = {"volumes": [{"name": "v", "emptyDir": {}}], "volumeMounts": [{"name": "v", "mountPath": "/data"}]}
        outcome = made(written(permissionProfile={"type": "builtin", "name": "none"}, **volume))
        assert "readOnly: true" in condition(outcome)["message"]

    def test_network_needs_consent(self) -> None:
        builtin = {"type": "builtin", "name": "network"}
        assert condition(made(written(permissionProfile=builtin)))["reason"] == "NotAllowedHere"
        assert made(written(permissionProfile=builtin, namespace="open")).objects
