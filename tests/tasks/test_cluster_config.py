"""A kubeconfig for other callers may have only listed fields; a person's own may name files, as for kubectl."""

from __future__ import annotations

import base64
import copy
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from arcops.errors import Refused
from arcops.request import LiveCluster
from tasks.kubernetes import in_cluster
from tasks.kubernetes.config import Access, access, current_context
from tests.certificates import Authority
from tests.clusters import operators_file

pytestmark = pytest.mark.requirement("ARC-C4/access-is-bounded")

AUTHORITY = Authority.new().pem
SERVER = "https://api.site.example:6443"
Config = dict[str, Any]


def kubeconfig() -> Config:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "good",
        "clusters": [
            {
                "name": "c",
                "cluster": {"server": SERVER, "certificate-authority-data": base64.b64encode(AUTHORITY).decode()},
            }
        ],
        "users": [{"name": "u", "user": {"token": "a-token"}}],
        "contexts": [{"name": "good", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}],
    }


def user(said: Config) -> Config:
    found = said["users"][0]["user"]
    assert isinstance(found, dict)
    return found


def cluster(said: Config) -> Config:
    found = said["clusters"][0]["cluster"]
    assert isinstance(found, dict)
    return found


def written(folder: Path, said: Config) -> Path:
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(said))
    path.chmod(0o600)
    return path


def for_callers(folder: Path, said: Config, *, hosts: list[str] | None = None, served: tuple[Path, ...] = ()) -> Access:
    file = operators_file(
        folder, written(folder, said), name="site", hosts=["api.site.example:6443"] if hosts is None else hosts
    )
    return access(LiveCluster(context="site", clusters=str(file), served=served), {})


def own(folder: Path, said: Config) -> Access:
    return access(LiveCluster(context="good", clusters=None, kubeconfig=written(folder, said)), {})


def test_what_stands_in_the_file_itself_is_enough(tmp_path: Path) -> None:
    found = for_callers(tmp_path, kubeconfig())
    assert (found.server, found.authority.encode(), found.authorization) == (SERVER, AUTHORITY, "Bearer a-token")
    assert (found.verify, found.direct, found.program) == (True, True, None)
    assert "a-token" not in repr(found)


Change = Callable[[Config], object]
EXEC = {"apiVersion": "client.authentication.k8s.io/v1", "command": "sh"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda said: user(said).update(exec=EXEC), "'exec', which runs a program"),
        (lambda said: user(said).update({"auth-provider": {"name": "gcp"}}), "'auth-provider', which runs"),
        (lambda said: user(said).update(tokenFile="/etc/passwd"), "'tokenFile', which reads a file"),
        (lambda said: user(said).update({"client-certificate": "/etc/passwd"}), "'client-certificate', which reads a file"),
        (lambda said: user(said).update({"client-key": "/etc/passwd"}), "'client-key', which reads a file"),
        (lambda said: user(said).update(username="a"), "sends a password"),
        (lambda said: user(said).update(password="a"), "sends a password"),
        (lambda said: user(said).update({"as": "admin"}), "acts as another user"),
        (lambda said: user(said).update({"as-uid": "1"}), "acts as another user"),
        (lambda said: user(said).update({"as-groups": ["system:masters"]}), "acts as another user"),
        (lambda said: user(said).update({"as-user-extra": {}}), "acts as another user"),
        (lambda said: user(said).update({"tomorrow": ""}), "'tomorrow', which is not in the list of allowed fields"),
        (lambda said: user(said).update(extensions=[]), "'extensions', which is not in the list"),
        (lambda said: user(said).clear(), "neither a token nor"),
        (lambda said: user(said).update(token=""), "neither a token nor"),
        (lambda said: user(said).update(token="a\r\nX-More: b"), "a header must not have"),
        (lambda said: user(said).update(token=["a"]), "token is not text"),
        (lambda said: user(said).update({"client-key-data": "YQ=="}), "without its certificate"),
        (lambda said: user(said).update({"client-certificate-data": "%"}), "not base64"),
        (lambda said: cluster(said).update({"certificate-authority": "/etc/passwd"}), "'certificate-authority', which reads"),
        (lambda said: cluster(said).pop("certificate-authority-data"), "no certificate-authority-data"),
        (lambda said: cluster(said).update({"insecure-skip-tls-verify": True}), "accepts any server"),
        (lambda said: cluster(said).update({"tls-server-name": "other"}), "a certificate with another name"),
        (lambda said: cluster(said).update({"proxy-url": "http://evil.example"}), "through another server"),
        (lambda said: cluster(said).update({"tomorrow": ""}), "'tomorrow', which is not in the list"),
        (lambda said: said["contexts"][0]["context"].update(tomorrow=""), "'tomorrow', which is not in the list"),
        (lambda said: said.update(tomorrow=""), "'tomorrow', which is not in the list"),
        (lambda said: said["users"][0].update(exec=EXEC), "exactly the fields name and user"),
        (lambda said: said["users"].append(copy.deepcopy(said["users"][0])), "two entries with the name 'u' in users"),
        (lambda said: said["clusters"].append(copy.deepcopy(said["clusters"][0])), "two entries with the name 'c' in clusters"),
        (
            lambda said: said["contexts"].append(copy.deepcopy(said["contexts"][0])),
            "two entries with the name 'good' in contexts",
        ),
        (lambda said: said["users"].clear(), "no entry with the name 'u' in users"),
        (lambda said: said["contexts"].clear(), "no entry with the name 'good' in contexts"),
        (lambda said: said["contexts"][0]["context"].pop("user"), "neither a token nor"),
        (lambda said: said.update(users={}), "users is not a list"),
    ],
)
def test_each_other_field_alone_is_refused_for_others(tmp_path: Path, change: Change, says: str) -> None:
    said = kubeconfig()
    change(said)
    with pytest.raises(Refused, match=says) as refused:
        for_callers(tmp_path, said)
    assert str(tmp_path) not in str(refused.value), "callers learn no folder"


@pytest.mark.parametrize(
    "server",
    [
        "http://api.site.example:6443",
        "HTTPS://api.site.example:6443",
        "https://evil.example:6443",
        "https://api.site.example",
        "https://api.site.example:443",
        "https://api.site.example:64430",
        "https://api.site.example:6443@evil.example",
        "https://api.site.example:6443#@evil.example",
        "https://api.site.example:6443?a",
        "https://api.site.example:6443/..",
        "https://api.site.example:6443/a/../b",
        "https://api.site.example:6443\\@evil.example",
        "https://api.site.example.:6443",
        "https://u:p@api.site.example:6443",
        "https://api.site.example:6443 ",
        "https://[::1]:6443",
        "https://",
        "",
        "api.site.example:6443",
        "file:///etc/passwd",
    ],
)
def test_another_server_than_the_operator_allows_is_refused(tmp_path: Path, server: str) -> None:
    said = kubeconfig()
    cluster(said)["server"] = server
    with pytest.raises(Refused, match="server is"):
        for_callers(tmp_path, said)


@pytest.mark.parametrize(
    ("server", "hosts", "asked"),
    [
        ("https://API.site.example:6443/", ["api.Site.example:6443"], "https://api.site.example:6443"),
        ("https://rancher.example/k8s/clusters/c-1", ["rancher.example"], "https://rancher.example:443/k8s/clusters/c-1"),
        ("https://[fd00:0::1]:6443", ["other.example", "[fd00::1]:6443"], "https://[fd00::1]:6443"),
    ],
)
def test_hosts_are_compared_by_what_they_mean(tmp_path: Path, server: str, hosts: list[str], asked: str) -> None:
    said = kubeconfig()
    cluster(said)["server"] = server
    assert for_callers(tmp_path, said, hosts=hosts).server == asked


class TestTheOperatorsFile:
    def test_without_one_nothing_is_looked_at(self) -> None:
        with pytest.raises(Refused, match="operator named no clusters"):
            access(LiveCluster(context="site", clusters=""), {})

    def test_another_name_is_refused_with_the_names_that_there_are(self, tmp_path: Path) -> None:
        file = operators_file(tmp_path, written(tmp_path, kubeconfig()), name="site")
        for name in ("good", "SITE", "site ", str(tmp_path / "kubeconfig")):
            with pytest.raises(Refused, match="named are: site"):
                access(LiveCluster(context=name, clusters=str(file)), {})

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            (lambda one: one.update(hosts=[]), "is not a list of hosts"),
            (lambda one: one.pop("hosts"), "write kubeconfig, context, hosts"),
            (lambda one: one.update(insecure=True), "and no other field"),
            (lambda one: one.update(hosts="api.site.example:6443"), "is not a list of hosts"),
            (lambda one: one.update(hosts=["*"]), "is not a host"),
            (lambda one: one.update(hosts=["*.example"]), "is not a host"),
            (lambda one: one.update(hosts=["https://api.site.example"]), "is not a host"),
            (lambda one: one.update(hosts=["api.site.example:70000"]), "the highest port is 65535"),
            (lambda one: one.update(kubeconfig="kubeconfig"), "not an absolute path"),
            (lambda one: one.update(context=""), "context is not a name"),
        ],
    )
    def test_each_line_of_it_counts(self, tmp_path: Path, change: Change, says: str) -> None:
        file = operators_file(tmp_path, written(tmp_path, kubeconfig()), name="site")
        said = yaml.safe_load(file.read_text())
        change(said["clusters"]["site"])
        file.write_text(yaml.safe_dump(said))
        with pytest.raises(Refused, match=says):
            access(LiveCluster(context="site", clusters=str(file)), {})

    @pytest.mark.parametrize("text", ["", "[]", "clusters: []", "clusters: {}\nmore: 1", "{", "clusters: {1: {}}", "a\n---\nb"])
    def test_what_is_none_is_refused(self, tmp_path: Path, text: str) -> None:
        file = tmp_path / "clusters.yaml"
        file.write_text(text)
        file.chmod(0o600)
        with pytest.raises(Refused):
            access(LiveCluster(context="site", clusters=str(file)), {})

    @pytest.mark.parametrize(("name", "mode"), [("clusters.yaml", 0o666), ("clusters.yaml", 0o620), ("kubeconfig", 0o640)])
    def test_what_others_may_change_or_read_is_refused(self, tmp_path: Path, name: str, mode: int) -> None:
        file = operators_file(tmp_path, written(tmp_path, kubeconfig()), name="site")
        (tmp_path / name).chmod(mode)
        with pytest.raises(Refused, match="open to other users"):
            access(LiveCluster(context="site", clusters=str(file)), {})

    def test_what_belongs_to_another_user_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file = operators_file(tmp_path, written(tmp_path, kubeconfig()), name="site")
        if os.geteuid() == 0:
            os.chown(tmp_path / "kubeconfig", 65534, -1)
        else:
            monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
        with pytest.raises(Refused, match="belongs to another user"):
            access(LiveCluster(context="site", clusters=str(file)), {})

    @pytest.mark.parametrize("name", ["clusters.yaml", "kubeconfig"])
    def test_what_lies_where_callers_put_files_is_refused(self, tmp_path: Path, name: str) -> None:
        """Also through a link: the real folder of the file counts."""
        mine, served = tmp_path / "mine", tmp_path / "served"
        mine.mkdir()
        served.mkdir()
        file = operators_file(mine, written(mine, kubeconfig()), name="site", hosts=["api.site.example:6443"])
        live = LiveCluster(context="site", clusters=str(file), served=(served,))
        assert access(live, {}).server == SERVER
        (mine / name).rename(served / name)
        (mine / name).symlink_to(served / name)
        with pytest.raises(Refused, match="callers may name files in"):
            access(live, {})

    def test_no_error_holds_what_the_files_hold(self, tmp_path: Path) -> None:
        file = operators_file(tmp_path, written(tmp_path, kubeconfig()), name="site")
        (tmp_path / "kubeconfig").write_text("users: [{name: u, user: {token: hunter2, token: hunter2\n")
        with pytest.raises(Refused) as refused:
            access(LiveCluster(context="site", clusters=str(file)), {})
        assert "hunter2" not in str(refused.value)


class TestOnesOwn:
    def test_files_count_from_the_kubeconfig_s_folder(self, tmp_path: Path) -> None:
        said = kubeconfig()
        (tmp_path / "ca.pem").write_bytes(AUTHORITY)
        (tmp_path / "token").write_text("from-a-file\n")
        del cluster(said)["certificate-authority-data"]
        cluster(said)["certificate-authority"] = "ca.pem"
        user(said)["tokenFile"] = "token"
        found = own(tmp_path, said)
        assert (found.authority.encode(), found.authorization) == (AUTHORITY, "Bearer from-a-file")

    def test_a_server_without_proof_is_named_to_the_person(self, tmp_path: Path) -> None:
        said = kubeconfig()
        assert own(tmp_path, said).notices == ()
        cluster(said)["insecure-skip-tls-verify"] = True
        (sentence,) = own(tmp_path, said).notices
        assert "does not verify" in sentence
        assert not own(tmp_path, said).verify

    def test_a_name_and_a_password(self, tmp_path: Path) -> None:
        said = kubeconfig()
        said["users"][0]["user"] = {"username": "ada", "password": "b"}
        assert own(tmp_path, said).authorization == "Basic YWRhOmI="

    @pytest.mark.parametrize("name", ["auth-provider", "as", "as-groups", "tomorrow"])
    def test_what_would_not_be_followed_is_refused_and_not_ignored(self, tmp_path: Path, name: str) -> None:
        """If ``as`` were ignored, the check would have other rights than the person wants."""
        said = kubeconfig()
        user(said)[name] = {}
        with pytest.raises(Refused, match=f"has the field '{name}'"):
            own(tmp_path, said)

    def test_several_files_count_as_for_kubectl(self, tmp_path: Path) -> None:
        """The first file that has a name wins, and so does the first current context."""
        first, second = tmp_path / "first", tmp_path / "second"
        first.mkdir()
        second.mkdir()
        said = kubeconfig()
        other = {**kubeconfig(), "current-context": "other"}
        user(other)["token"] = "another"
        del said["clusters"]
        paths = (tmp_path / "gone", written(first, said), written(second, other))
        environment = {"KUBECONFIG": os.pathsep.join(map(str, paths)), "HOME": str(tmp_path)}
        assert current_context(None, environment) == "good"
        found = access(LiveCluster(context="good", clusters=None), environment)
        assert (found.server, found.authorization) == (SERVER, "Bearer a-token")

    def test_without_a_kubeconfig_it_says_so(self, tmp_path: Path) -> None:
        for environment in ({"HOME": str(tmp_path)}, {"KUBECONFIG": str(tmp_path / "gone")}):
            with pytest.raises(Refused, match="name another one with --kubeconfig"):
                current_context(None, environment)


class TestInAPod:
    """A kubelet's service account is used on one's own command line, and only if there is no kubeconfig."""

    @pytest.fixture
    def mounted(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        folder = tmp_path / "serviceaccount"
        folder.mkdir()
        (folder / "token").write_text("a-token\n")
        (folder / "ca.crt").write_bytes(AUTHORITY)
        monkeypatch.setattr(in_cluster, "MOUNTED", folder)
        return folder

    def environment(self, tmp_path: Path, **more: str) -> dict[str, str]:
        return {
            "KUBERNETES_SERVICE_HOST": "10.96.0.1",
            "KUBERNETES_SERVICE_PORT": "443",
            "HOME": str(tmp_path / "home"),
            **more,
        }

    def test_it_is_used_without_a_kubeconfig(self, tmp_path: Path, mounted: Path) -> None:
        given = self.environment(tmp_path)
        assert current_context(None, given) == "in-cluster"
        found = access(LiveCluster(context="in-cluster", clusters=None, kubeconfig=None), given)
        assert (found.server, found.authorization, found.authority) == (
            "https://10.96.0.1:443",
            "Bearer a-token",
            AUTHORITY.decode(),
        )
        assert found.verify
        assert found.direct
        assert "service account" in found.notices[0]
        (wide,) = [
            access(
                LiveCluster(context="in-cluster", clusters=None, kubeconfig=None),
                {**given, "KUBERNETES_SERVICE_HOST": "fd00::1"},
            )
        ]
        assert wide.server == "https://[fd00::1]:443"

    def test_a_kubeconfig_comes_first(self, tmp_path: Path, mounted: Path) -> None:
        given = self.environment(tmp_path, KUBECONFIG=str(written(tmp_path, kubeconfig())))
        assert current_context(None, given) == "good"
        with pytest.raises(Refused):
            access(LiveCluster(context="in-cluster", clusters=None, kubeconfig=None), given)

    @pytest.mark.parametrize(
        "wrong",
        [{"KUBERNETES_SERVICE_HOST": "evil.example"}, {"KUBERNETES_SERVICE_PORT": "x"}, {"KUBERNETES_SERVICE_PORT": "0"}],
    )
    def test_what_no_kubelet_sets_is_refused(self, tmp_path: Path, mounted: Path, wrong: dict[str, str]) -> None:
        with pytest.raises(Refused, match="kubelet"):
            access(LiveCluster(context="in-cluster", clusters=None, kubeconfig=None), self.environment(tmp_path, **wrong))

    def test_without_one_the_kubeconfig_is_asked_for(self, tmp_path: Path, mounted: Path) -> None:
        (mounted / "token").unlink()
        with pytest.raises(Refused):
            current_context(None, self.environment(tmp_path))
