"""The passphrase of a signing key, and the files with secrets that no program of others may open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from arcops.errors import Refused
from arcops.tier import Tier
from foundation.secrets.local import read_secret_file
from foundation.secrets.places import held, newest, referred
from foundation.secrets.reference import is_remote
from foundation.settings import read_settings

AUDIT_KEYS = ("audit.key", "masking.key")
"""The files of the audit log's keys, which lie unencrypted in the memory's folder `audit` (`foundation.audit.keys`)."""
REFERENCE = "ARCOPS_PASSPHRASE_REF"
_FILES = (
    "ARCOPS_PASSPHRASE_FILE",
    "ARCOPS_DATABASE_PASSWORD_FILE",
    "ARCOPS_REDIS_PASSWORD_FILE",
    "ARCOPS_BACKUP_PASSPHRASE_FILE",
    "ARCOPS_BACKUP_IDENTITY_FILE",
    "ARCOPS_REGISTRY_PASSWORD_FILE",
)
_REFERENCES = (
    *(
        REFERENCE,
        "ARCOPS_DATABASE_PASSWORD_REF",
        "ARCOPS_REDIS_PASSWORD_REF",
        "ARCOPS_BACKUP_PASSPHRASE_REF",
        "ARCOPS_BACKUP_IDENTITY_REF",
        "ARCOPS_REGISTRY_PASSWORD_REF",
        "ARCOPS_VAULT_TOKEN_REF",
        "ARCOPS_VAULT_SECRET_ID_REF",
        "ARCOPS_VAULT_JWT_REF",
    ),
    *("ARCOPS_AWS_KEY_ID_REF", "ARCOPS_AWS_SECRET_KEY_REF", "ARCOPS_AWS_SESSION_TOKEN_REF", "ARCOPS_AZURE_SECRET_REF"),
    "ARCOPS_SECRETS_CLUSTER_TOKEN_REF",
)
_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
T = TypeVar("T")
Passphrase = Callable[[str], str]


def passphrase_source(
    environment: Mapping[str, str], key: str, ask: Passphrase | None = None, *, tier: Tier | None = None
) -> Passphrase:
    """The places of a passphrase, in this order: ``ARCOPS_PASSPHRASE``; the file that ``ARCOPS_PASSPHRASE_FILE`` names; the
    reference ``ARCOPS_PASSPHRASE_REF``; the file ``KEY.passphrase`` beside the key *key*; the person, by *ask*.

    Only this user may be able to read a file. What is returned raises `Refused` if no place has a passphrase, and `Unavailable`
    if the place of a reference does not answer.
    """

    def passphrase(what: str) -> str:
        given = environment.get("ARCOPS_PASSPHRASE")
        if given:
            return held(given)
        named = environment.get("ARCOPS_PASSPHRASE_FILE")
        if named:
            return held(read_secret_file(Path(named), "passphrase"))
        reference = environment.get(REFERENCE)
        if reference:
            return referred(environment, reference, "passphrase", tier=tier)
        beside = Path(f"{key}.passphrase")
        if not is_remote(key) and beside.exists():
            return held(read_secret_file(beside, "passphrase"))
        if ask is None:
            raise Refused(f"the {what} is needed: set ARCOPS_PASSPHRASE, ARCOPS_PASSPHRASE_FILE or {REFERENCE}")
        return ask(what)

    return passphrase


def with_passphrase(
    environment: Mapping[str, str],
    key: str,
    ask: Passphrase | None,
    load: Callable[[Passphrase], T],
    *,
    tier: Tier | None = None,
) -> T:
    """What *load* gives with the places of a passphrase. If the passphrase was refused, and the place of its reference has
    another one by now, *load* is called once more.
    """
    reference = environment.get(REFERENCE, "")
    used: list[str] = []
    source = passphrase_source(environment, key, ask, tier=tier)

    def remembered(what: str) -> str:
        used.append(source(what))
        return used[-1]

    try:
        return load(remembered)
    except Refused:
        nearer = environment.get("ARCOPS_PASSPHRASE") or environment.get("ARCOPS_PASSPHRASE_FILE")
        if not used or nearer or not is_remote(reference):
            raise
        if newest(environment, reference, "passphrase", tier=tier) == used[-1]:
            raise
    return load(source)


def secret_files(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """The files with secrets that *environment* names: the signing key and its passphrase, the keys of the audit log, the
    password of the database, and credentials for places of secrets.
    """
    settings = read_settings(environment)
    audit = (settings.memory.absolute() / "audit" / name for name in AUDIT_KEYS)
    named = [environment.get(name, "") for name in (*_FILES, "AZURE_FEDERATED_TOKEN_FILE")]
    named += [environment.get(name, "").removeprefix("file:") for name in _REFERENCES if _is_file(environment.get(name, ""))]
    named += [str(_ACCOUNT)] if _ACCOUNT.is_file() else []
    return (*key_files(settings.key), *audit, *(Path(one).absolute() for one in named if one))


def _is_file(reference: str) -> bool:
    return reference.startswith("file:")


def key_path(key: str) -> Path:
    """The file that the setting *key* names for the signing key. Raises `Refused` if the key lies elsewhere."""
    from artifacts.private_key import REMOTE  # imports cryptography

    scheme, colon, rest = key.partition(":")
    if colon and scheme == "file":
        return Path(rest.removeprefix("//"))
    if colon and (scheme == "env" or scheme in REMOTE or is_remote(key)):
        raise Refused(f"ARCOPS_KEY is of the kind {scheme}:, so it names no file for a new key; say the path of the new key")
    return Path(key)


def key_files(key: str) -> tuple[Path, ...]:
    """The files with the signing key *key* and the passphrase beside it, if a file is what *key* names."""
    file = Path(key.removeprefix("file:")).absolute()
    return (file, Path(f"{file}.passphrase"), Path(f"{key}.passphrase").absolute())
