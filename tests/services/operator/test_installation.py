"""The operator's own manifests: valid, closed, with no more rights than its table, and GREEN by ``arcops network``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from adapters.cli.main import read
from adapters.relay.sidecar.main import command_line
from arcops.verdict import Verdict
from gates.network.network.gate import NetworkSafetyPolicy, network
from manifests.crds.definitions import Conversion
from manifests.description import Site
from manifests.operator.admission import validations
from manifests.operator.installation import OPERATOR, Installation, installation
from manifests.operator.rights import own_rights, owned_kinds, rights
from manifests.server.names import HEALTH_PORT, RELAY_PORT
from tasks.kubernetes.manifests.rules import Evaluator
from tasks.network.network import network_of
from tests.evidence import judged
from tests.services.operator.cases import made, of_kind, written
from tests.services.operator.test_template import REFUSED

pytestmark = pytest.mark.requirement("OPER-2/its-rights-are-one-table")
API = ("10.96.0.1", "192.0.2.10")
IMAGE = f"registry.example/arcops@sha256:{'0' * 64}"
HOUSE = Path(__file__).resolve().parents[3]
CUSTOM = ("CiliumNetworkPolicy",)


def installed(cni: str = "calico", **more: Any) -> Installation:
    """An installation at a site with this network plugin."""
    return Installation(
        image=IMAGE,
        settings="network: {cni: calico}\n",
        site=Site(cni=cni, api_server=API),
        namespace="arcops-system",
        cluster_namespace="arcops-mcp",
        **more,
    )


def objects(of: Installation) -> list[dict[str, Any]]:
    """Every object but the definitions, which have tests of their own."""
    files = [file for file in installation(of) if not file.name.startswith("00-")]
    return [one for file in files for one in yaml.safe_load_all(file.text)]


def one(kind: str, of: Installation, name: str = OPERATOR) -> dict[str, Any]:
    """The one object of this kind and name."""
    (found,) = [value for value in objects(of) if value["kind"] == kind and value["metadata"]["name"] == name]
    return found


@pytest.mark.parametrize("cni", ["calico", "cilium"])
def test_every_object_is_valid_by_the_schema_of_kubernetes(cni: str) -> None:
    of = installed(cni, rotating=("shop",), conversion=Conversion(namespace="arcops-system", service=OPERATOR))
    for value in objects(of):
        if value["kind"] not in CUSTOM:
            kubernetes_validate.validate(value, "1.34", strict=True)


@pytest.mark.parametrize("opened", [False, True])
def test_no_namespace_of_it_is_open_by_arcops_network_itself(*, opened: bool) -> None:
    """toolhive, mcp-lifecycle: an operator whose own egress is open reaches what its servers may not."""
    whole = {"egress": ("203.0.113.0/24",), "monitoring": "monitoring", "discovery_tls": "operator-tls"}
    files = [(file.name, file.text.encode()) for file in installation(installed(**(whole if opened else {})))]

    def verdict(*clients: str) -> Verdict:
        policy = NetworkSafetyPolicy(enforcer="calico", api_server=API, api_clients=clients, schemas=False)
        return judged(network, policy, [network_of(files)]).verdict

    assert verdict(f"Deployment arcops-system/{OPERATOR}") is Verdict.GREEN
    assert verdict() is Verdict.RED, "that it asks the API server must be said by the one who judges"


def test_its_roles_are_its_table_and_no_more() -> None:
    of = installed("cilium")
    found = {
        (group, resource, verb)
        for rule in one("ClusterRole", of)["rules"]
        for group in rule.get("apiGroups", ())
        for resource in rule.get("resources", ())
        for verb in rule["verbs"]
    }
    assert found == {(right.group, right.resource, verb) for right in rights(of.site) for verb in right.verbs}
    words = {word for _, resource, verb in found for word in (resource, verb)}
    assert not words & {"*", "secrets", "pods", "pods/attach", "pods/exec", "pods/log", "impersonate", "bind", "escalate"}
    assert ("ome.io", "mcpservers", "patch") not in found, "it never changes what a user wrote"
    (lease,) = one("Role", of)["rules"]
    assert set(lease["verbs"]) == {verb for right in own_rights() for verb in right.verbs}


def test_kinds_that_a_site_has_not_are_in_no_role() -> None:
    assert not any(right.group in ("cilium.io", "networking.istio.io") for right in rights(Site(cni="calico")))
    assert any(kind.kind == "CiliumNetworkPolicy" for kind in owned_kinds(Site(cni="cilium")))


def test_secrets_are_seen_only_where_the_settings_say_so() -> None:
    assert not any("secrets" in str(value.get("rules")) for value in objects(installed()))
    of = installed(rotating=("shop",))
    binding = [value for value in objects(of) if value["kind"] == "RoleBinding" and value["metadata"]["namespace"] == "shop"]
    assert [value["roleRef"]["name"] for value in binding] == [f"{OPERATOR}-secrets"]
    bound = [value for value in objects(of) if value["kind"] == "ClusterRoleBinding"]
    assert all(value["roleRef"]["name"] == OPERATOR for value in bound), "never for the whole cluster"


def test_its_pods_are_as_restricted_as_kubernetes_knows() -> None:
    pod = one("Deployment", installed())["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False, "its token ends after an hour, and is mounted by name"
    (container,) = pod["containers"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["image"] == IMAGE


def test_the_programs_take_the_arguments_that_their_pods_give_them() -> None:
    for of in (installed(), installed(signers=(f"sha256:{'1' * 64}",), discovery_tls="operator-tls")):
        (container,) = one("Deployment", of)["spec"]["template"]["spec"]["containers"]
        assert read([*container["args"]]) is not None
        assert {probe["httpGet"]["port"] for name, probe in container.items() if name.endswith("Probe")} == {"health"}
    pod = of_kind(made(written()), "Deployment")["spec"]["template"]["spec"]
    (relay,) = [found for found in pod["initContainers"] if found["name"] == "arcops-relay"]
    given = command_line().parse_args(relay["args"])
    assert (str(given.config), given.port, given.health_port) == ("/etc/arcops", RELAY_PORT, HEALTH_PORT)
    assert given.linger + given.drain < pod["terminationGracePeriodSeconds"], "the kubelet would end it in the middle of a call"


def test_the_relays_image_holds_the_shim_that_its_init_container_starts() -> None:
    pod = of_kind(made(written()), "Deployment")["spec"]["template"]["spec"]
    (shim,) = [found for found in pod["initContainers"] if found["name"] == "arcops-shim"]
    dockerfile = (HOUSE / "deployments" / "docker" / "Dockerfile").read_text()
    assert f"arcops-shim {shim['command'][0]}" in dockerfile
    source = (HOUSE / "deployments" / "shim" / "arcops-shim.c").read_text()
    assert all(f'"{word}"' in source for word in ("--install", "--socket"))


class TestAdmission:
    def refused(self, value: dict[str, Any]) -> list[str]:
        """What the policy says against *value*, its rules evaluated as an API server does."""
        run, found = Evaluator(), []
        for rule, text in validations():
            held = run.holds(re.sub(r"\bobject\b", "self", rule), value)
            assert isinstance(held, bool), f"{rule} cannot be evaluated: {held}"
            if not held:
                found.append(text)
        return found

    def test_a_good_resource_passes(self) -> None:
        assert self.refused(written()) == []
        assert self.refused({**written(), "spec": {"type": "Remote", "url": "https://x.example"}}) == []
        assert self.refused(written(podTemplateSpec={"metadata": {"labels": {"a": "b"}}})) == []
        assert self.refused(written(podTemplateSpec={"spec": {"containers": [{"name": "mcp"}], "hostNetwork": False}})) == []

    @pytest.mark.parametrize("image", ["tools", "tools:v1", "tools@sha256:12", f"a@b@sha256:{'1' * 64}"])
    def test_a_tag_is_refused(self, image: str) -> None:
        assert self.refused(written(image=image))

    @pytest.mark.parametrize(
        "name",
        [
            *("hostNetwork", "hostPID", "hostIPC", "hostUsers", "shareProcessNamespace", "automountServiceAccountToken"),
            *("volumes", "serviceAccountName", "initContainers", "ephemeralContainers", "containers[other]", "nodeName"),
            *("hostAliases", "dnsConfig", "privileged", "allowPrivilegeEscalation", "capabilities"),
        ],
    )
    def test_what_opens_a_pod_is_refused_by_the_api_server_itself(self, name: str) -> None:
        assert self.refused(written(podTemplateSpec=REFUSED[name]))

    def test_deleting_is_never_asked_about(self) -> None:
        for value in objects(installed()):
            if value["kind"] == "ValidatingAdmissionPolicy":
                for rule in value["spec"]["matchConstraints"]["resourceRules"]:
                    assert set(rule["operations"]) == {"CREATE", "UPDATE"}
                assert value["spec"]["failurePolicy"] == "Fail"

    def test_no_one_else_writes_the_policies_of_servers_nor_takes_their_labels_off(self) -> None:
        guard = one("ValidatingAdmissionPolicy", installed(), "arcops-mcp-objects")["spec"]
        (condition,) = guard["matchConditions"]
        ours = {"metadata": {"labels": {"app.kubernetes.io/managed-by": "arcops", "arcops.dev/mcp-server": "tools"}}}
        bare: dict[str, Any] = {"metadata": {}}
        text = re.sub(r"\b(object|oldObject|request)\b", r"self.\1", condition["expression"])
        run = Evaluator()

        def about(operation: str, new: dict[str, Any], old: dict[str, Any] | None) -> object:
            return run.holds(text, {"object": new, "oldObject": old or bare, "request": {"operation": operation}})

        assert about("CREATE", ours, None) is True
        assert about("UPDATE", bare, ours) is True
        assert about("UPDATE", bare, bare) is False
        assert "system:serviceaccount:arcops-system:arcops-operator" in guard["validations"][0]["expression"]


def test_the_pods_get_the_verdicts_of_the_keys_that_may_judge_images() -> None:
    def pod(of: Installation) -> dict[str, Any]:
        found: dict[str, Any] = one("Deployment", of)["spec"]["template"]["spec"]
        return found

    key = f"sha256:{'a' * 64}"
    with_key, without = pod(installed(signers=(key,))), pod(installed())
    (container,) = with_key["containers"]
    assert f"--image-signer={key}" in container["args"]
    assert {each["name"] for each in container["env"]} >= {"ARCOPS_STORE", "ARCOPS_TRUST", "ARCOPS_REMEMBERED"}
    volumes = {each["name"] for each in with_key["volumes"]}
    assert {each["name"] for each in container["volumeMounts"]} == volumes
    assert volumes - {each["name"] for each in without["volumes"]} == {"store", "trust"}
    assert not any("--image-signer" in each for each in without["containers"][0]["args"])
