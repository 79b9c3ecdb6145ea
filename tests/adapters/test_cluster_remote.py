"""Who asks through a server has clusters looked at that its operator named, by a scope of its own, and by no kubeconfig."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from arcops.errors import Refused
from arcops.tier import Tier
from arcops.verdict import Verdict
from capabilities.catalogue import all_tools
from capabilities.cluster.check import CheckCluster, SnapshotCluster, check_cluster, snapshot_cluster
from capabilities.contract import Scope
from capabilities.inference.check import CheckInference, check_inference
from capabilities.network.check import CheckNetwork, check_network
from capabilities.network.drift import DiffNetwork, diff_network
from capabilities.network.snapshot import SnapshotNetwork, snapshot_network
from flows.place import Place
from tests.adapters.serving import Served, served
from tests.adapters.typed import Done, typed
from tests.clusters import cluster_of_the_shop, operators_file
from tests.models import Bench, bench
from tests.simulators.issuer import Issuer, issuing
from tests.simulators.kubernetes_api import Cluster, serving

pytestmark = [
    pytest.mark.requirement("ARC-B2/clusters-are-read-by-listing", "ARC-3/callers-are-bounded", "ARC-C4/access-is-bounded"),
    pytest.mark.xdist_group("remote"),
]

AUDIENCE = "https://arcops.example/mcp"
V1 = "client.authentication.k8s.io/v1"


@dataclass(frozen=True, kw_only=True)
class Site:
    """A server whose operator named one cluster, ``site``; ``models`` is what it serves, ``ran`` what a program would write."""

    server: Served
    issuer: Issuer
    cluster: Cluster
    models: Path
    ran: Path

    def token(self, *scopes: str) -> str:
        said = " ".join(f"arcops:{one}" for one in scopes)
        return self.issuer.token(aud=AUDIENCE, sub="ada", exp=time.time() + 600, scope=said)

    def ask(self, name: str, *scopes: str, **arguments: object) -> httpx2.Response:
        meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
        params = {"name": name, "arguments": arguments, "_meta": meta}
        headers = {
            "accept": "application/json, text/event-stream", "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call",
            "mcp-name": name, "authorization": f"Bearer {self.token(*scopes)}",
        }  # fmt: skip
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        return httpx2.post(self.server.mcp, json=body, headers=headers, timeout=600)

    def untouched(self) -> None:
        assert not self.ran.exists(), "a program was run"
        assert not self.cluster.asked, "the cluster was asked"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    here = bench(tmp_path_factory.mktemp("remote"))
    models, operators = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("operators")
    cluster = cluster_of_the_shop(models / "declared")
    with serving(cluster, operators, secure=True) as kubeconfig, issuing() as issuer:
        more = {
            "ARCOPS_OIDC_ISSUER": issuer.url, "ARCOPS_OIDC_AUDIENCE": AUDIENCE, "ARCOPS_ROOTS": str(models),
            "ARCOPS_TIER": "restricted", "ARCOPS_CLUSTERS": str(operators_file(operators, kubeconfig, name="site")),
        }  # fmt: skip
        ran = models / "ran"
        script = models / "login"
        script.write_text(f"#!/bin/sh\nenv > {ran}\n")
        script.chmod(0o700)
        said = yaml.safe_load(kubeconfig.read_text())
        said["users"][0]["user"] = {"exec": {"apiVersion": V1, "command": str(script)}}
        (models / "kubeconfig").write_text(json.dumps(said))
        (models / "kubeconfig").chmod(0o600)
        with served("mcp", "--http", env={**here.environment, **more}) as server:
            yield Site(server=server, issuer=issuer, cluster=cluster, models=models, ran=ran)


@pytest.fixture(autouse=True)
def unasked(site: Site) -> None:
    site.cluster.asked.clear()


LIVE: dict[str, dict[str, object]] = {
    "snapshot_cluster": {},
    "snapshot_network": {},
    "check_cluster": {},
    "check_network": {},
    "diff_network": {"declared": "declared"},
}
OWN = {name: ("read",) if name.startswith("snapshot") else ("check",) for name in LIVE}


@pytest.mark.parametrize("name", LIVE)
def test_a_delivered_kubeconfig_is_never_followed(site: Site, name: str) -> None:
    everything = ("read", "check", "publish", "waive", "connect")
    for kubeconfig in ("kubeconfig", str(site.models / "kubeconfig")):
        for scopes in (OWN[name], everything):
            answer = site.ask(name, *scopes, context="good", kubeconfig=kubeconfig, **LIVE[name])
            if scopes == everything:
                assert answer.json()["result"]["isError"], answer.text
                assert "a caller cannot name a kubeconfig" in answer.text
                assert "ARCOPS_CLUSTERS" in answer.text
            else:
                assert answer.status_code == 403, answer.text
                assert f'scope="arcops:{scopes[0]} arcops:connect"' in answer.headers["www-authenticate"]
            site.untouched()


@pytest.mark.parametrize("name", LIVE)
def test_connecting_takes_a_scope_of_its_own_and_the_operator_s_name(site: Site, name: str) -> None:
    for scopes in (OWN[name], ("connect",)):
        answer = site.ask(name, *scopes, context="site", **LIVE[name])
        assert answer.status_code == 403, answer.text
    for context in ("good", "elsewhere"):
        answer = site.ask(name, *OWN[name], "connect", context=context, **LIVE[name])
        assert "named are: site" in answer.text
    site.untouched()
    answer = site.ask(name, *OWN[name], "connect", context="site", **LIVE[name])
    assert answer.status_code == 200
    assert not answer.json()["result"].get("isError"), answer.text
    assert site.cluster.asked
    assert not site.ran.exists()


@pytest.mark.parametrize("name", ["snapshot_cluster", "snapshot_network", "check_cluster", "check_network"])
def test_no_cluster_is_looked_at_by_accident(site: Site, name: str) -> None:
    answer = site.ask(name, *OWN[name], "connect")
    assert answer.json()["result"]["isError"]
    site.untouched()


def test_what_connects_nowhere_takes_no_more_than_before(site: Site) -> None:
    answer = site.ask("check_network", "check", target="declared")
    assert answer.status_code == 200
    assert not answer.json()["result"].get("isError"), answer.text
    site.untouched()


@pytest.mark.parametrize(
    "command", [("network", "snapshot", "-o", "live"), ("cluster", "snapshot", "-o", "live"), ("cluster", "check")]
)
def test_the_command_line_through_a_server_is_a_caller_like_others(
    site: Site, tmp_path: Path, command: tuple[str, ...]
) -> None:
    def arcops(*more: str, scopes: tuple[str, ...] = ("read", "check", "connect")) -> Done:
        environment = {**os.environ, "ARCOPS_HOME": str(tmp_path / "home"), "ARCOPS_TOKEN": site.token(*scopes)}
        line = ("--server", site.server.url, *command, "--tier", "restricted", *more)
        return typed(*line, environment=environment, cwd=tmp_path)

    refused = arcops("--context", "good", "--kubeconfig", str(site.models / "kubeconfig"))
    assert refused.returncode == 2, refused.stderr
    assert "a caller cannot name a kubeconfig" in refused.stderr
    lacking = arcops("--context", "site", scopes=("read", "check"))
    assert lacking.returncode != 0
    assert "arcops:connect" in lacking.stderr
    site.untouched()


# What holds at every door without tokens: the tools themselves refuse.


@pytest.fixture
def here(tmp_path: Path) -> Bench:
    return bench(tmp_path / "bench")


@pytest.fixture
def kubeconfig(site: Site, tmp_path: Path) -> Iterator[Path]:
    with serving(site.cluster, tmp_path, secure=True) as path:
        yield path


def at(here: Bench, clusters: Path | None, **more: Any) -> Place:
    settings = replace(here.settings, tier=Tier.RESTRICTED, clusters=str(clusters or ""))
    return replace(here.place(), settings=settings, own=False, **more)


def every(place: Place, context: str, declared: Path, kubeconfig: Path | None = None) -> Iterator[str]:
    """Why each tool that looks at a cluster refuses."""
    asks: tuple[tuple[Any, Any], ...] = (
        (snapshot_cluster, SnapshotCluster(context=context, kubeconfig=kubeconfig)),
        (snapshot_network, SnapshotNetwork(context=context, kubeconfig=kubeconfig)),
        (check_cluster, CheckCluster(context=context, kubeconfig=kubeconfig)),
        (check_network, CheckNetwork(context=context, kubeconfig=kubeconfig)),
        (diff_network, DiffNetwork(declared=declared, context=context, kubeconfig=kubeconfig)),
    )
    for tool, ask in asks:
        with pytest.raises(Refused) as refused:
            tool(ask, place)
        yield str(refused.value)


def test_a_client_of_this_machine_is_no_person_at_its_command_line(
    site: Site, here: Bench, kubeconfig: Path, tmp_path: Path
) -> None:
    """Over standard streams no folder is left out, and what calls is a program all the same."""
    for sentence in every(at(here, None), "good", site.models / "declared", kubeconfig):
        assert "a caller cannot name a kubeconfig" in sentence
    for sentence in every(at(here, None), "good", site.models / "declared"):
        assert "operator named no clusters" in sentence
    served = replace(at(here, None), own=True, roots=(tmp_path,))
    for sentence in every(served, "good", site.models / "declared", kubeconfig):
        assert "a caller cannot name a kubeconfig" in sentence or "outside the folders" in sentence
    site.untouched()


def test_what_the_operator_named_is_looked_at_and_called_so(site: Site, here: Bench, kubeconfig: Path, tmp_path: Path) -> None:
    place = at(here, operators_file(tmp_path, kubeconfig, name="edge-7"))
    found = check_network(CheckNetwork(context="edge-7", policy="network-aks-arc"), place)
    assert (found.report.verdict, found.report.subject.name) == (Verdict.GREEN, "edge-7")
    assert snapshot_cluster(SnapshotCluster(context="edge-7"), place).name == "edge-7"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"exec": {"apiVersion": V1, "command": "touch"}}, "'exec'"),
        ({"tokenFile": "/etc/hostname"}, "'tokenFile'"),
        ({"client-key": "/etc/hostname"}, "'client-key'"),
        ({"tomorrow": True}, "'tomorrow'"),
    ],
)
def test_what_the_operator_named_may_not_lead_further(
    site: Site, here: Bench, kubeconfig: Path, tmp_path: Path, change: dict[str, object], says: str
) -> None:
    said = yaml.safe_load(kubeconfig.read_text())
    said["users"][0]["user"].update(change)
    kubeconfig.write_text(json.dumps(said))
    for sentence in every(at(here, operators_file(tmp_path, kubeconfig)), "good", site.models / "declared"):
        assert says in sentence
    site.untouched()


def test_a_server_that_moved_is_not_followed(site: Site, here: Bench, kubeconfig: Path, tmp_path: Path) -> None:
    """Who can write the kubeconfig alone can't have the token sent elsewhere."""
    file = operators_file(tmp_path, kubeconfig, hosts=["127.0.0.1:1"])
    for sentence in every(at(here, file), "good", site.models / "declared"):
        assert "operator allows only 127.0.0.1:1" in sentence
    site.untouched()


def test_no_proxy_of_the_environment_stands_between(
    site: Site, here: Bench, kubeconfig: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    place = at(here, operators_file(tmp_path, kubeconfig))
    assert snapshot_cluster(SnapshotCluster(context="good"), place).files
    assert site.cluster.asked


def test_every_tool_says_of_an_ask_whether_it_connects() -> None:
    """Whatever takes a kubeconfig takes the scope; of the others none does but the one that loads an endpoint."""
    connects = {one.name for one in all_tools() if {"context", "kubeconfig"} & set(one.ask.__dataclass_fields__)}
    assert connects == set(LIVE)
    assert check_inference.scopes(CheckInference(url="http://127.0.0.1:1", models=("a",))) == (Scope.CHECK, Scope.CONNECT)
    for one in (CheckNetwork(context="a"), CheckNetwork(kubeconfig=Path("a"))):
        assert check_network.scopes(one) == (Scope.CHECK, Scope.CONNECT)
    assert check_network.scopes(CheckNetwork(target=Path("a"))) == (Scope.CHECK,)
    assert check_cluster.scopes(CheckCluster(saved=Path("a"))) == (Scope.CHECK,)
    assert check_cluster.scopes(CheckCluster()) == (Scope.CHECK, Scope.CONNECT)
    assert diff_network.scopes(DiffNetwork(declared=Path("a"), live=Path("b"))) == (Scope.CHECK,)
    assert snapshot_network.scopes(SnapshotNetwork()) == (Scope.READ, Scope.CONNECT)
