"""The admission webhook's manifest: valid by the schemas of Kubernetes, at one with the program, and as narrow as it says."""

from __future__ import annotations

import base64
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from ipaddress import ip_network
from pathlib import Path
from string import Template
from typing import Any

import kubernetes_validate
import pytest
import yaml

from adapters.admission.__main__ import command_line
from adapters.admission.app import DEADLINE, PATH, SERVERS
from foundation.settings import read_settings
from foundation.strict_yaml import load_all
from manifests.crds.definitions import ServerKind
from tasks.cluster.workloads import POD_AT
from tests.adapters.test_admission import Webhook, review
from tests.certificates import Authority
from tests.models import PASSPHRASE, Bench, bench, good_model

pytestmark = pytest.mark.requirement("ARC-D2/the-webhook-is-narrow")

HOUSE = Path(__file__).resolve().parents[2]
MANIFEST = HOUSE / "deployments" / "kubernetes" / "admission.yaml"
POLICY = Path("/etc/arcops/policy/admission.yaml")
GIVEN = {
    "IMAGE": "registry.example.internal/arcops@sha256:" + "0" * 64,
    "CONTROL_PLANE_CIDR": "10.0.0.0/28",
    "CA_BUNDLE": base64.b64encode(b"pem").decode(),
    "SIGNER": "sha256:" + "1" * 64,
    "POLICY": "sha256:" + "2" * 64,
}


def objects(**given: str) -> list[Any]:
    """Every object as an API server would get it: filled in, with YAML's anchors written out."""
    return list(yaml.safe_load_all(Template(MANIFEST.read_text()).substitute(GIVEN | given)))


def one(kind: str, **given: str) -> Any:
    [found] = [found for found in objects(**given) if found["kind"] == kind]
    return found


def container() -> Any:
    [found] = one("Deployment")["spec"]["template"]["spec"]["containers"]
    return found


def variables() -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in container()["env"]}


@pytest.mark.parametrize("found", objects(), ids=lambda found: found["kind"])
def test_every_object_is_valid_by_the_schema_of_kubernetes(found: Any) -> None:
    kubernetes_validate.validate(found, "1.34", strict=True)
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**found, "unheardOf": 1}, "1.34", strict=True)


def test_what_must_be_given_is_named_in_the_readme_and_nothing_else_is_open() -> None:
    text = MANIFEST.read_text()
    assert set(Template(text).get_identifiers()) == set(GIVEN)
    page = (MANIFEST.parent / "README.md").read_text()
    for name in (*GIVEN, "arcops-admission-tls", "arcops-admission-key", "arcops-trust"):
        assert name in page


def test_the_webhook_asks_where_the_program_answers() -> None:
    service = one("Service")
    [port] = service["spec"]["ports"]
    [listening] = container()["ports"]
    assert port["targetPort"] == listening["name"]
    assert f"--port={listening['containerPort']}" in container()["args"]
    namespace = one("Namespace")["metadata"]["name"]
    for webhook in one("ValidatingWebhookConfiguration")["webhooks"]:
        assert webhook["clientConfig"]["service"] == {
            "namespace": namespace, "name": service["metadata"]["name"], "port": port["port"],
            "path": SERVERS if webhook["name"].startswith("servers.") else PATH,
        }  # fmt: skip
    name = f"{service['metadata']['name']}.{namespace}.svc:{port['port']}"
    assert variables()["ARCOPS_PUBLIC_URL"] == f"https://{name}", "an API server names its port, even this one"
    assert {found["metadata"]["namespace"] for found in objects() if "namespace" in found["metadata"]} == {namespace}


def test_the_api_server_waits_longer_than_the_program_thinks() -> None:
    for webhook in one("ValidatingWebhookConfiguration")["webhooks"]:
        assert DEADLINE + 1 < webhook["timeoutSeconds"] <= 30


def test_what_cannot_be_asked_is_refused_and_nothing_slips_by() -> None:
    plurals: dict[bool, set[str]] = {True: set(), False: set()}
    for webhook in one("ValidatingWebhookConfiguration")["webhooks"]:
        assert (webhook["failurePolicy"], webhook["matchPolicy"], webhook["sideEffects"]) == ("Fail", "Equivalent", "None")
        assert webhook["admissionReviewVersions"] == ["v1"]
        assert webhook["namespaceSelector"]["matchExpressions"] == [
            {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system", "arcops-system"]},
            {"key": "arcops.dev/admission", "operator": "NotIn", "values": ["exempt"]},
        ]
        assert "objectSelector" not in webhook
        for rule in webhook["rules"]:
            assert "CREATE" in rule["operations"]
            assert not {"DELETE", "*"} & set(rule["operations"]), "deleting is never locked out"
            plurals[rule["apiGroups"] == ["ome.io"]].update(rule["resources"])
    assert plurals[False] == {f"{kind.lower()}s" for _, kind in POD_AT}, "every kind that the collector reads, and no other"
    assert plurals[True] == {f"{kind.value.lower()}s" for kind in ServerKind}


def test_the_pod_is_as_restricted_as_kubernetes_knows() -> None:
    pod = one("Deployment")["spec"]["template"]["spec"]
    assert one("Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    assert all(len(set(volume) - {"name"}) == 1 and "hostPath" not in volume for volume in pod["volumes"])
    assert pod["automountServiceAccountToken"] is False
    assert one("ServiceAccount")["automountServiceAccountToken"] is False
    assert pod["serviceAccountName"] == one("ServiceAccount")["metadata"]["name"]
    assert not [found for found in objects() if "Role" in found["kind"]]
    assert container()["resources"]["limits"]["memory"]


def test_the_network_policy_lets_the_control_plane_in_and_nothing_out() -> None:
    policy = one("NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["egress"] == []
    [ingress] = policy["ingress"]
    [source] = ingress["from"]
    assert ip_network(source["ipBlock"]["cidr"]).prefixlen > 0
    assert [port["port"] for port in ingress["ports"]] == [container()["ports"][0]["containerPort"]]


def test_everything_selects_the_pods_that_there_are() -> None:
    deployment = one("Deployment")["spec"]
    labels = deployment["template"]["metadata"]["labels"].items()
    selectors = [
        deployment["selector"]["matchLabels"],
        one("Service")["spec"]["selector"],
        one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        one("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ]
    for selector in selectors:
        assert selector
        assert selector.items() <= labels


def test_what_is_mounted_is_there_and_what_is_written_is_mounted() -> None:
    mounted = {mount["mountPath"]: mount for mount in container()["volumeMounts"]}
    volumes = {volume["name"] for volume in one("Deployment")["spec"]["template"]["spec"]["volumes"]}
    assert {mount["name"] for mount in mounted.values()} == volumes
    settings = read_settings(variables())
    for written in (settings.store, settings.cache, Path("/tmp/x")):  # reviews are kept there while they are judged
        [mount] = [mount for path, mount in mounted.items() if written.is_relative_to(path)]
        assert "readOnly" not in mount
    for read in (settings.trust / "keys", Path(settings.key), Path(variables()["ARCOPS_PASSPHRASE_FILE"]), POLICY):
        [mount] = [mount for path, mount in mounted.items() if read.is_relative_to(path)]
        assert mount["readOnly"] is True


def here_instead(text: str, folder: Path) -> str:
    """*text* of the manifest with the container's folders below *folder*."""
    return text.replace("/etc/arcops", str(folder / "etc")).replace("/var/lib/arcops", str(folder / "var"))


@contextmanager
def deployed(here: Bench, folder: Path) -> Iterator[Webhook]:
    """The container's own command with its own environment; only the folders are elsewhere, the address is this machine's
    and the port is a free one.
    """
    authority = Authority.new()
    for name in ("etc/tls", "etc/key", "etc/trust", "etc/policy", "var/store"):
        (folder / name).mkdir(parents=True)
    authority.issue("arcops-admission.arcops-system.svc", folder / "etc" / "tls")
    policy = yaml.safe_load(here.admission.read_text())["gates"]["admission"]
    named = {"SIGNER": policy["signers"][0]["key"], "POLICY": policy["policies"][0]}
    text = one("ConfigMap", **named)["data"]["admission.yaml"]
    (folder / "etc" / "policy" / "admission.yaml").write_text(text)
    (folder / "etc" / "trust" / "keys").symlink_to(here.settings.trust / "keys")
    (folder / "var" / "store" / "artifacts").symlink_to(here.settings.store)
    (folder / "etc" / "key" / "arcops.key").write_bytes(Path(here.settings.key).read_bytes())
    (folder / "etc" / "key" / "passphrase").write_text(PASSPHRASE)
    for path in (folder / "etc" / "key").iterdir():
        path.chmod(0o400)
    arguments = [here_instead(argument, folder) for argument in container()["args"]]
    arguments = [
        {"--host": "--host=127.0.0.1", "--port": "--port=0"}.get(argument.partition("=")[0], argument) for argument in arguments
    ]
    assert container()["command"][0] == "python"
    process = subprocess.Popen(
        [sys.executable, *container()["command"][1:], *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(HOUSE)}
        | {name: here_instead(value, folder) for name, value in variables().items()},
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield Webhook(port=port_of(process), authority=authority)
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=600)
        assert process.returncode in (0, -signal.SIGTERM), said
        assert "Traceback" not in said


def port_of(process: subprocess.Popen[str]) -> int:
    """The port at which *process* listens. It says only its public name, so the kernel is asked."""
    assert process.stderr is not None
    until = time.monotonic() + 600
    while time.monotonic() < until:
        if select.select([process.stderr], [], [], 0.2)[0]:
            line = process.stderr.readline()
            assert line, "the server ended"
            if line == f"arcops: admission at {variables()['ARCOPS_PUBLIC_URL']}\n":
                break
    inodes = {str(path.readlink()) for path in Path(f"/proc/{process.pid}/fd").iterdir() if path.is_symlink()}
    for entry in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = entry.split()
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
            return int(fields[1].rpartition(":")[2], 16)
    raise AssertionError("it listens at no port")


def test_the_containers_own_command_answers_an_api_server(tmp_path: Path) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    here = bench(tmp_path / "bench")
    digest = str(here.check(good_model(here, now=now), now=now).report.subject.digests[0])
    with deployed(here, tmp_path / "pod") as webhook:
        assert webhook.ask(review(digest))["allowed"] is True
        assert webhook.ask(review())["allowed"] is False
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            asked = container()[probe]["httpGet"]
            assert asked["scheme"] == "HTTPS"
            connection = webhook.connect()
            connection.request("GET", asked["path"], headers={"Host": "10.1.2.3:8443"})  # a kubelet asks by the pod's address
            response = connection.getresponse()
            assert response.status == 200, (probe, response.read())
            connection.close()
        connection = webhook.connect()
        connection.request(
            "POST", PATH, json.dumps(review(digest)), {"Host": "evil.example", "Content-Type": "application/json"}
        )
        assert connection.getresponse().status == 421
        connection.close()
        plain = HTTPConnection("127.0.0.1", webhook.port, timeout=600)
        plain.request("POST", PATH, b"{}")
        with pytest.raises(OSError):  # noqa: PT011  # a reset or an end, as the kernel has it: in the clear no one answers
            plain.getresponse()
        plain.close()


def test_the_command_line_takes_the_containers_arguments() -> None:
    given = command_line().parse_args(container()["args"])
    assert (given.host, given.policy) == ("0.0.0.0", "/etc/arcops/policy/admission.yaml")  # noqa: S104  # in a pod, whose network policy decides
    with pytest.raises(SystemExit):
        command_line().parse_args([*container()["args"], "--unheard-of"])


def test_the_manifest_is_yaml_that_stricter_readers_take() -> None:
    text = Template(MANIFEST.read_text()).substitute(GIVEN)
    documents = [part for part in text.split("\n---\n") if "&door" not in part]
    assert len(documents) == len(objects()) - 1, "anchors stand in the webhook configuration alone"
    for part in documents:
        assert len(load_all(part.encode(), what="the manifest")) == 1
