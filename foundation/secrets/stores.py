"""Which places there are and how they are asked, read from the environment when the first reference needs one.

The variables are those that each service's own tools and webhooks set, if there are such. Credentials for a place are
references, too, but only to the environment and to files, so that no place is asked about itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from arcops.errors import Refused
from arcops.tier import Tier
from foundation.egress.permission import Purpose, permitted
from foundation.egress.question import Way
from foundation.secrets.aws import Credentials, SecretsManager
from foundation.secrets.azure import VAULT, Entra, KeyVaults
from foundation.secrets.keeping import boot_clock
from foundation.secrets.kubernetes import KubernetesSecrets
from foundation.secrets.local import Local
from foundation.secrets.reference import Scheme, read_reference
from foundation.secrets.source import Sources
from foundation.secrets.vault import By, ByAppRole, ByKubernetes, ByToken, Vault

SECONDS = "ARCOPS_SECRETS_SECONDS"
_MOST_SECONDS, _SECONDS = 86_400, 300
_MOST_AUTHORITIES = 4 * 1024 * 1024
_INSTEAD = "use a file: reference, or set ARCOPS_TIER to restricted"
_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_MOUNT = re.compile(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*", re.ASCII)
_WORD = re.compile(r"[!-~]{1,500}", re.ASCII)


def seconds(environment: Mapping[str, str]) -> float:
    """How long a secret is kept at most (``ARCOPS_SECRETS_SECONDS``, 300 if it is not set). Raises `Refused`."""
    text = environment.get(SECONDS, "")
    if not text:
        return _SECONDS
    if not re.fullmatch(r"[0-9]{1,6}", text, re.ASCII) or int(text) > _MOST_SECONDS:
        raise Refused(f"{SECONDS} is {text[:50]!r}; use a whole number of seconds from 0 to {_MOST_SECONDS}")
    return int(text)


def sources(environment: Mapping[str, str], tier: Tier, clock: Callable[[], float] = boot_clock) -> Sources:
    """The remote places, as *environment* describes them when each is opened. What *tier* does not reach is refused there."""
    return {
        Scheme.VAULT: lambda: _vault(environment, tier, clock),
        Scheme.AWS: lambda: _aws(environment, tier),
        Scheme.AZURE: lambda: _azure(environment, tier, clock),
        Scheme.KUBERNETES: lambda: _kubernetes(environment, tier),
    }


def _vault(environment: Mapping[str, str], tier: Tier, clock: Callable[[], float]) -> Vault:
    address = environment.get("VAULT_ADDR", "")
    if not address:
        raise Refused("VAULT_ADDR is not set; set it to the address of Vault, like https://vault.example.org:8200")
    purpose = Purpose(what="VAULT_ADDR", form="use one like https://vault.example.org:8200", instead=_INSTEAD)
    permitted(tier, address, purpose)  # before a credential is read
    way = _way(tier, purpose, environment, "VAULT_CACERT")
    by = _login(environment)
    namespace = environment.get("VAULT_NAMESPACE", "")
    if namespace and not _MOUNT.fullmatch(namespace.strip("/")):
        raise Refused(f"VAULT_NAMESPACE is {namespace[:100]!r}, which is not the name of a namespace")
    return Vault(way.ask, address, by, clock=clock, seconds=_MOST_SECONDS, namespace=namespace)


def _login(environment: Mapping[str, str]) -> By:
    role, account = environment.get("ARCOPS_VAULT_ROLE_ID", ""), environment.get("ARCOPS_VAULT_KUBERNETES_ROLE", "")
    told = environment.get("ARCOPS_VAULT_TOKEN_REF", "")
    if sum(map(bool, (role, account, told))) > 1:
        raise Refused("set only one of ARCOPS_VAULT_TOKEN_REF, ARCOPS_VAULT_ROLE_ID and ARCOPS_VAULT_KUBERNETES_ROLE")
    mount = environment.get("ARCOPS_VAULT_AUTH_MOUNT", "") or ("approle" if role else "kubernetes")
    if not _MOUNT.fullmatch(mount) or ".." in mount:
        raise Refused(f"ARCOPS_VAULT_AUTH_MOUNT is {mount[:100]!r}, which is not the path of an auth method")
    if role:
        secret_id = _local(environment, "ARCOPS_VAULT_SECRET_ID_REF", "secret id of the AppRole")
        return ByAppRole(role=role, secret_id=secret_id, mount=mount)
    if account:
        jwt = _local(environment, "ARCOPS_VAULT_JWT_REF", "token of the service account", f"file:{_ACCOUNT}/token")
        return ByKubernetes(role=account, jwt=jwt, mount=mount)
    return ByToken(token=_local(environment, "ARCOPS_VAULT_TOKEN_REF", "token of Vault", "env:VAULT_TOKEN"))


def _aws(environment: Mapping[str, str], tier: Tier) -> SecretsManager:
    key_id = _local(environment, "ARCOPS_AWS_KEY_ID_REF", "access key of AWS", "env:AWS_ACCESS_KEY_ID")
    secret = _local(environment, "ARCOPS_AWS_SECRET_KEY_REF", "secret access key of AWS", "env:AWS_SECRET_ACCESS_KEY")
    session = None
    if environment.get("ARCOPS_AWS_SESSION_TOKEN_REF") or environment.get("AWS_SESSION_TOKEN"):
        session = _local(environment, "ARCOPS_AWS_SESSION_TOKEN_REF", "session token of AWS", "env:AWS_SESSION_TOKEN")

    def credentials() -> Credentials:
        return Credentials(key_id=key_id(), secret=secret(), session=session() if session else "")

    endpoint = environment.get("AWS_ENDPOINT_URL_SECRETS_MANAGER", "")
    if endpoint and not re.fullmatch(r"https?://[^/?#]+/?", endpoint):
        raise Refused("AWS_ENDPOINT_URL_SECRETS_MANAGER has a path; use an address like https://vpce-1.example.org")
    purpose = Purpose(what="the endpoint of Secrets Manager", form="use one like https://vpce-1.example.org", instead=_INSTEAD)
    ask = _way(tier, purpose, environment, "AWS_CA_BUNDLE").ask
    return SecretsManager(ask, credentials, _now, f"{endpoint.rstrip('/')}/" if endpoint else "")


def _azure(environment: Mapping[str, str], tier: Tier, clock: Callable[[], float]) -> KeyVaults:
    tenant, client = (_word(environment, name) for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID"))
    secret = assertion = None
    federated = environment.get("AZURE_FEDERATED_TOKEN_FILE", "")
    if environment.get("ARCOPS_AZURE_SECRET_REF") or environment.get("AZURE_CLIENT_SECRET") or not federated:
        secret = _local(environment, "ARCOPS_AZURE_SECRET_REF", "client secret of Azure", "env:AZURE_CLIENT_SECRET")
    else:
        assertion = _local({**environment}, "", "federated token of Azure", f"file:{federated}")
    address = environment.get("ARCOPS_AZURE_VAULTS", "") or "https://{vault}.vault.azure.net"
    if not re.fullmatch(r"https?://[^/?#]*\{vault\}[^/?#{}]*/?|https?://[^/?#{}]+/?", address):
        raise Refused("ARCOPS_AZURE_VAULTS is not an address; use one like https://{vault}.vault.azure.cn")
    purpose = Purpose(
        what="the address of the key vault or of Entra", form="write it like https://{vault}.vault.azure.net", instead=_INSTEAD
    )
    by = Entra(
        tenant=tenant,
        client=client,
        secret=secret,
        assertion=assertion,
        authority=environment.get("AZURE_AUTHORITY_HOST", "") or "https://login.microsoftonline.com",
        scope=f"{_resource(address)}/.default",
    )
    ask = _way(tier, purpose, environment, "ARCOPS_AZURE_CACERT").ask
    return KeyVaults(ask, by, address, clock=clock, now=_now, seconds=_MOST_SECONDS)


def _resource(address: str) -> str:
    """The resource for which Entra gives the token: each cloud's own, named like its vaults' addresses."""
    _, found, after = address.rstrip("/").partition(f"{VAULT}.")
    after = after.removeprefix("privatelink.")
    return f"https://{after}" if found and after.startswith("vault.") else "https://vault.azure.net"


def _kubernetes(environment: Mapping[str, str], tier: Tier) -> KubernetesSecrets:
    server = environment.get("ARCOPS_SECRETS_CLUSTER", "")
    if not server:
        host, port = environment.get("KUBERNETES_SERVICE_HOST", ""), environment.get("KUBERNETES_SERVICE_PORT", "") or "443"
        if not host:
            raise Refused("this is no pod of a cluster; set ARCOPS_SECRETS_CLUSTER to the address of the API server")
        server = f"https://{f'[{host}]' if ':' in host else host}:{port}"
    purpose = Purpose(what="the API server for Secrets", form="use one like https://cluster.example.org:6443", instead=_INSTEAD)
    permitted(tier, server, purpose)
    way = _way(tier, purpose, environment, "ARCOPS_SECRETS_CLUSTER_CACERT", f"{_ACCOUNT}/ca.crt")
    token = _local(environment, "ARCOPS_SECRETS_CLUSTER_TOKEN_REF", "token of the service account", f"file:{_ACCOUNT}/token")
    return KubernetesSecrets(way.ask, server, token)


def _way(tier: Tier, purpose: Purpose, environment: Mapping[str, str], name: str, otherwise: str = "") -> Way:
    """How a place is asked; the variable *name* names the file of its authorities."""
    named = environment.get(name, "")
    path = Path(named or otherwise)
    if not named and not (otherwise and path.is_file()):
        return Way(tier=tier, purpose=purpose)
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_AUTHORITIES).decode("ascii")
    except (OSError, ValueError):
        raise Refused(f"the certificates in {path} ({name}) cannot be read; name a file of certificates in PEM") from None
    return Way(tier=tier, purpose=purpose, authorities=text)


def _local(environment: Mapping[str, str], name: str, what: str, otherwise: str = "") -> Callable[[], str]:
    """What reads the credential at the reference in the variable *name*. Raises `Refused` unless it is one of this machine."""
    written = environment.get(name, "") or otherwise
    if not written:
        raise Refused(f"{name} is not set; set it to the place of the {what}, env:NAME or file:PATH")
    ref = read_reference(written, f"{what} ({name})" if name else what)
    if ref.remote:
        raise Refused(f"{name} must be env:NAME or file:PATH: the credential for a place of secrets cannot lie in such a place")
    return lambda: Local(environment=environment, what=what).read(ref).value


def _word(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not re.fullmatch(r"[A-Za-z0-9.-]{1,200}", value, re.ASCII):
        raise Refused(f"{name} is {'not an id or a domain' if value else 'not set'}; set it for Azure Key Vault")
    return value


def _now() -> datetime:
    return datetime.now(UTC)
