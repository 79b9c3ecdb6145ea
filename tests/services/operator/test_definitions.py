"""The definitions of the resources: their files, their bounds, and what they accept and refuse, as an API server would."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from manifests.crds.definitions import BUNDLE_OF, NEWER, STORED, Conversion, ServerKind, definition, resource_schema
from manifests.crds.files import definition_files
from manifests.objects import thawed
from tasks.kubernetes.manifests.schemas import Schema

HOUSE = Path(__file__).resolve().parents[3]
SOURCE = Path(os.environ.get("ARCOPS_OEP", HOUSE.parent / "shared" / "sources" / "002_6dcf792484c86015.txt"))
IMAGE = f"registry.example/tools@sha256:{'1' * 64}"
INLINE = {"issuer": "https://login.example", "audience": "tools"}


def broken(spec: Any, kind: str = "MCPServer", name: str = "tools", version: str = STORED) -> list[str]:
    """What an API server says against a resource with *spec*: the place and the sentence of each problem."""
    value = {"apiVersion": f"ome.io/{version}", "kind": str(kind), "metadata": {"name": name}, "spec": spec}
    found = Schema(thawed(resource_schema(version))).problems(value, [100_000])
    return [f"{'.'.join(map(str, path))}: {text}" for path, text, _ in found]


@pytest.mark.requirement("OPER-1/resources-are-validated")
class TestFiles:
    @pytest.mark.parametrize("file", definition_files(), ids=lambda one: one.name)
    def test_the_files_are_what_is_generated(self, file: Any) -> None:
        assert (HOUSE / "deployments" / "crds" / file.name).read_text() == file.text, "run 'make docs'"

    def test_no_other_file_would_be_applied_with_them(self) -> None:
        there = {one.name for one in (HOUSE / "deployments" / "crds").iterdir()}
        assert there == {one.name for one in definition_files()} | {"README.md"}

    @pytest.mark.parametrize("conversion", [None, Conversion(namespace="arcops-system", service="arcops-operator")])
    @pytest.mark.parametrize("kind", ServerKind)
    def test_each_is_valid_by_the_schema_of_kubernetes(self, kind: ServerKind, conversion: Conversion | None) -> None:
        value = definition(kind, conversion).value
        kubernetes_validate.validate(value, "1.34", strict=True)
        served = {one["name"]: one["served"] for one in value["spec"]["versions"]}  # type: ignore[index, call-overload]
        assert served == {STORED: True, NEWER: conversion is not None}, "without a webhook, nothing could convert"

    def test_the_text_is_read_back_as_the_object(self) -> None:
        for kind, file in zip(ServerKind, definition_files(), strict=True):
            assert yaml.safe_load(file.text) == definition(kind).value

    def test_it_is_small_enough_for_the_annotation_of_kubectl(self) -> None:
        assert all(len(definition(kind).text) < 262_144 for kind in ServerKind)


def _shapes(schema: Any, at: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield at, schema
    for name, one in schema.get("properties", {}).items():
        yield from _shapes(one, f"{at}.{name}")
    if isinstance(schema.get("items"), Mapping):
        yield from _shapes(schema["items"], f"{at}[]")
    if isinstance(schema.get("additionalProperties"), Mapping):
        yield from _shapes(schema["additionalProperties"], f"{at}[*]")


def test_every_text_list_and_map_has_a_most() -> None:
    """Rules have a budget of cost, which is estimated from these (Kubernetes, "Resource use by validation functions")."""
    for at, one in _shapes(resource_schema(STORED)):
        if not at.startswith((".spec", ".status")):
            continue
        kind = one.get("type")
        if kind == "string":
            assert "maxLength" in one or "enum" in one or one.get("format") == "date-time", at
        if kind == "array":
            assert "maxItems" in one, at
        if kind == "object":
            assert "properties" in one or "maxProperties" in one or one.get("x-kubernetes-preserve-unknown-fields"), at
        if kind == "integer":
            assert "minimum" in one, at
            assert "maximum" in one, at
        assert kind or one.get("x-kubernetes-int-or-string"), f"{at} has no type, so it is not structural"


def test_the_versions_differ_in_one_field() -> None:
    fields = {version: {at for at, _ in _shapes(resource_schema(version))} for version in (STORED, NEWER)}
    differing = fields[STORED] ^ fields[NEWER]
    assert {at.rpartition(".")[2] for at in differing} == set(BUNDLE_OF.values())


GOOD: dict[str, dict[str, Any]] = {
    "as little as there is": {"image": IMAGE},
    "a database, with a secret in a variable": {
        "type": "Hosted",
        "image": "tools:latest",
        "transport": "streamable-http",
        "env": [{"name": "URL", "valueFrom": {"secretKeyRef": {"name": "db", "key": "url"}}}],
        "permissionProfile": {"type": "builtin", "name": "network"},
        "oidcConfig": {"type": "kubernetes", "kubernetes": {"audience": "tools", "namespace": "shop"}},
    },
    "infrastructure, with a profile of its own": {
        "image": IMAGE,
        "transport": "streamable-http",
        "capabilities": {"tools": True, "resources": True},
        "secrets": [{"name": "cloud", "key": "credentials", "targetEnvName": "CREDENTIALS_FILE"}],
        "permissionProfile": {"type": "configmap", "name": "infra", "key": "policy.json"},
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "500m", "memory": "1Gi"}},
    },
    "several replicas, with policies": {
        "image": IMAGE,
        "transport": "streamable-http",
        "replicas": 3,
        "authzConfig": {
            "type": "inline",
            "inline": {"policies": ["permit(principal, action, resource);"], "entitiesJSON": "[]"},
        },
    },
    "strict, with volumes": {
        "image": IMAGE,
        "transport": "streamable-http",
        "oidcConfig": {
            "type": "inline",
            "inline": {**INLINE, "thvCABundlePath": "/certs/ca.pem", "jwksAuthTokenPath": "/var/t"},
        },
        "volumeMounts": [{"name": "ca", "mountPath": "/certs/ca.pem", "subPath": "ca.pem", "readOnly": True}],
        "volumes": [{"name": "ca", "configMap": {"name": "ca"}}],
        "podTemplateSpec": {"spec": {"securityContext": {"runAsNonRoot": True}, "containers": [{"name": "mcp"}]}},
    },
    "placed, by ConfigMaps": {
        "image": IMAGE,
        "transport": "sse",
        "oidcConfig": {"type": "configMap", "configMap": {"name": "oidc", "key": "oidc.json"}},
        "authzConfig": {"type": "configMap", "configMap": {"name": "authz"}},
        "nodeSelector": {"tier": "premium"},
        "tolerations": [{"key": "premium", "operator": "Equal", "value": "true", "effect": "NoSchedule"}],
        "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "host"}]}},
    },
    "remote": {"type": "Remote", "url": "https://mcp.example", "transport": "streamable-http"},
}

HTTP = {"image": IMAGE, "transport": "streamable-http"}
REMOTE = {"type": "Remote", "url": "https://mcp.example", "transport": "sse"}
BAD: dict[str, tuple[str, dict[str, Any]]] = {
    "no image": ("image and no url", {}),
    "an image and a url": ("image and no url", {"image": IMAGE, "url": "https://x.example"}),
    "no url": ("has a url", {"type": "Remote", "transport": "sse"}),
    "a remote image": ("has no pods", {**REMOTE, "image": IMAGE}),
    "a remote profile": ("has no pods", {**REMOTE, "permissionProfile": {"type": "builtin", "name": "none"}}),
    "remote replicas": ("has no pods", {**REMOTE, "replicas": 1}),
    "remote by stdio": ("streamable-http or sse", {**REMOTE, "transport": "stdio"}),
    "remote by default": ("streamable-http or sse", {"type": "Remote", "url": "https://x.example"}),
    "no real url": ("not an http or https URL", {**REMOTE, "url": "https://"}),
    "another scheme": ("not an http or https URL", {**REMOTE, "url": "file:///etc/passwd"}),
    "three by stdio": ("stdio has one replica", {"image": IMAGE, "replicas": 3}),
    "a port by stdio": ("stdio has no targetPort", {"image": IMAGE, "targetPort": 80}),
    "too many replicas": ("replicas", {**HTTP, "replicas": 101}),
    "a port of zero": ("port", {**HTTP, "port": 0}),
    "a port above all": ("targetPort", {**HTTP, "targetPort": 65536}),
    "an unknown transport": ("transport", {"image": IMAGE, "transport": "websocket"}),
    "an unknown type": ("type", {"image": IMAGE, "type": "Local"}),
    "an unknown builtin": ("none or network", {**HTTP, "permissionProfile": {"type": "builtin", "name": "all"}}),
    "a builtin with a key": ("has a key", {**HTTP, "permissionProfile": {"type": "builtin", "name": "none", "key": "x"}}),
    "a map without a key": ("has a key", {**HTTP, "permissionProfile": {"type": "configmap", "name": "x"}}),
    "two issuers": (
        "exactly the one block",
        {**HTTP, "oidcConfig": {"type": "inline", "inline": INLINE, "kubernetes": {"audience": "x"}}},
    ),
    "no issuer": ("exactly the one block", {**HTTP, "oidcConfig": {"type": "kubernetes"}}),
    "an issuer that is no URL": ("issuer", {**HTTP, "oidcConfig": {"type": "inline", "inline": {"issuer": "login.example"}}}),
    "policies nowhere": ("exactly the one block", {**HTTP, "authzConfig": {"type": "inline"}}),
    "no policy": ("policies", {**HTTP, "authzConfig": {"type": "inline", "inline": {"policies": []}}}),
    "a mount of nothing": ("names one of volumes", {**HTTP, "volumeMounts": [{"name": "x", "mountPath": "/x"}]}),
    "a folder of the node": ("volumes", {**HTTP, "volumes": [{"name": "x", "hostPath": {"path": "/"}}]}),
    "two sources": ("exactly one source", {**HTTP, "volumes": [{"name": "x", "emptyDir": {}, "secret": {"secretName": "y"}}]}),
    "a volume twice": ("duplicate", {**HTTP, "volumes": [{"name": "x", "emptyDir": {}}, {"name": "x", "emptyDir": {}}]}),
    "a variable twice": ("duplicate", {**HTTP, "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}),
    "a value from two places": (
        "not both",
        {**HTTP, "env": [{"name": "A", "value": "1", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]},
    ),
    "a tool twice": ("duplicate", {**HTTP, "toolsFilter": ["a", "a"]}),
    "an unknown field": ("replcias", {**HTTP, "replcias": 1}),
    "an unknown capability": ("samplng", {**HTTP, "capabilities": {"samplng": True}}),
    "too many arguments": ("args", {**HTTP, "args": ["x"] * 101}),
    "an amount without a number": ("resources", {**HTTP, "resources": {"limits": {"cpu": "much"}}}),
    "a certificate without a key": (
        "go together",
        {**HTTP, "oidcConfig": {"type": "inline", "inline": {**INLINE, "clientCertificatePath": "/c"}}},
    ),
}


@pytest.mark.requirement("OPER-1/resources-are-validated")
class TestRules:
    @pytest.mark.parametrize("kind", ServerKind)
    @pytest.mark.parametrize("spec", GOOD.values(), ids=GOOD)
    def test_what_is_right_is_accepted(self, spec: dict[str, Any], kind: ServerKind) -> None:
        assert broken(spec, kind) == []

    @pytest.mark.parametrize(("said", "spec"), BAD.values(), ids=BAD)
    def test_what_is_wrong_is_refused_with_its_reason(self, said: str, spec: dict[str, Any]) -> None:
        found = broken(spec)
        assert found
        assert said in " ".join(found)
        assert "not checked" not in " ".join(found), "our checker could not evaluate it, so an API server might not either"

    def test_a_name_leaves_room_for_those_of_its_objects(self) -> None:
        assert broken({"image": IMAGE}, name="x" * 52) == []
        assert "at most 52" in " ".join(broken({"image": IMAGE}, name="x" * 53))

    @pytest.mark.parametrize("version", [STORED, NEWER])
    def test_each_version_has_its_own_name_of_the_field_that_differs(self, version: str) -> None:
        def spec(name: str) -> dict[str, Any]:
            return {**HTTP, "oidcConfig": {"type": "inline", "inline": {**INLINE, name: "/certs/ca.pem"}}}

        own, other = BUNDLE_OF[version], next(name for at, name in BUNDLE_OF.items() if at != version)
        assert broken(spec(own), version=version) == []
        assert other in " ".join(broken(spec(other), version=version))


@pytest.mark.requirement("OPER-11/the-examples-of-the-oep-apply")
@pytest.mark.skipif(not SOURCE.is_file(), reason="the OEP is not here; set ARCOPS_OEP to its file")
def test_the_examples_of_the_proposal_apply_as_they_stand_except_one_that_breaks_its_own_rule() -> None:
    found: dict[str, list[str]] = {}
    for block in re.findall(r"```yaml\n(.*?)```", SOURCE.read_text(), re.DOTALL):
        for text in re.split(r"^---$", block, flags=re.MULTILINE):
            value = yaml.safe_load(text)
            if isinstance(value, dict) and str(value.get("kind", "")).endswith("MCPServer"):
                found[value["metadata"]["name"]] = broken(value["spec"], value["kind"], value["metadata"]["name"])
    refused = found.pop("infrastructure-tools")
    assert "stdio has one replica" in " ".join(refused), "three replicas, and no transport, which means stdio"
    assert len(found) == 8
    assert not any(found.values()), found
