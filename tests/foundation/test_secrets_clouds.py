"""AWS Secrets Manager, Azure Key Vault and Kubernetes Secrets, each as its protocol is published."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from arcops.errors import ArcOpsError, Refused, Unavailable
from arcops.tier import Tier
from foundation.egress.question import Answer
from foundation.secrets import newest, referred, stores
from foundation.secrets.aws import Credentials, SecretsManager, sign
from foundation.secrets.reference import Scheme, read_reference
from tests.simulators.cluster_secrets import ClusterSecrets, cluster_secrets
from tests.simulators.key_vault import KeyVaultServer, key_vault
from tests.simulators.secrets_manager import SecretsManagerServer, secrets_manager

pytestmark = pytest.mark.requirement("BASE-5/secrets-by-reference")

CANARY = "canary-5be1"


def mode_0600(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text)
    return path


class TestAws:
    @pytest.fixture
    def server(self) -> Iterator[SecretsManagerServer]:
        with secrets_manager() as made:
            made.keys["AKIDEXAMPLE"] = ("the-secret-key", "")
            made.kept["prod/model"] = CANARY
            made.kept["json"] = json.dumps({"key": CANARY, "number": 5})
            yield made

    def at(self, server: SecretsManagerServer, **more: str) -> dict[str, str]:
        told = {"AWS_ENDPOINT_URL_SECRETS_MANAGER": server.url, "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE"}
        return {**told, "AWS_SECRET_ACCESS_KEY": "the-secret-key", **more}

    def test_a_text_a_field_and_bytes_are_read(self, server: SecretsManagerServer) -> None:
        arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:model-AbCdEf"
        server.kept[arn] = f"{CANARY}\n".encode()
        for name in ("prod/model", "json#key", arn):
            assert referred(self.at(server), f"aws:eu-central-1/{name}", "API key") == CANARY

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("none", "has no such secret"),
            ("json#none", "has no field none"),
            ("json#number", "is not text"),
            ("prod/model#key", "is no JSON object"),
            ("bytes", "binary"),
            ("list#key", "is no JSON object"),
        ],
    )
    def test_what_is_not_there_is_refused(self, server: SecretsManagerServer, name: str, said: str) -> None:
        server.kept |= {"bytes": CANARY.encode() + b"\xff", "list": json.dumps([CANARY])}
        with pytest.raises(Refused, match=said) as refused:
            referred(self.at(server), f"aws:eu-central-1/{name}", "API key")
        assert f"aws:eu-central-1/{name}" in str(refused.value)
        assert CANARY not in str(refused.value)

    def test_another_key_another_region_and_a_lost_session_are_refused(self, server: SecretsManagerServer) -> None:
        ref = "aws:eu-central-1/prod/model"
        for told, said in (
            (self.at(server, AWS_SECRET_ACCESS_KEY="wrong-key"), "the signature is refused"),
            (self.at(server, AWS_ACCESS_KEY_ID="AKIDOTHER"), "the credentials are refused"),
            (self.at(server, AWS_SESSION_TOKEN="unknown"), "the credentials are refused"),
            ({**self.at(server), "AWS_SECRET_ACCESS_KEY": ""}, "AWS_SECRET_ACCESS_KEY, which is not set"),
            (self.at(server, ARCOPS_AWS_SECRET_KEY_REF="aws:eu-central-1/a"), "must be env:NAME or file:PATH"),
        ):
            with pytest.raises(Refused, match=said) as refused:
                referred(told, ref, "API key")
            assert not any(one in str(refused.value) for one in ("the-secret-key", "wrong-key", "hunter2", "AKID"))
        with pytest.raises(Refused, match="the signature is refused"):
            referred(self.at(server), "aws:eu-west-1/prod/model", "API key")

    def test_a_temporary_key_and_one_in_files_are_used(self, server: SecretsManagerServer, tmp_path: Path) -> None:
        server.keys["ASIATEMP"] = ("temporary", "its-session")
        told = self.at(server, ARCOPS_AWS_KEY_ID_REF="env:ID", ID="ASIATEMP", AWS_SESSION_TOKEN="its-session")
        told["ARCOPS_AWS_SECRET_KEY_REF"] = f"file:{mode_0600(tmp_path / 'key', 'temporary')}"
        assert referred(told, "aws:eu-central-1/prod/model", "API key") == CANARY

    @pytest.mark.parametrize(
        ("kind", "error"),
        [
            ("InternalServiceError", Unavailable), ("ThrottlingException", Unavailable), ("AccessDeniedException", Refused),
            ("DecryptionFailure", Refused), ("ExpiredTokenException", Refused), ("InvalidRequestException", Refused),
        ],
    )  # fmt: skip
    def test_an_error_is_its_kind_and_its_text_is_not_shown(
        self, server: SecretsManagerServer, kind: str, error: type[ArcOpsError]
    ) -> None:
        server.fails = kind
        with pytest.raises(error) as raised:
            referred(self.at(server), "aws:eu-central-1/prod/model", "API key")
        assert "hunter2" not in str(raised.value)

    def test_the_published_example_of_a_signature(self) -> None:
        """AWS Signature Version 4 test suite, ``post-vanilla``."""
        by = Credentials(key_id="AKIDEXAMPLE", secret="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
        at = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
        signed = sign("https://example.amazonaws.com/", {}, b"", by, region="us-east-1", service="service", at=at)
        assert signed["Authorization"] == (
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, "
            "Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
        )
        assert "wJalr" not in repr(by)

    @pytest.mark.parametrize(
        ("region", "host"),
        [
            ("eu-central-1", "secretsmanager.eu-central-1.amazonaws.com"),
            ("us-gov-west-1", "secretsmanager.us-gov-west-1.amazonaws.com"),
            ("cn-north-1", "secretsmanager.cn-north-1.amazonaws.com.cn"),
            ("eusc-de-east-1", "secretsmanager.eusc-de-east-1.amazonaws.eu"),
            ("us-iso-east-1", "secretsmanager.us-iso-east-1.c2s.ic.gov"),
            ("us-isob-east-1", "secretsmanager.us-isob-east-1.sc2s.sgov.gov"),
            ("us-isof-south-1", "secretsmanager.us-isof-south-1.csp.hci.ic.gov"),
            ("eu-isoe-west-1", "secretsmanager.eu-isoe-west-1.cloud.adc-e.uk"),
        ],
    )
    def test_each_region_has_its_address(self, region: str, host: str) -> None:
        asked: list[str] = []

        def ask(method: str, url: str, headers: object, body: bytes = b"") -> Answer:
            asked.append(url)
            return Answer(status=200, body=b'{"SecretString": "x"}')

        by = Credentials(key_id="a", secret="b")
        SecretsManager(ask, lambda: by, lambda: datetime.now(UTC)).read(read_reference(f"aws:{region}/a", "key"))
        assert asked == [f"https://{host}/"]


class TestAzure:
    REF = "azure:my-vault/model-key"

    @pytest.fixture
    def server(self) -> Iterator[KeyVaultServer]:
        with key_vault() as made:
            made.put("model-key", "older", version="0a" * 16)
            made.put("model-key", CANARY)
            yield made

    def at(self, server: KeyVaultServer, **more: str) -> dict[str, str]:
        told = {"ARCOPS_AZURE_VAULTS": server.url, "AZURE_AUTHORITY_HOST": f"{server.url}/", "AZURE_TENANT_ID": "the-tenant"}
        return {**told, "AZURE_CLIENT_ID": "the-client", "AZURE_CLIENT_SECRET": "the-client-secret", **more}

    def test_the_newest_and_a_named_version_are_read(self, server: KeyVaultServer) -> None:
        assert referred(self.at(server), self.REF, "API key") == CANARY
        assert referred(self.at(server), f"{self.REF}/{'0a' * 16}", "API key") == "older"

    def test_workload_identity_sends_the_token_of_the_pod(self, server: KeyVaultServer, tmp_path: Path) -> None:
        server.assertion = "e30.pod.sig"
        told = self.at(server, AZURE_FEDERATED_TOKEN_FILE=str(mode_0600(tmp_path / "token", "e30.pod.sig")))
        del told["AZURE_CLIENT_SECRET"]
        assert referred(told, self.REF, "API key") == CANARY

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"AZURE_CLIENT_SECRET": "wrong-secret"}, "Entra refuses the login"),
            ({"AZURE_CLIENT_SECRET": ""}, "AZURE_CLIENT_SECRET, which is not set"),
            ({"AZURE_TENANT_ID": "other"}, "Entra refuses the login"),
            ({"AZURE_TENANT_ID": "../../evil"}, "AZURE_TENANT_ID is not an id"),
            ({"AZURE_CLIENT_ID": ""}, "AZURE_CLIENT_ID is not set"),
            ({"ARCOPS_AZURE_VAULTS": "https://{vault}.example/path"}, "ARCOPS_AZURE_VAULTS"),
        ],
    )
    def test_a_login_that_fails_is_said_and_not_quoted(self, server: KeyVaultServer, change: dict[str, str], said: str) -> None:
        with pytest.raises(Refused, match=said) as refused:
            referred(self.at(server, **change), self.REF, "API key")
        assert not any(one in str(refused.value) for one in ("wrong-secret", "the-client-secret", "AADSTS"))

    def test_what_is_not_there_disabled_or_past_its_end_is_refused(self, server: KeyVaultServer) -> None:
        server.put("off", CANARY, enabled=False)
        server.put("old", CANARY, exp=int(time.time()) - 5)
        server.put("soon", CANARY, exp=int(time.time()) + 3600)
        for name, said in (("none", "no such secret"), ("off", "disabled"), ("old", "has expired by its own date")):
            with pytest.raises(Refused, match=said):
                referred(self.at(server), f"azure:my-vault/{name}", "API key")
        assert referred(self.at(server), "azure:my-vault/soon", "API key") == CANARY

    def test_a_secret_is_not_kept_past_its_own_end(self, server: KeyVaultServer) -> None:
        server.put("soon", CANARY, exp=int(time.time()) + 100)
        source = stores.sources(self.at(server), Tier.AIR_GAPPED)[Scheme.AZURE]()
        seconds = source.read(read_reference("azure:my-vault/soon", "key")).seconds
        assert seconds is not None
        assert 0 < seconds <= 100

    def test_one_login_serves_until_its_token_is_refused(self, server: KeyVaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in self.at(server).items():
            monkeypatch.setenv(name, value)
        for _ in range(2):
            newest(os.environ, self.REF, "API key")
        assert server.logins == 1
        server.tokens.clear()
        server.put("model-key", "replaced")
        assert newest(os.environ, self.REF, "API key") == "replaced"
        assert server.logins == 2

    @pytest.mark.parametrize(
        ("vaults", "scope"),
        [
            ("https://{vault}.vault.azure.net", "https://vault.azure.net"),
            ("https://{vault}.vault.azure.cn/", "https://vault.azure.cn"),
            ("https://{vault}.vault.usgovcloudapi.net", "https://vault.usgovcloudapi.net"),
            ("https://{vault}.privatelink.vault.azure.net", "https://vault.azure.net"),
            ("https://keys.example", "https://vault.azure.net"),
        ],
    )
    def test_each_cloud_has_its_own_resource(self, vaults: str, scope: str) -> None:
        assert stores._resource(vaults) == scope


class TestKubernetes:
    @pytest.fixture
    def server(self) -> Iterator[ClusterSecrets]:
        with cluster_secrets() as made:
            made.put("arcops", "model", key=f"{CANARY}\n".encode(), binary=b"\xff\xfe", empty=b"")
            made.put("other", "model", key=b"x")
            yield made

    def at(self, server: ClusterSecrets, **more: str) -> dict[str, str]:
        told = {"ARCOPS_SECRETS_CLUSTER": server.url, "ARCOPS_SECRETS_CLUSTER_TOKEN_REF": "env:TOKEN"}
        return {**told, "TOKEN": "a-service-account", **more}

    def test_a_key_is_read(self, server: ClusterSecrets) -> None:
        assert referred(self.at(server), "kubernetes:arcops/model#key", "API key") == CANARY
        assert [one.path for one in server.asked] == ["/api/v1/namespaces/arcops/secrets/model"]

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("arcops/none#key", "no such Secret"),
            ("other/model#key", "may not read it"),
            ("arcops/model#none", "has no key none"),
            ("arcops/model#binary", "is not text"),
            ("arcops/model#empty", "is empty"),
        ],
    )
    def test_what_is_not_there_is_refused(self, server: ClusterSecrets, name: str, said: str) -> None:
        with pytest.raises(Refused, match=said) as refused:
            referred(self.at(server), f"kubernetes:{name}", "API key")
        assert "hunter2" not in str(refused.value)

    def test_a_token_that_counts_no_more_is_refused(self, server: ClusterSecrets) -> None:
        with pytest.raises(Refused, match="may not read it"):
            referred(self.at(server, TOKEN="another"), "kubernetes:arcops/model#key", "API key")

    def test_base64_that_is_none_is_refused(self, server: ClusterSecrets) -> None:
        server.kept["arcops", "model"]["key"] = "!!!"
        with pytest.raises(Refused, match="is not text"):
            referred(self.at(server), "kubernetes:arcops/model#key", "API key")

    def test_outside_of_a_cluster_its_address_must_be_set(self) -> None:
        with pytest.raises(Refused, match="ARCOPS_SECRETS_CLUSTER"):
            referred({}, "kubernetes:arcops/model#key", "API key")

    def test_in_a_pod_the_cluster_is_named_by_its_variables(self) -> None:
        told = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}
        with pytest.raises(Refused, match="fd00::1"):
            referred(told, "kubernetes:arcops/model#key", "API key")
