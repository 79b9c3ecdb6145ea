"""Every field of a resource reaches the pod, the relay or the Service, or is refused by its name; none is dropped in silence.

kmcp#77: arguments were dropped for one of the transports.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import kubernetes_validate
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.crds.definitions import STORED, resource_schema
from manifests.crds.server import specification
from services.operator.observed import Observed, SeenConfigMap, SeenSecret
from services.operator.reconcile import Outcome
from services.operator.site import NamespacePolicy
from tests.services.operator.cases import IMAGE, SITE, after, condition, made, of_kind, written

pytestmark = pytest.mark.requirement("OPER-8/pods-are-configurable")

WORD = st.text("abcdefgh", min_size=9, max_size=12).map(lambda one: f"zq{one}")
"""A word that nothing else says, so that it is found again."""
POLICY = WORD.map("permit (principal, action, resource) when {{ context has {} }};".format)
PORT = st.integers(20_000, 30_000)
_KEYED = st.fixed_dictionaries({"name": WORD, "key": WORD})
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "args": st.lists(WORD, min_size=1, max_size=4),
    "env": st.lists(
        st.one_of(
            st.fixed_dictionaries({"name": WORD, "value": WORD}),
            st.fixed_dictionaries({"name": WORD, "valueFrom": st.fixed_dictionaries({"secretKeyRef": _KEYED})}),
            st.fixed_dictionaries({"name": WORD, "valueFrom": st.fixed_dictionaries({"configMapKeyRef": _KEYED})}),
        ),
        min_size=1,
        max_size=3,
        unique_by=lambda one: one["name"],
    ),
    "secrets": st.lists(
        st.one_of(
            st.fixed_dictionaries({"name": WORD, "key": WORD, "targetEnvName": WORD.map("S{}".format)}),
            st.fixed_dictionaries({"name": WORD, "key": WORD, "mountPath": WORD.map(lambda one: f"/{one}")}),
            st.fixed_dictionaries(
                {
                    "name": WORD,
                    "key": WORD,
                    "targetEnvName": WORD.map("S{}".format),
                    "mountPath": WORD.map(lambda one: f"/{one}"),
                }
            ),
        ),
        min_size=1,
        max_size=3,
        unique_by=(
            lambda one: one.get("targetEnvName") or one["mountPath"],
            lambda one: one.get("mountPath") or one["targetEnvName"],
        ),
    ),
    "resources": st.fixed_dictionaries(
        {"limits": st.fixed_dictionaries({"memory": st.integers(300, 999).map(lambda one: f"{one}Mi")})}
    ),
    "serviceAccount": WORD,
    "toolsFilter": st.lists(WORD, min_size=1, max_size=3, unique=True),
    "nodeSelector": st.dictionaries(WORD, WORD, min_size=1, max_size=2),
    "tolerations": st.lists(
        st.fixed_dictionaries({"key": WORD, "operator": st.just("Equal"), "value": WORD, "effect": st.just("NoSchedule")}),
        min_size=1,
        max_size=2,
    ),
    "affinity": st.fixed_dictionaries(
        {
            "podAntiAffinity": st.fixed_dictionaries(
                {
                    "requiredDuringSchedulingIgnoredDuringExecution": st.lists(
                        st.fixed_dictionaries({"topologyKey": WORD}), min_size=1, max_size=1
                    )
                }
            )
        }
    ),
    "port": PORT,
    "protocol": st.just({"versions": ["2025-06-18", "2025-11-25"]}),
    "capabilities": st.just({"tools": True, "prompts": False}),
    "image": st.just(IMAGE),
    "authzConfig": st.fixed_dictionaries(
        {
            "type": st.just("inline"),
            "inline": st.fixed_dictionaries(
                {"policies": st.lists(POLICY, min_size=1, max_size=2), "actions": st.dictionaries(WORD, WORD)}
            ),
        }
    ),
    "oidcConfig": st.fixed_dictionaries(
        {"type": st.just("kubernetes"), "kubernetes": st.fixed_dictionaries({"audience": WORD, "serviceAccount": WORD})}
    ),
    "volumes": WORD.map(lambda one: [{"name": one, "configMap": {"name": f"{one}map"}}]),
    "podTemplateSpec": WORD.map(lambda one: {"spec": {"priorityClassName": one}}),
}
ELSEWHERE = {"type", "url", "transport", "replicas", "targetPort", "permissionProfile", "volumeMounts"}
"""Fields with tests of their own below and beside."""
KEYS = Observed(key_sets={"https://kubernetes.default.svc": '{"keys":[]}'})


def test_every_field_of_the_resource_is_tried() -> None:
    properties = specification(bundle="thvCABundlePath")["properties"]
    assert isinstance(properties, dict)
    assert set(properties) == set(FIELDS) | ELSEWHERE
    assert resource_schema(STORED)["required"] == ["spec"]


def words(value: Any) -> set[str]:
    """Every word and number that a user wrote in *value*, except names of fields of Kubernetes."""
    if isinstance(value, dict):
        names = {key for key in value if key.startswith("zq")}
        return names.union(*(words(one) for one in value.values()), set())
    if isinstance(value, list):
        return set().union(*(words(one) for one in value))
    return {value} if isinstance(value, str) and ("zq" in value or value.endswith("Mi")) else set()


@given(fields=st.fixed_dictionaries({}, optional=FIELDS), transport=st.sampled_from(["stdio", "streamable-http", "sse"]))
def test_what_is_written_is_found_again(fields: dict[str, Any], transport: str) -> None:
    outcome = made(written(transport=transport, **fields), KEYS)
    assert outcome.objects, condition(outcome)["message"]
    text = " ".join(json.dumps(one.value) for one in outcome.objects)
    for name, value in fields.items():
        for word in words(value):
            assert word in text, f"{word} of {name} reached no object"
    if "port" in fields:
        assert of_kind(outcome, "Service")["spec"]["ports"][0]["port"] == fields["port"]
    for one in outcome.objects:
        kubernetes_validate.validate(one.value, "1.34", strict=True)


class TestStreams:
    def test_arguments_follow_the_command_of_the_shim(self) -> None:
        container = of_kind(made(written(args=["--verbose", "x"])), "Deployment")["spec"]["template"]["spec"]["containers"][0]
        assert [*container["command"], *container["args"]][4:] == ["/usr/bin/tools", "serve", "--verbose", "x"][0:]

    def test_without_a_known_command_it_is_refused_with_what_to_do(self) -> None:
        from tests.services.operator.cases import DIGEST, GREEN, VERDICTS

        unknown = replace(VERDICTS, images={DIGEST: replace(GREEN, entry_point=None)})
        outcome = made(written(), verdicts=unknown)
        assert condition(outcome)["reason"] == "EntryPointUnknown"
        assert "podTemplateSpec" in condition(outcome)["message"]
        given_command = {"spec": {"containers": [{"name": "mcp", "command": ["/own"]}]}}
        assert made(written(podTemplateSpec=given_command), verdicts=unknown).objects


class TestReplicas:
    def test_several_have_a_budget_and_a_session_stays_with_one(self) -> None:
        outcome = made(written(transport="streamable-http", replicas=3))
        assert of_kind(outcome, "Deployment")["spec"]["replicas"] == 3
        assert of_kind(outcome, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
        assert of_kind(outcome, "Service")["spec"]["sessionAffinity"] == "ClientIP"

    def test_an_update_drops_no_call(self) -> None:
        spec = of_kind(made(written(transport="streamable-http", replicas=2)), "Deployment")["spec"]
        assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
        pod = spec["template"]["spec"]
        (relay,) = [one for one in pod["initContainers"] if one["name"] == "arcops-relay"]
        assert relay["restartPolicy"] == "Always", "it starts before the server and ends after it"
        assert pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"] < pod["terminationGracePeriodSeconds"]

    def test_an_autoscaler_owns_the_number(self) -> None:
        value = written(transport="streamable-http", replicas=2)
        value["metadata"]["annotations"] = {"arcops.dev/max-replicas": "5"}
        outcome = made(value)
        assert "replicas" not in of_kind(outcome, "Deployment")["spec"]
        scaler = of_kind(outcome, "HorizontalPodAutoscaler")["spec"]
        assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 5)

    @pytest.mark.parametrize("most", ["0", "101", "x", "1"])
    def test_a_most_that_cannot_be_is_refused(self, most: str) -> None:
        value = written(transport="streamable-http", replicas=2)
        value["metadata"]["annotations"] = {"arcops.dev/max-replicas": most}
        assert condition(made(value))["reason"] == "InvalidSpec"

    def test_stdio_is_never_scaled(self) -> None:
        value = written()
        value["metadata"]["annotations"] = {"arcops.dev/max-replicas": "5"}
        assert condition(made(value))["reason"] == "InvalidSpec"


class TestSecrets:
    def test_a_changed_one_rolls_the_pods_only_where_that_is_allowed(self) -> None:
        value = written(secrets=[{"name": "db", "key": "url", "targetEnvName": "URL"}])

        def noted(version: str, site: Any) -> object:
            outcome = made(value, Observed(secrets={"db": SeenSecret(version=version, since=version)}), site)
            return of_kind(outcome, "Deployment")["spec"]["template"]["metadata"]["annotations"].get("arcops.dev/secrets")

        rotating = replace(SITE, policies={"shop": NamespacePolicy(rotate_secrets=True)})
        assert noted("1", rotating) == noted("1", rotating) is not None
        assert noted("1", rotating) != noted("2", rotating)
        assert noted("1", SITE) is None

    def test_a_later_version_with_the_same_data_is_noted_and_rolls_nothing(self) -> None:
        value = written(secrets=[{"name": "db", "key": "url", "targetEnvName": "URL"}])
        rotating = replace(SITE, policies={"shop": NamespacePolicy(rotate_secrets=True)})

        def then(before: Outcome | None, version: str, since: str) -> tuple[Outcome, str]:
            seen = after(before) if before is not None else Observed()
            outcome = made(value, replace(seen, secrets={"db": SeenSecret(version=version, since=since)}), rotating)
            template = of_kind(outcome, "Deployment")["spec"]["template"]["metadata"]["annotations"]
            return outcome, str(template["arcops.dev/secrets"])

        first, noted = then(None, "1", "1")
        labelled, same = then(first, "2", "1")
        assert same == noted
        assert [one.name.kind for one in labelled.writes] == ["Deployment"], "another process knows it by this"
        begun, same = then(labelled, "2", "2")
        assert (same, begun.writes) == (noted, ())
        again, same = then(begun, "3", "2")
        assert same == noted
        assert then(again, "4", "4")[1] != noted

    def test_a_file_has_its_path_in_the_variable(self) -> None:
        value = written(
            secrets=[{"name": "cloud", "key": "config", "targetEnvName": "KUBECONFIG", "mountPath": "/etc/cloud/config"}]
        )
        pod = of_kind(made(value), "Deployment")["spec"]["template"]["spec"]
        container = pod["containers"][0]
        assert {"name": "KUBECONFIG", "value": "/etc/cloud/config"} in container["env"]
        assert any(one["mountPath"] == "/etc/cloud/config" and one["readOnly"] for one in container["volumeMounts"])


class TestVolumes:
    def profile(self, **more: Any) -> Any:
        text = json.dumps({"read": ["/etc/ssl/certs"], "write": ["/data"]})
        seen = replace(KEYS, config_maps={"p": SeenConfigMap(resource_version="1", data={"p.json": text})})
        reference = {"type": "configmap", "name": "p", "key": "p.json"}
        return made(written(transport="streamable-http", permissionProfile=reference, **more), seen)

    def test_a_claim_where_the_profile_lets_it_be_written(self) -> None:
        outcome = self.profile(
            volumes=[{"name": "d", "persistentVolumeClaim": {"claimName": "d"}}],
            volumeMounts=[{"name": "d", "mountPath": "/data"}],
        )
        container = of_kind(outcome, "Deployment")["spec"]["template"]["spec"]["containers"][0]
        assert container["volumeMounts"] == [{"name": "d", "mountPath": "/data"}], "and no empty folder in its place"

    def test_files_for_tokens_reach_the_relay_and_not_the_server(self) -> None:
        inline = {
            "issuer": "https://login.example",
            "audience": "x",
            "thvCABundlePath": "/etc/ssl/certs/ca.pem",
            "jwksAuthTokenPath": "/var/auth/token",
        }
        outcome = self.profile(
            oidcConfig={"type": "inline", "inline": inline},
            volumes=[{"name": "ca", "configMap": {"name": "ca"}}, {"name": "auth", "secret": {"secretName": "auth"}}],
            volumeMounts=[
                {"name": "ca", "mountPath": "/etc/ssl/certs/ca.pem", "subPath": "ca.pem"},
                {"name": "auth", "mountPath": "/var/auth"},
            ],
        )
        pod = of_kind(outcome, "Deployment")["spec"]["template"]["spec"]
        server = {one["mountPath"] for one in pod["containers"][0]["volumeMounts"]}
        (relay,) = [one for one in pod["initContainers"] if one["name"] == "arcops-relay"]
        assert server == {"/etc/ssl/certs/ca.pem", "/data"}
        assert {"/etc/ssl/certs/ca.pem", "/var/auth"} <= {one["mountPath"] for one in relay["volumeMounts"]}
        assert "login.example" in str(of_kind(outcome, "CiliumNetworkPolicy")), "the relay fetches keys, and it is said"

    REFUSED = (
        ("elsewhere", {"persistentVolumeClaim": {"claimName": "d"}}, {"mountPath": "/other"}),
        ("over the relay's settings", {"configMap": {"name": "x"}}, {"mountPath": "/etc/arcops"}),
        ("over its parent", {"configMap": {"name": "x"}}, {"mountPath": "/etc"}),
        ("over the kernel's", {"emptyDir": {}}, {"mountPath": "/proc/x"}),
        ("upwards", {"emptyDir": {}}, {"mountPath": "/data/../etc"}),
        ("with mounts of the node", {"emptyDir": {}}, {"mountPath": "/data", "mountPropagation": "Bidirectional"}),
        ("written where it may be read", {"emptyDir": {}}, {"mountPath": "/etc/ssl/certs"}),
        ("an image", {"image": {"reference": "x"}}, {"mountPath": "/data"}),
        (
            "a token",
            {"projected": {"sources": [{"serviceAccountToken": {"audience": "x", "path": "t"}}]}},
            {"mountPath": "/data"},
        ),
    )

    @pytest.mark.parametrize(("name", "volume", "mount"), REFUSED, ids=[one[0] for one in REFUSED])
    def test_what_the_profile_does_not_allow_is_refused(self, name: str, volume: dict[str, Any], mount: dict[str, Any]) -> None:
        outcome = self.profile(volumes=[{"name": "v", **volume}], volumeMounts=[{"name": "v", **mount}])
        assert condition(outcome)["status"] == "False"
        assert not outcome.objects


def test_a_port_of_the_relay_is_no_matter_for_the_service() -> None:
    assert of_kind(made(written(port=15080)), "Service")["spec"]["ports"][0]["port"] == 15080
    assert condition(made(written(transport="sse", port=15080)))["reason"] == "InvalidSpec"


@pytest.mark.parametrize("field", ["issuer", "jwksURL"])
def test_no_issuer_is_asked_with_a_password(field: str) -> None:
    inline = {"issuer": "https://login.example", "audience": "x", field: "https://user:secret@login.example"}
    outcome = made(written(oidcConfig={"type": "inline", "inline": inline}))
    assert condition(outcome)["reason"] == "InvalidSpec"
    assert "secret" not in condition(outcome)["message"]


class TestCollisions:
    """Two things of one name or place: one of them would be lost in silence, or take the place of ours."""

    CASES = (
        ("a volume of ours", {"volumes": [{"name": "arcops-run", "emptyDir": {}}]}, "arcops-run"),
        ("the shim", {"secrets": [{"name": "s", "key": "k", "mountPath": "/arcops/shim"}]}, "/arcops"),
        ("the relay's settings", {"secrets": [{"name": "s", "key": "k", "mountPath": "//etc//arcops/keys.json"}]}, "//"),
        ("the relay's settings by a dot", {"secrets": [{"name": "s", "key": "k", "mountPath": "/etc/./arcops"}]}, "'.'"),
        ("the kernel's", {"secrets": [{"name": "s", "key": "k", "mountPath": "/sys/x"}]}, "/sys/x"),
        (
            "a mount behind two strokes",
            {
                "volumes": [{"name": "v", "configMap": {"name": "v"}}],
                "volumeMounts": [{"name": "v", "mountPath": "//etc/arcops", "readOnly": True}],
            },
            "//etc/arcops",
        ),
        (
            "two files",
            {"secrets": [{"name": one, "key": "k", "targetEnvName": one, "mountPath": "/run/x"} for one in ("a", "b")]},
            "/run/x",
        ),
        (
            "a file and a volume",
            {
                "volumes": [{"name": "v", "configMap": {"name": "v"}}],
                "volumeMounts": [{"name": "v", "mountPath": "/run/x/", "readOnly": True}],
                "secrets": [{"name": "s", "key": "k", "mountPath": "/run/x"}],
            },
            "/run/x",
        ),
        ("two variables", {"env": [{"name": "K", "value": "1"}], "secrets": [{"name": "s", "key": "K"}]}, "K is given twice"),
        (
            "two variables of Secrets",
            {"secrets": [{"name": one, "key": "k", "targetEnvName": "K"} for one in ("a", "b")]},
            "K is given twice",
        ),
    )

    @pytest.mark.parametrize(("name", "spec", "said"), CASES, ids=[one[0] for one in CASES])
    def test_it_is_refused_by_its_name(self, name: str, spec: dict[str, Any], said: str) -> None:
        outcome = made(written(**spec))
        assert condition(outcome)["reason"] == "InvalidSpec"
        assert said in condition(outcome)["message"]
        assert not outcome.objects


class TestImages:
    """What a volume mounts from an image may run as the server's own does, so a gate let it pass, too."""

    AT = replace(SITE, image_volumes=True)

    def mounted(self, reference: str) -> dict[str, Any]:
        return written(
            volumes=[{"name": "more", "image": {"reference": reference}}],
            volumeMounts=[{"name": "more", "mountPath": "/more", "readOnly": True}],
        )

    @pytest.mark.parametrize("reference", ["registry.example/more:v1", f"registry.example/more@sha256:{'9' * 64}"])
    def test_an_image_that_no_gate_let_pass_is_not_mounted(self, reference: str) -> None:
        outcome = made(self.mounted(reference), site=self.AT)
        assert condition(outcome)["reason"] == "ImageNotAllowed"
        assert not outcome.objects
        assert made(self.mounted(IMAGE), site=self.AT).objects

    def test_it_looks_again_before_the_first_verdict_ends(self) -> None:
        from datetime import timedelta

        from tests.services.operator.cases import DIGEST, GREEN, NOW, VERDICTS

        other = "sha256:" + "7" * 64
        soon = replace(GREEN, digest=other, valid_until=NOW + timedelta(seconds=20))
        known = replace(VERDICTS, images={DIGEST: GREEN, other: soon})
        outcome = made(self.mounted(f"registry.example/more@{other}"), site=self.AT, verdicts=known)
        assert outcome.objects
        assert outcome.look_again_seconds <= 20


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        ({"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}}, "above resources.limits.memory"),
        ({"requests": {"cpu": 2}, "limits": {"cpu": "1999m"}}, "above resources.limits.cpu"),
        ({"limits": {"memory": "-1Gi"}}, "not below 0"),
    ],
)
@pytest.mark.parametrize("templated", [False, True])
def test_amounts_that_no_api_server_takes_are_refused_before_it_is_asked(
    resources: dict[str, Any], said: str, templated: bool
) -> None:
    template = {"podTemplateSpec": {"spec": {"containers": [{"name": "mcp", "resources": resources}]}}}
    outcome = made(written(**(template if templated else {"resources": resources})))
    assert condition(outcome)["reason"] == "InvalidSpec"
    assert said in condition(outcome)["message"]
    assert made(written(resources={"requests": {"cpu": "1000m"}, "limits": {"cpu": 1}})).objects


class TestDefaults:
    def test_what_is_not_said_of_resources_is_limited_and_never_contradicts_what_is(self) -> None:
        def resources(**spec: Any) -> Any:
            return of_kind(made(written(**spec)), "Deployment")["spec"]["template"]["spec"]["containers"][0]["resources"]

        assert resources()["limits"]["memory"] == "256Mi"
        asked = resources(resources={"requests": {"memory": "2Gi"}})
        assert asked["requests"]["memory"] == "2Gi"
        assert "memory" not in asked["limits"], "a limit of ours below it would be refused"
        assert asked["limits"]["cpu"] == "500m"

    def test_empty_folders_have_a_limit(self) -> None:
        value = written(
            volumes=[{"name": "v", "emptyDir": {}}], volumeMounts=[{"name": "v", "mountPath": "/v", "readOnly": True}]
        )
        pod = of_kind(made(value), "Deployment")["spec"]["template"]["spec"]
        assert all("sizeLimit" in one["emptyDir"] for one in pod["volumes"] if "emptyDir" in one)
