"""A caller finds the servers that their own rights let them list, over all namespaces, and no other."""

from __future__ import annotations

import json
import ssl
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from adapters.http.app import DoorPart, front
from adapters.http.beside import beside
from adapters.http.bound import bind
from adapters.http.serve import listen
from adapters.kube import discovery
from adapters.kube.discovery import AUDIENCE, routes
from foundation.settings import read_settings
from manifests.operator.rights import own_rights, review_rights, rights
from tests.adapters.kube.world import RBAC, a_cluster, a_site, client, operator, ready, server, shipped, until
from tests.certificates import Authority
from tests.simulators.kube.faults import Fault
from tests.simulators.kube.serving import Cluster

pytestmark = pytest.mark.requirement("OPER-11/discovery")
Ask = Callable[..., tuple[int, Any]]


@pytest.fixture
def found(tmp_path: Path) -> Iterator[Cluster]:
    with a_cluster(tmp_path / "cluster") as one:
        one.namespace("other")
        for name, namespace in (("time", "team"), ("web", "team"), ("secret", "other")):
            one.create("mcpservers", server(name, namespace), "ome.io")
        shared = server("shared")
        shared["kind"] = "ClusterMCPServer"
        del shared["metadata"]["namespace"]
        one.create("clustermcpservers", shared, "ome.io")
        yield one


@contextmanager
def discovered(found: Cluster, folder: Path) -> Iterator[Ask]:
    """The discovery of an operator with the shipped rights, over TLS: a function that asks it with a token."""
    context = shipped(found, discovery_tls="tls")
    authority = Authority.new()
    certificate, key = authority.issue("127.0.0.1", folder)
    trusting = ssl.create_default_context(cadata=authority.pem.decode())
    with operator(found, context=context) as one, listen("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        bound = bind("127.0.0.1", port, read_settings({}), certificate=Path(certificate), key=Path(key), behind_proxy=False)
        app = front([DoorPart(routes=routes(one, client(found, context)))], bound)
        with beside(app, listening, certificate=str(certificate), key=str(key)):
            until(lambda: ready(found, "secret", "other") and ready(found, "shared", "", "clustermcpservers"))
            until(lambda: one.idle)

            def ask(token: str = "", scheme: str = "Bearer", query: str = "", part: str = "servers") -> tuple[int, Any]:
                headers = {"Authorization": f"{scheme} {token}"} if token else {}
                request = urllib.request.Request(f"https://127.0.0.1:{port}/servers{query}", headers=headers)
                try:
                    with urllib.request.urlopen(request, timeout=10, context=trusting) as answer:  # noqa: S310  # our own
                        return answer.status, json.load(answer)[part]
                except HTTPError as error:
                    with error:
                        return error.code, error.read().decode()

            yield ask
    assert not found.api.access.denied


def _caller(
    found: Cluster, name: str, *, namespace: str = "", kinds: tuple[str, ...] = ("mcpservers",), only: tuple[str, ...] = ()
) -> str:
    """A service account that may list *kinds* in *namespace*, or everywhere, or may get *only* those; its token for the
    operator.
    """
    kind = "Role" if namespace else "ClusterRole"
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    made: dict[str, Any] = {"apiVersion": f"{RBAC}/v1", "metadata": metadata}
    rules: list[dict[str, Any]] = [{"apiGroups": ["ome.io"], "resources": list(kinds), "verbs": ["list"]}]
    if only:
        rules[0] |= {"verbs": ["get"], "resourceNames": list(only)}
    subject = {"kind": "ServiceAccount", "namespace": "team", "name": name}
    found.create(f"{kind.lower()}s", {**made, "kind": kind, "rules": rules}, RBAC)
    binding = {"kind": f"{kind}Binding", "roleRef": {"apiGroup": RBAC, "kind": kind, "name": name}, "subjects": [subject]}
    found.create(f"{kind.lower()}bindings", {**made, **binding}, RBAC)
    token = f"for-the-operator-{name}"
    found.api.access.account("team", name, token)
    found.api.access.audiences[token] = (AUDIENCE,)
    return token


def _names(answer: tuple[int, Any]) -> list[str]:
    status, servers = answer
    assert status == 200, servers
    return [f"{one['namespace']}/{one['name']}" for one in servers]


def test_each_caller_sees_what_they_may_list_and_nothing_else(found: Cluster, tmp_path: Path) -> None:
    ours, theirs = _caller(found, "ours", namespace="team"), _caller(found, "theirs", namespace="other")
    every = _caller(found, "every", kinds=("mcpservers", "clustermcpservers"))
    nothing = _caller(found, "nothing", namespace="team", kinds=("pods",))
    with discovered(found, tmp_path) as ask:
        assert _names(ask(ours)) == ["team/time", "team/web"]
        assert _names(ask(theirs)) == ["other/secret"]
        assert _names(ask(every)) == ["/shared", "other/secret", "team/time", "team/web"]
        assert _names(ask(nothing)) == []
        (time, _) = ask(ours)[1]
        assert time == {
            "kind": "MCPServer", "namespace": "team", "name": "time", "ready": True, "reason": "Ready",
            "transport": "streamable-http", "url": "http://time.team.svc:8080/mcp", "verdict": "GREEN",
            "protocolVersion": "2025-11-25", "server": "time 1.0",
        }  # fmt: skip


def test_a_right_to_one_server_by_its_name_shows_it_alone(
    found: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, both = _caller(found, "one", namespace="team", only=("web",)), _caller(found, "both", only=("time", "secret"))
    shared = _caller(found, "shared-alone", kinds=("clustermcpservers",), only=("shared",))
    ours = _caller(found, "ours", namespace="team")
    with discovered(found, tmp_path) as ask:
        assert _names(ask(one)) == ["team/web"]
        assert _names(ask(both)) == ["other/secret", "team/time"]
        assert _names(ask(shared)) == ["/shared"]
        assert ask(one, part="whole") == (200, True)
        assert _names(ask(one, query="?name=web")) == ["team/web"]
        assert _names(ask(one, query="?namespace=other")) == []
        assert _names(ask(ours, query="?namespace=team&name=time")) == ["team/time"]
        monkeypatch.setattr(discovery, "_MOST_NAMES", 1)
        assert ask(one, part="whole") == (200, False)
        assert _names(ask(one)) == []
        assert _names(ask(one, query="?namespace=team&name=web")) == ["team/web"]
        assert ask(one, query="?namespace=team&name=web", part="whole") == (200, True)
        assert _names(ask(ours, query="?namespace=team")) == ["team/time", "team/web"]
        assert ask(ours, query="?namespace=team", part="whole") == (200, True)


def test_who_is_not_known_sees_nothing(found: Cluster, tmp_path: Path) -> None:
    token = _caller(found, "ours", namespace="team")
    found.account("team", "elsewhere")
    with discovered(found, tmp_path) as ask:
        for status, said in (ask(), ask("made-up"), ask(token, scheme="Basic"), ask("x" * 20_000)):
            assert status == 401, said
        status, said = ask("token-team-elsewhere")
        assert (status, AUDIENCE in said) == (401, True), "a token for the API server itself is not one for the operator"


def test_a_right_that_is_taken_away_is_noticed(found: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "_COUNTS_SECONDS", 0.0)
    token = _caller(found, "ours", namespace="team")
    with discovered(found, tmp_path) as ask:
        assert _names(ask(token)) == ["team/time", "team/web"]
        found.do(lambda: found.api.store.remove(f"rolebindings.{RBAC}", "team", "ours"))
        assert _names(ask(token)) == []


def test_what_cannot_be_asked_is_not_shown(found: Cluster, tmp_path: Path) -> None:
    token = _caller(found, "ours", namespace="team")
    with discovered(found, tmp_path) as ask:
        for resource in ("tokenreviews.authentication.k8s.io", "subjectaccessreviews.authorization.k8s.io"):
            found.api.faults.add(Fault(verb="create", resource=resource, status=500, times=1))
            assert ask(token)[0] == 503
        assert _names(ask(token)) == ["team/time", "team/web"]


def test_its_rights_are_those_that_are_shipped_for_it_and_no_more(found: Cluster, tmp_path: Path) -> None:
    token = _caller(found, "every", kinds=("mcpservers", "clustermcpservers"))
    with discovered(found, tmp_path) as ask:
        ask(token)
    used = {one[1:] for one in found.api.access.used if one[0].endswith(":arcops-operator")}
    tables = (*rights(a_site().network), *own_rights(), *review_rights())
    assert used <= {(verb, one.group, one.resource) for one in tables for verb in one.verbs}
    assert {(verb, one.group, one.resource) for one in review_rights() for verb in one.verbs} <= used
