"""Secrets by reference on real stores: OpenBao (Vault's API), and Secrets Manager as moto serves it.

What runs here is named by ``ARCOPS_BAO`` and ``ARCOPS_MOTO_SERVER``, or was put there by `make test-deep`; else these
tests are skipped, and say so. Key Vault, Entra and a cluster of Kubernetes have only their simulators (`tests/simulators`).
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from adapters.http.serve import reserved_port
from arcops.errors import Refused, Unavailable
from arcops.tier import Tier
from foundation.secrets import newest, referred
from foundation.secrets.aws import Credentials, sign
from foundation.secrets.keeping import Secrets
from foundation.secrets.reference import read_reference
from foundation.secrets.stores import sources
from tests.deep.generators import program
from tests.simulators.answering import Answer, Asked, Simulator, answering
from tests.waiting import until

pytestmark = pytest.mark.requirement("BASE-5/secrets-by-reference")

ROOT = "the-root-token"
CANARY = "canary-of-the-real-store-31f0"


@contextmanager
def running(command: list[str], folder: Path, url: str, verify: Any) -> Iterator[subprocess.Popen[bytes]]:
    """*command*, until it answers at *url*, and its whole process group gone afterwards."""
    log = folder / "log"
    environment = {"PATH": os.defpath, "HOME": str(folder), "TMPDIR": str(folder)}
    with log.open("wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out, env=environment, cwd=folder, start_new_session=True)
        try:

            def answers() -> bool:
                assert server.poll() is None, log.read_text()[-2000:]
                try:
                    httpx2.get(url, verify=verify(), timeout=5)
                except (httpx2.HTTPError, OSError):
                    return False
                return True

            until(answers, "the store answers", log=lambda: log.read_text()[-2000:])
            yield server
        finally:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


@dataclass(frozen=True)
class Bao:
    url: str
    authority: Path
    server: subprocess.Popen[bytes]

    def do(self, path: str, told: dict[str, object] | None = None, *, method: str = "POST", namespace: str = "") -> Any:
        import ssl

        headers = {"X-Vault-Token": ROOT, **({"X-Vault-Namespace": namespace} if namespace else {})}
        context = ssl.create_default_context(cafile=str(self.authority))
        done = httpx2.request(method, f"{self.url}/v1/{path}", json=told, headers=headers, verify=context, timeout=30)
        assert done.status_code < 300, done.text
        return done.json() if done.content else {}

    def at(self, **more: str) -> dict[str, str]:
        return {"VAULT_ADDR": self.url, "VAULT_CACERT": str(self.authority), "VAULT_TOKEN": ROOT, **more}


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    import ssl

    folder = tmp_path_factory.mktemp("bao")
    authority = folder / "vault-ca.pem"
    with reserved_port() as port:
        command = [
            str(program("bao")), "server", "-dev", "-dev-tls", f"-dev-tls-cert-dir={folder}", f"-dev-root-token-id={ROOT}",
            f"-dev-listen-address=127.0.0.1:{port}", "-dev-no-store-token",
        ]  # fmt: skip
        url = f"https://127.0.0.1:{port}"
        health = f"{url}/v1/sys/health"
        with running(command, folder, health, lambda: ssl.create_default_context(cafile=str(authority))) as server:
            yield Bao(url, authority, server)


def reading(bao: Bao, *paths: str) -> None:
    """A policy ``reader`` that lets one read *paths*."""
    rules = "\n".join(f'path "{one}" {{ capabilities = ["read"] }}' for one in paths)
    bao.do("sys/policies/acl/reader", {"policy": rules}, method="PUT")


class TestOpenBao:
    def test_a_field_is_read_and_a_new_version_is_seen(self, bao: Bao) -> None:
        bao.do("secret/data/app/model", {"data": {"key": CANARY, "number": 5}})
        assert referred(bao.at(), "vault:secret/app/model#key", "key") == CANARY
        bao.do("secret/data/app/model", {"data": {"key": "second"}})
        assert referred(bao.at(), "vault:secret/app/model#key", "key") == "second"

    def test_what_is_deleted_destroyed_or_never_was_is_refused(self, bao: Bao) -> None:
        bao.do("secret/data/gone", {"data": {"key": CANARY}})
        bao.do("secret/data/gone", method="DELETE")
        bao.do("secret/data/burnt", {"data": {"key": CANARY}})
        bao.do("secret/destroy/burnt", {"versions": [1]}, method="PUT")
        for name in ("gone", "burnt", "never"):
            with pytest.raises(Refused, match="no such secret"):
                referred(bao.at(), f"vault:secret/{name}#key", "key")

    def test_a_mount_of_version_one_is_refused_and_says_so(self, bao: Bao) -> None:
        bao.do("sys/mounts/old", {"type": "kv", "options": {"version": "1"}})
        bao.do("old/app", {"key": CANARY})
        with pytest.raises(Refused, match="KV version 2"):
            referred(bao.at(), "vault:old/app#key", "key")
        bao.do("old/data/app", {"key": CANARY})
        with pytest.raises(Refused, match="KV version 2"):
            referred(bao.at(), "vault:old/app#key", "key")

    def test_a_nested_mount_with_odd_names(self, bao: Bao) -> None:
        bao.do("sys/mounts/team/kv", {"type": "kv", "options": {"version": "2"}})
        bao.do("team/kv/data/it's;x:y=z", {"data": {"a key": CANARY}})
        assert referred(bao.at(), "vault:team/kv//it's;x:y=z#a key", "key") == CANARY

    def test_a_namespace(self, bao: Bao) -> None:
        bao.do("sys/namespaces/edge", {})
        bao.do("sys/mounts/kv", {"type": "kv", "options": {"version": "2"}}, namespace="edge")
        bao.do("kv/data/app", {"data": {"key": CANARY}}, namespace="edge")
        assert referred(bao.at(VAULT_NAMESPACE="edge"), "vault:kv/app#key", "key") == CANARY
        with pytest.raises(Refused):
            referred(bao.at(), "vault:kv/app#key", "key")

    def test_an_app_role_logs_in_and_a_revoked_token_is_replaced(self, bao: Bao) -> None:
        bao.do("secret/data/role", {"data": {"key": CANARY}})
        reading(bao, "secret/data/role")
        bao.do("sys/auth/approle", {"type": "approle"})
        bao.do("auth/approle/role/arcops", {"token_policies": "reader", "token_ttl": "20m"})
        role = bao.do("auth/approle/role/arcops/role-id", method="GET")["data"]["role_id"]
        secret_id = bao.do("auth/approle/role/arcops/secret-id", {})["data"]["secret_id"]
        told = bao.at(ARCOPS_VAULT_ROLE_ID=role, ARCOPS_VAULT_SECRET_ID_REF="env:SECRET_ID", SECRET_ID=secret_id)
        secrets = Secrets(sources(told, Tier.AIR_GAPPED), seconds=300)
        ref = read_reference("vault:secret/role#key", "key")
        assert secrets.value(ref, "key") == CANARY
        bao.do("sys/leases/revoke-prefix/auth/approle", {})
        bao.do("secret/data/role", {"data": {"key": "second"}})
        assert secrets.latest(ref, "key") == "second"
        with pytest.raises(Refused, match="may not read it"):
            secrets.value(read_reference("vault:secret/other#key", "key"), "key")
        with pytest.raises(Refused, match="login at auth/approle is refused"):
            referred({**told, "SECRET_ID": "wrong"}, str(ref), "key")

    def test_a_pod_logs_in_by_its_account(self, bao: Bao, tmp_path: Path) -> None:
        """OpenBao asks the API server about the pod's token; that server is a simulator."""
        claims = {
            "iss": "kubernetes/serviceaccount", "kubernetes.io/serviceaccount/namespace": "arcops",
            "kubernetes.io/serviceaccount/service-account.name": "checker", "sub": "system:serviceaccount:arcops:checker",
            "kubernetes.io/serviceaccount/service-account.uid": "6d1a",
        }  # fmt: skip
        jwt = ".".join(
            base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in ({"alg": "RS256"}, claims)
        )
        token = tmp_path / "token"
        token.touch(mode=0o600)
        token.write_text(f"{jwt}.c2ln")

        class Reviews(Simulator):
            def answer(self, asked: Asked) -> Answer:
                user = {"username": "system:serviceaccount:arcops:checker", "uid": "6d1a", "groups": []}
                status = {"authenticated": asked.json()["spec"]["token"] == f"{jwt}.c2ln", "user": user}
                return 201, {"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "status": status}

        reviews = Reviews()
        with answering(reviews):
            bao.do("secret/data/pod", {"data": {"key": CANARY}})
            reading(bao, "secret/data/pod")
            bao.do("sys/auth/k8s/edge", {"type": "kubernetes"})
            host = {"kubernetes_host": reviews.url, "token_reviewer_jwt": "reviewer", "disable_local_ca_jwt": True}
            host["kubernetes_ca_cert"] = bao.authority.read_text()  # it must be given, though nothing is encrypted here
            bao.do("auth/k8s/edge/config", host)
            role = {
                "bound_service_account_names": "checker",
                "bound_service_account_namespaces": "arcops",
                "policies": "reader",
            }
            bao.do("auth/k8s/edge/role/arcops", role)
            told = bao.at(
                ARCOPS_VAULT_KUBERNETES_ROLE="arcops", ARCOPS_VAULT_AUTH_MOUNT="k8s/edge", ARCOPS_VAULT_JWT_REF=f"file:{token}"
            )
            assert referred(told, "vault:secret/pod#key", "key") == CANARY
        assert reviews.asked

    def test_a_wrong_token_and_another_authority_are_refused(self, bao: Bao) -> None:
        with pytest.raises(Refused, match="may not read it"):
            referred(bao.at(VAULT_TOKEN="wrong"), "vault:secret/app#key", "key")
        with pytest.raises(Refused, match="its certificate is refused"):
            referred(bao.at(VAULT_CACERT=""), "vault:secret/app#key", "key")

    def test_sealed_it_is_unavailable_and_what_is_kept_counts(self, bao: Bao, monkeypatch: pytest.MonkeyPatch) -> None:
        """The last of the class: it seals the store."""
        bao.do("secret/data/sealed", {"data": {"key": CANARY}})
        for name, value in bao.at().items():
            monkeypatch.setenv(name, value)
        assert referred(os.environ, "vault:secret/sealed#key", "key") == CANARY
        bao.do("sys/seal", method="PUT")
        assert newest(os.environ, "vault:secret/sealed#key", "key") == CANARY
        with pytest.raises(Unavailable, match="it answers 503"):
            referred(bao.at(), "vault:secret/sealed#key", "key")


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("moto")
    with reserved_port() as port:
        command = [str(program("moto_server")), "-H", "127.0.0.1", "-p", str(port)]
        with running(command, folder, f"http://127.0.0.1:{port}/moto-api/", lambda: True):
            yield f"http://127.0.0.1:{port}"


class TestMoto:
    KEY = Credentials(key_id="AKIDEXAMPLE", secret="the-secret-key")

    def create(self, url: str, name: str, **content: str) -> str:
        from datetime import UTC, datetime

        body = json.dumps({"Name": name, **content}).encode()
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "secretsmanager.CreateSecret"}
        at = datetime.now(UTC)
        signed = sign(f"{url}/", headers, body, self.KEY, region="eu-central-1", service="secretsmanager", at=at)
        done = httpx2.post(f"{url}/", content=body, headers=signed)
        assert done.status_code == 200, done.text
        return str(done.json()["ARN"])

    def at(self, url: str) -> dict[str, str]:
        told = {"AWS_ENDPOINT_URL_SECRETS_MANAGER": url, "AWS_ACCESS_KEY_ID": self.KEY.key_id}
        return {**told, "AWS_SECRET_ACCESS_KEY": self.KEY.secret}

    def test_a_text_a_field_and_bytes_are_read_by_name_and_by_arn(self, moto: str) -> None:
        arn = self.create(moto, "prod/model", SecretString=json.dumps({"key": CANARY}))
        self.create(moto, "bytes", SecretBinary=base64.b64encode(CANARY.encode()).decode())
        for ref in ("prod/model#key", f"{arn}#key", "bytes"):
            assert referred(self.at(moto), f"aws:eu-central-1/{ref}", "key") == CANARY

    def test_what_is_not_there_is_refused(self, moto: str) -> None:
        with pytest.raises(Refused, match="no such secret"):
            referred(self.at(moto), "aws:eu-central-1/none", "key")
        self.create(moto, "elsewhere", SecretString="x")
        with pytest.raises(Refused, match="no such secret"):
            referred(self.at(moto), "aws:eu-west-1/elsewhere", "key")
