"""The program that a kubeconfig's user names: run only at a person's own command line, announced, and without our variables."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from arcops.errors import Refused, Stopped, Unavailable
from arcops.request import LiveCluster
from arcops.tier import Tier
from tasks.kubernetes import program as cluster_program
from tasks.kubernetes.config import access
from tasks.kubernetes.listing import open_to, snapshot
from tasks.kubernetes.manifests.nodes import idle
from tasks.kubernetes.program import Program, run
from tests.adapters.typed import typed
from tests.clusters import cluster_of_the_shop
from tests.models import Bench, bench
from tests.simulators.kubernetes_api import TOKEN, Cluster, serving

pytestmark = pytest.mark.requirement("ARC-C4/access-is-bounded")

V1 = "client.authentication.k8s.io/v1"
GIVES_TOKEN = f'echo \'{{"apiVersion": "{V1}", "kind": "ExecCredential", "status": {{"token": "{TOKEN}"}}}}\''


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return cluster_of_the_shop(tmp_path / "declared")


@pytest.fixture
def kubeconfig(cluster: Cluster, tmp_path: Path) -> Iterator[Path]:
    with serving(cluster, tmp_path, secure=True) as path:
        yield path


def script(folder: Path, text: str, name: str = "login") -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return path


def with_program(kubeconfig: Path, command: str, **more: object) -> None:
    said = yaml.safe_load(kubeconfig.read_text())
    said["users"][0]["user"] = {"exec": {"apiVersion": V1, "command": command, **more}}
    kubeconfig.write_text(yaml.safe_dump(said))


def environment(folder: Path) -> dict[str, str]:
    secrets = {
        "ARCOPS_PASSPHRASE": "hunter2",
        "PREFECT_API_AUTH_STRING": "a:b",
        "AWS_SECRET_ACCESS_KEY": "c",
        "PYTHONPATH": "x",
    }
    return {"PATH": os.environ["PATH"], "HOME": str(folder), **secrets}


def live(kubeconfig: Path) -> LiveCluster:
    return LiveCluster(context="good", clusters=None, kubeconfig=kubeconfig)


def looked(kubeconfig: Path, given: dict[str, str]) -> list[str]:
    client = open_to(live(kubeconfig), Tier.RESTRICTED, environment=given)
    try:
        return [one.missing for one in snapshot(client, idle) if one.missing]
    finally:
        client.close()


def test_it_gets_nothing_but_what_is_listed_and_its_own(kubeconfig: Path, tmp_path: Path) -> None:
    script(tmp_path, f"env > {tmp_path}/saw\npwd > {tmp_path}/stood\n{GIVES_TOKEN}")
    with_program(kubeconfig, "./login", env=[{"name": "MINE", "value": "1"}])
    assert looked(kubeconfig, environment(tmp_path)) == []
    saw = dict(line.split("=", 1) for line in (tmp_path / "saw").read_text().splitlines())
    assert {*saw} - {"PWD", "SHLVL", "_", "OLDPWD"} == {"PATH", "HOME", "MINE", "KUBERNETES_EXEC_INFO"}
    assert (tmp_path / "stood").read_text().strip() == str(tmp_path)
    assert json.loads(saw["KUBERNETES_EXEC_INFO"]) == {
        "apiVersion": V1, "kind": "ExecCredential", "spec": {"interactive": False}
    }  # fmt: skip


def test_at_the_command_line_it_is_announced_and_knows_no_passphrase(kubeconfig: Path, tmp_path: Path) -> None:
    here: Bench = bench(tmp_path / "bench")
    script(tmp_path, f"env > {tmp_path}/saw\necho x >> {tmp_path}/ran\n{GIVES_TOKEN}")
    with_program(kubeconfig, "./login")
    # A snapshot is taken here even if a worker of Prefect does the checks.
    for command, away in (
        (("network", "snapshot", "-o", tmp_path / "live"), {"PREFECT_API_URL": "http://127.0.0.1:1/api"}),
        (("cluster", "check"), {}),
    ):
        line = (*command, "--context", "good", "--kubeconfig", kubeconfig, "--tier", "restricted")
        done = typed(*line, environment={**os.environ, **here.environment, "PREFECT_API_KEY": "x", **away})
        assert done.stderr.count("user 'good' runs the program ./login") == 1, done.stderr + done.stdout
        saw = (tmp_path / "saw").read_text()
        assert "ARCOPS_" not in saw
        assert "PREFECT_" not in saw
    assert (tmp_path / "ran").read_text().count("x") == 2, "once a look, and not once more to see whether it works"


def test_a_certificate_that_it_gives_is_used_and_leaves_no_file(
    kubeconfig: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = {"clientCertificateData": (tmp_path / "tls.crt").read_text(), "clientKeyData": (tmp_path / "tls.key").read_text()}
    (tmp_path / "gives").write_text(json.dumps({"apiVersion": V1, "kind": "ExecCredential", "status": pair}))
    with_program(kubeconfig, "cat", args=["gives"])
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    assert looked(kubeconfig, environment(tmp_path)) == []
    assert list(scratch.iterdir()) == []


def test_what_is_told_of_the_cluster_is_told_only_where_it_is_asked_for(kubeconfig: Path, tmp_path: Path) -> None:
    script(tmp_path, f'echo "$KUBERNETES_EXEC_INFO" > {tmp_path}/saw\n{GIVES_TOKEN}')
    with_program(kubeconfig, "./login", provideClusterInfo=True)
    open_to(live(kubeconfig), Tier.RESTRICTED, environment=environment(tmp_path)).close()
    told = json.loads((tmp_path / "saw").read_text())["spec"]["cluster"]
    assert told["server"].startswith("https://127.0.0.1:")
    assert set(told) == {"server", "certificate-authority-data"}


def test_a_name_is_never_looked_for_where_we_stand(kubeconfig: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path, f"touch {tmp_path}/ran\n{GIVES_TOKEN}", "site-login")
    monkeypatch.chdir(tmp_path)
    with_program(kubeconfig, "site-login", installHint="get it at the usual place")
    for path in (".", "", ":.", f".:{os.defpath}"):
        with pytest.raises(Refused, match=r"is not in PATH\. get it at the usual place"):
            looked(kubeconfig, {**environment(tmp_path), "PATH": path})
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("exit 3", "ended with status 3"),
        ("echo hunter2", "no ExecCredential"),
        ("echo '{}'", "no ExecCredential"),
        (GIVES_TOKEN.replace("/v1", "/v1beta1"), "no ExecCredential"),
        (GIVES_TOKEN.replace("token", "tokens"), "no ExecCredential"),
        (GIVES_TOKEN.replace(f'"{TOKEN}"', "[]"), "no ExecCredential"),
        (GIVES_TOKEN.replace("token", "clientCertificateData"), "no ExecCredential"),
        (GIVES_TOKEN.replace(TOKEN, "a b"), "a header must not have"),
    ],
)
def test_one_that_gives_no_credential_ends_the_look(kubeconfig: Path, tmp_path: Path, text: str, says: str) -> None:
    """And it does not go on without one, as the official client does."""
    script(tmp_path, text)
    with_program(kubeconfig, "./login")
    with pytest.raises(Refused, match=says) as refused:
        looked(kubeconfig, environment(tmp_path))
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"apiVersion": "client.authentication.k8s.io/v1alpha1"}, "apiVersion"),
        ({"command": ""}, "no command"),
        ({"command": "./gone"}, "could not"),
        ({"command": "./log\0in"}, "could not"),
        ({"args": "x"}, "args"),
        ({"env": [{"name": "A"}]}, "env"),
        ({"interactiveMode": "Always"}, "needs a terminal"),
        ({"interactiveMode": "Perhaps"}, "interactiveMode"),
        ({"tomorrow": 1}, "not a mapping"),
    ],
)
def test_one_that_is_not_described_as_it_should_be(kubeconfig: Path, tmp_path: Path, more: dict[str, Any], says: str) -> None:
    script(tmp_path, GIVES_TOKEN)
    with_program(kubeconfig, **{"command": "./login", **more})
    with pytest.raises(Refused, match=says):
        looked(kubeconfig, environment(tmp_path))


def test_it_ends_when_the_run_ends_and_not_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = script(tmp_path, f"echo $$ > {tmp_path}/pid\nexec cat < {_pipe(tmp_path)}")
    program = Program(user="u", command=str(command), arguments=(), given=(), version=V1, mode="Never", folder=tmp_path)

    def stop() -> None:
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip():
            raise Stopped("told")

    with pytest.raises(Stopped):
        run(program, environment(tmp_path), stop)
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()
    monkeypatch.setattr(cluster_program, "SECONDS", 0.0)
    with pytest.raises(Unavailable, match="did not end"):
        run(program, environment(tmp_path), idle)


def _pipe(folder: Path) -> Path:
    path = folder / "pipe"
    os.mkfifo(path)
    return path


def test_a_token_beside_it_is_taken_and_nothing_run(kubeconfig: Path, tmp_path: Path) -> None:
    said = yaml.safe_load(kubeconfig.read_text())
    said["users"][0]["user"]["exec"] = {"apiVersion": V1, "command": "false"}
    kubeconfig.write_text(yaml.safe_dump(said))
    assert access(live(kubeconfig), environment(tmp_path)).program is None


def test_tls_is_the_kubeconfig_s(kubeconfig: Path, tmp_path: Path, cluster: Cluster) -> None:
    """Another authority's certificate, another name, no authority at all: nothing is sent. The client's own certificate is."""
    said = yaml.safe_load(kubeconfig.read_text())
    authority = said["clusters"][0]["cluster"].pop("certificate-authority-data")
    kubeconfig.write_text(yaml.safe_dump(said))
    with pytest.raises(Unavailable, match="certificate verify failed"):
        looked(kubeconfig, environment(tmp_path))
    said["clusters"][0]["cluster"].update({"certificate-authority-data": authority, "tls-server-name": "other.example"})
    kubeconfig.write_text(yaml.safe_dump(said))
    with pytest.raises(Unavailable, match="certificate verify failed"):
        looked(kubeconfig, environment(tmp_path))
    assert not cluster.asked
    del said["clusters"][0]["cluster"]["tls-server-name"]
    said["users"][0]["user"] = {"client-certificate": "tls.crt", "client-key": "tls.key"}
    kubeconfig.write_text(yaml.safe_dump(said))
    assert looked(kubeconfig, environment(tmp_path)) == []
