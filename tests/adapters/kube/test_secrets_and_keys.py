"""A changed Secret rolls the pods once, if the operator may look; keys of issuers come without egress of a pod."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.kube import issuers
from adapters.kube.operator import Operator
from manifests.operator.rights import KEYS_URL
from manifests.server.names import SECRETS_ANNOTATION
from services.operator.site import NamespacePolicy
from tests.adapters.kube.kubectl import Kubectl
from tests.adapters.kube.world import Told, a_cluster, a_site, condition, operator, public_key, ready, server, shipped, until
from tests.simulators.kube.serving import Cluster

ROTATION = pytest.mark.requirement("OPER-8/a-changed-secret-rolls-the-pods-once")
KEYS = pytest.mark.requirement("OPER-5/keys-are-brought-by-the-operator")
DB = [{"name": "db", "key": "url", "targetEnvName": "DATABASE_URL"}]


@pytest.fixture
def found(tmp_path: Path) -> Iterator[Cluster]:
    with a_cluster(tmp_path / "cluster") as one:
        yield one


def _rotating() -> Told:
    return Told(settings=a_site(policies={"team": NamespacePolicy(rotate_secrets=True)}))


def _secret(text: str, name: str = "db", namespace: str = "team", **labels: str) -> dict[str, Any]:
    data = {"url": base64.b64encode(text.encode()).decode()}
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}


def _apply(found: Cluster, *objects: Any) -> None:
    for one in objects:
        Kubectl(found).good("apply", "-f", "-", given=json.dumps(one))


def _template(found: Cluster, namespace: str = "team") -> Any:
    return (found.get("deployments.apps", namespace, "time") or {"spec": {}})["spec"].get("template")


def _noted(found: Cluster, namespace: str = "team") -> Any:
    return ((_template(found, namespace) or {}).get("metadata") or {}).get("annotations", {}).get(SECRETS_ANNOTATION)


def _generation(found: Cluster) -> int:
    return int(found.get("deployments.apps", "team", "time")["metadata"]["generation"])


@ROTATION
def test_a_changed_secret_rolls_the_pods_once(found: Cluster) -> None:
    _apply(found, _secret("first"), _secret("unrelated", "other"), server(secrets=DB))
    context = shipped(found, rotating=("team",))
    with operator(found, _rotating(), context=context) as one:
        until(lambda: ready(found) and _noted(found))
        until(lambda: one.idle)
        assert _generation(found) == 1, "pods that are new are not rolled"
        before = _noted(found)
        _apply(found, _secret("second"))
        until(lambda: _noted(found) != before)
        until(lambda: one.idle)
        assert _generation(found) == 2
        after = _noted(found)
        _apply(found, _secret("changed, and named by no one", "other"))
        for _ in range(3):
            one.all_again()
            until(lambda: one.idle)
        assert (_generation(found), _noted(found)) == (2, after)
        found.do(lambda: found.api.store.remove("secrets", "team", "db"))
        one.all_again()
        until(lambda: one.idle)
        assert _generation(found) == 2, "there is nothing to roll the pods to"
        status = found.get("mcpservers.ome.io", "team", "time")["status"]
        assert "a change of db rolls the pods: by the operator" in status["enforcement"]
        assert one.failed == 0
    assert not found.api.access.denied


@ROTATION
def test_a_label_or_an_annotation_rolls_nothing(found: Cluster) -> None:
    _apply(found, _secret("first"), server(secrets=DB))
    kubectl = Kubectl(found)

    def marked(one: Operator, *words: str) -> None:
        kubectl.good("-n", "team", *words)
        version = int(found.get("secrets", "team", "db")["metadata"]["resourceVersion"])
        until(lambda: (kept := one._secrets["team"].get(("team", "db"))) is not None and kept.version >= version)
        until(lambda: one.idle)

    with operator(found, _rotating(), context=shipped(found, rotating=("team",))) as one:
        until(lambda: ready(found) and _noted(found))
        until(lambda: one.idle)
        before = _noted(found)
        marked(one, "label", "secret", "db", "a=b")
        marked(one, "annotate", "secret", "db", "c=d")
        assert (_generation(found), _noted(found)) == (1, before)
        _apply(found, _secret("second"))
        until(lambda: _noted(found) != before)
        until(lambda: one.idle)
        after = _noted(found)
        marked(one, "label", "secret", "db", "a-")
        assert (_generation(found), _noted(found)) == (2, after)
    with operator(found, _rotating()) as other:
        until(lambda: other.synchronised and other.made)
        until(lambda: other.idle)
        assert (_generation(found), _noted(found)) == (2, after)


@ROTATION
@pytest.mark.parametrize(
    "way", [("apply", "-f", "-"), ("apply", "--server-side", "--field-manager=sync", "-f", "-"), ("replace", "-f", "-")]
)
def test_a_label_of_the_manager_that_holds_the_data_rolls_nothing(found: Cluster, way: tuple[str, ...]) -> None:
    kubectl = Kubectl(found)

    def said(text: str, **labels: str) -> None:
        kubectl.good(*way, given=json.dumps(_secret(text, **labels)))
        version = int(found.get("secrets", "team", "db")["metadata"]["resourceVersion"])
        until(lambda: (kept := one._secrets["team"].get(("team", "db"))) is not None and kept.version >= version)
        until(lambda: one.idle)

    kubectl.good(*(("create", "-f", "-") if way[0] == "replace" else way), given=json.dumps(_secret("first", a="1")))
    _apply(found, server(secrets=DB))
    with operator(found, _rotating(), context=shipped(found, rotating=("team",))) as one:
        until(lambda: ready(found) and _noted(found))
        until(lambda: one.idle)
        before = _noted(found)
        said("first", a="2")
        said("first", a="2", b="1")
        assert _noted(found) == before
    with operator(found, _rotating()) as one:
        until(lambda: one.synchronised and one.made)
        until(lambda: one.idle)
        assert _noted(found) == before, "another process knows the version that it had"
        said("first")
        assert _noted(found) == before
        said("second")
        until(lambda: _noted(found) != before)
    everything = json.dumps([found.all(kind) for kind in ("deployments.apps", "mcpservers.ome.io", "events.events.k8s.io")])
    assert base64.b64encode(b"second").decode() not in everything


@ROTATION
def test_an_operator_that_begins_again_rolls_nothing(found: Cluster) -> None:
    _apply(found, _secret("first"), server(secrets=DB))
    for _ in range(2):
        with operator(found, _rotating()) as one:
            until(lambda: ready(found) and _noted(found))
            until(lambda: one.idle)
            assert _generation(found) == 1


@ROTATION
def test_where_no_one_opted_in_no_secret_is_looked_at(found: Cluster) -> None:
    found.namespace("closed")
    quiet = server(namespace="closed", secrets=DB)
    _apply(found, _secret("first", namespace="closed"), quiet)
    with operator(found, _rotating(), context=shipped(found, rotating=("team",))) as one:
        until(lambda: ready(found, namespace="closed"))
        _apply(found, _secret("second", namespace="closed"))
        one.all_again()
        until(lambda: one.idle)
        assert _noted(found, "closed") is None
        assert found.get("deployments.apps", "closed", "time")["metadata"]["generation"] == 1
    assert not found.api.access.denied, "it did not even ask"


@ROTATION
def test_a_right_that_is_missing_rolls_nothing_and_is_said(found: Cluster) -> None:
    _apply(found, _secret("first"), server(secrets=DB))
    with operator(found, _rotating(), context=shipped(found, rotating=())) as one:
        until(lambda: ready(found), 20.0)
        assert any("secrets is forbidden" in problem for problem in one.problems())
        enforced = found.get("mcpservers.ome.io", "team", "time")["status"]["enforcement"]
        assert any("cannot look at them now" in text for text in enforced)
        assert _noted(found) is None


@ROTATION
def test_what_is_in_a_secret_never_reaches_the_operator(found: Cluster) -> None:
    text = "very-secret-words"
    _apply(found, _secret(text), server(secrets=DB))
    with operator(found, _rotating()) as one:
        until(lambda: ready(found))
        (kept,) = [each for cache in one._secrets.values() for _, each in cache.items()]
        encoded = base64.b64encode(text.encode())
        assert encoded not in kept.data
        assert b"last-applied" not in kept.data, "kubectl apply repeats the whole object in an annotation"


def _brought(found: Cluster) -> dict[str, list[str]]:
    """The ids of the keys beside the relay, by issuer."""
    made = found.get("configmaps", "team", "time")
    keys = json.loads(made["data"]["keys.json"]) if made else {}
    return {issuer: [key["kid"] for key in json.loads(text)["keys"]] for issuer, text in keys.items()}


CLUSTER = "https://kubernetes.default.svc"
OTHER = "https://login.example.com"


@KEYS
def test_the_keys_of_the_cluster_come_by_its_own_api(found: Cluster) -> None:
    found.api.token_keys = {"keys": [public_key("b"), public_key("a")]}
    _apply(found, server(oidcConfig={"type": "kubernetes", "kubernetes": {"audience": "mcp", "useClusterAuth": True}}))
    with operator(found, context=shipped(found)):
        until(lambda: ready(found))
        assert sorted(_brought(found)[CLUSTER]) == ["a", "b"]
    assert not found.api.access.denied
    assert ("get", "", KEYS_URL) in {one[1:] for one in found.api.access.used}


def _inline(**more: str) -> dict[str, Any]:
    return {"type": "inline", "inline": {"issuer": OTHER, "audience": "mcp", **more}}


@KEYS
def test_the_keys_of_an_issuer_come_and_new_ones_roll_no_pod(found: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuers, "FRESH_SECONDS", 0.0)
    told = Told(issuers={OTHER: json.dumps({"keys": [public_key("a")]}).encode()})
    _apply(found, server(oidcConfig=_inline()))
    with operator(found, told) as one:
        until(lambda: ready(found))
        assert _brought(found) == {OTHER: ["a"]}
        told.issuers[OTHER] = json.dumps({"keys": [public_key("b")]}).encode()
        one.all_again()
        until(lambda: _brought(found) == {OTHER: ["b"]})
        assert _generation(found) == 1


@KEYS
def test_an_issuer_of_a_config_map_is_asked(found: Cluster) -> None:
    text = json.dumps({"issuer": OTHER, "audience": "mcp"})
    conf = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "who", "namespace": "team"}}
    _apply(found, server(oidcConfig={"type": "configMap", "configMap": {"name": "who"}}))
    told = Told(issuers={OTHER: json.dumps({"keys": [public_key("a")]}).encode()})
    with operator(found, told):
        until(lambda: "ConfigMap who is not there" in (condition(found) or {}).get("message", ""))
        _apply(found, {**conf, "data": {"oidc.json": text}})
        until(lambda: ready(found))
        assert _brought(found) == {OTHER: ["a"]}


@KEYS
@pytest.mark.parametrize("data", [None, b"no JSON", b'{"keys": []}', b'{"keys": [{"kty": "oct", "k": "AA"}]}'])
def test_an_issuer_that_gives_no_keys_is_waited_for_and_said(found: Cluster, data: bytes | None) -> None:
    told = Told(issuers={OTHER: data} if data is not None else {})
    _apply(found, server(oidcConfig=_inline()))
    with operator(found, told):
        said = until(lambda: f"the keys of {OTHER} were not fetched yet: " in (condition(found) or {}).get("message", "")
                     and condition(found))  # fmt: skip
        assert said["reason"] == "Waiting"
        assert found.get("deployments.apps", "team", "time") is None


@KEYS
def test_keys_of_an_issuer_that_is_silent_for_long_count_no_more(found: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuers, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(issuers, "AGAIN_SECONDS", 0.0)
    told = Told(issuers={OTHER: json.dumps({"keys": [public_key("a")]}).encode()})
    _apply(found, server(oidcConfig=_inline()))
    with operator(found, told) as one:
        until(lambda: ready(found))
        del told.issuers[OTHER]
        count = len(told.fetched)
        one.all_again()
        until(lambda: len(told.fetched) > count and one.idle)
        assert _brought(found) == {OTHER: ["a"]}, "an outage of minutes denies no one"
        monkeypatch.setattr(issuers, "KEPT_SECONDS", 0.0)
        one.all_again()
        until(lambda: _brought(found) == {OTHER: []}, what="keys that may have been withdrawn")


@KEYS
def test_the_operator_shows_its_token_to_no_other_issuer(found: Cluster) -> None:
    tokens = {"audience": "mcp", "issuer": OTHER, "useClusterAuth": True}
    told = Told(issuers={OTHER: json.dumps({"keys": [public_key("a")]}).encode()})
    _apply(found, server(oidcConfig={"type": "kubernetes", "kubernetes": tokens}))
    with operator(found, told):
        until(lambda: "would show the operator's own token" in (condition(found) or {}).get("message", ""))
    assert not told.fetched
