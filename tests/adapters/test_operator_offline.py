"""``arcops operator explain`` and ``arcops operator manifests``, as a person uses them, without a cluster."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.adapters.typed import Done, typed
from tests.services.operator.texts import OPERATOR_SETTINGS, SERVER

IMAGE = f"registry.example/arcops@sha256:{'0' * 64}"


def explained(tmp_path: Path, server: str, *more: str, settings: str = OPERATOR_SETTINGS) -> Done:
    """``operator explain`` with these texts in files."""
    (tmp_path / "server.yaml").write_text(server)
    (tmp_path / "operator.yaml").write_text(settings)
    line = ("operator", "explain", "server.yaml", "--settings", "operator.yaml", *more)
    return typed(*line, environment={"ARCOPS_HOME": str(tmp_path / "home")}, cwd=tmp_path)


@pytest.mark.requirement("OPER-4/permission-profiles-are-enforced")
class TestExplain:
    def test_it_says_what_is_made_and_who_enforces_it(self, tmp_path: Path) -> None:
        done = explained(tmp_path, SERVER)
        assert done.returncode == 0, done.stderr
        assert "egress to 198.51.100.7/32 on TCP 443: NetworkPolicy, by calico" in done.stdout
        assert "NetworkPolicy shop/tools" in done.stdout
        assert "proven: " in done.stdout
        assert "the gate must have judged this image GREEN" in done.stdout, "nothing was judged here, and it says so"

    def test_the_objects_can_be_read_by_a_machine(self, tmp_path: Path) -> None:
        done = explained(tmp_path, SERVER, "--objects")
        kinds = [one["kind"] for one in yaml.safe_load_all(done.stdout) if one]
        assert kinds == ["NetworkPolicy", "ServiceAccount", "ConfigMap", "Service", "Deployment"]

    def test_json(self, tmp_path: Path) -> None:
        (one,) = json.loads(explained(tmp_path, SERVER, "--format", "json").stdout)["servers"]
        assert one["name"] == "MCPServer shop/tools"
        assert one["connections"] > 100

    @pytest.mark.parametrize(
        ("before", "after", "said"),
        [
            ("198.51.100.7", "api.example.com", "Cilium"),
            ("198.51.100.7", "169.254.169.254", "metadata service"),
            ("transport: streamable-http", "replicas: 3", "stdio has one replica"),
            ("name: p, key: p.json", "name: q, key: p.json", "is not there"),
            ("transport: streamable-http", "transport: streamable-http\n  replcias: 2", "replcias"),
            ("@sha256:", ":v1 #", "digest"),
            ('"write"', '"writes"', "unknown key"),
        ],
    )
    def test_what_is_refused_says_why_and_exits_3(self, tmp_path: Path, before: str, after: str, said: str) -> None:
        done = explained(tmp_path, SERVER.replace(before, after))
        assert done.returncode == 3, done.stdout + done.stderr
        assert said in done.stdout
        assert "refused" in done.stdout

    @pytest.mark.parametrize(
        ("server", "settings"),
        [
            (SERVER, OPERATOR_SETTINGS.replace("1.36", "1.29")),
            ("kind: ConfigMap", OPERATOR_SETTINGS),
            ("[", OPERATOR_SETTINGS),
            (SERVER, "network: {}"),
            (SERVER, "networks: {cni: x}"),
            ("", ""),
        ],
    )
    def test_what_is_no_resource_or_no_settings_is_said_in_a_sentence(self, tmp_path: Path, server: str, settings: str) -> None:
        done = explained(tmp_path, server, settings=settings)
        assert done.returncode not in (0, 3)
        assert "Traceback" not in done.stderr
        assert done.stderr.startswith("arcops: ")


@pytest.mark.requirement("OPER-2/its-rights-are-one-table")
class TestManifests:
    def manifests(self, tmp_path: Path, *more: str) -> Done:
        (tmp_path / "operator.yaml").write_text(OPERATOR_SETTINGS)
        line = ("operator", "manifests", "operator.yaml", *more)
        return typed(*line, environment={"ARCOPS_HOME": str(tmp_path / "home")}, cwd=tmp_path)

    def test_they_are_printed_as_one_text_that_kubectl_takes(self, tmp_path: Path) -> None:
        done = self.manifests(tmp_path, "--image", IMAGE)
        assert done.returncode == 0, done.stderr
        kinds = [one["kind"] for one in yaml.safe_load_all(done.stdout)]
        assert kinds[:2] == ["CustomResourceDefinition"] * 2
        assert {"ClusterRole", "Deployment", "NetworkPolicy", "ValidatingAdmissionPolicy"} <= set(kinds)

    def test_or_written_to_a_folder_in_their_order(self, tmp_path: Path) -> None:
        done = self.manifests(tmp_path, "--image", IMAGE, "--output", "out")
        assert done.returncode == 0, done.stderr
        names = sorted(one.name for one in (tmp_path / "out").iterdir())
        assert names[0] == "00-clustermcpservers.yaml"
        (tmp_path / "out" / "other.yaml").write_text("")
        assert self.manifests(tmp_path, "--image", IMAGE, "--output", "out").returncode != 0

    @pytest.mark.parametrize("more", [("--image", "arcops:latest"), ("--image", IMAGE, "--ca-bundle", "xx"), ()])
    def test_a_tag_is_refused(self, tmp_path: Path, more: tuple[str, ...]) -> None:
        assert self.manifests(tmp_path, *more).returncode != 0
