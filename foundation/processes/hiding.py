"""A process that has a passphrase or a password hides it from other processes. Without one, nothing is imported."""

from __future__ import annotations

import os

SECRETS = (
    "ARCOPS_PASSPHRASE",
    "ARCOPS_PASSPHRASE_FILE",
    "ARCOPS_DATABASE_PASSWORD",
    "ARCOPS_DATABASE_PASSWORD_FILE",
    "ARCOPS_PASSPHRASE_REF",
    "ARCOPS_DATABASE_PASSWORD_REF",
    "ARCOPS_REDIS_PASSWORD",
    "ARCOPS_REDIS_PASSWORD_FILE",
    "ARCOPS_REDIS_PASSWORD_REF",
    "ARCOPS_BACKUP_PASSPHRASE",
    "ARCOPS_BACKUP_PASSPHRASE_FILE",
    "ARCOPS_BACKUP_PASSPHRASE_REF",
    "ARCOPS_BACKUP_IDENTITY",
    "ARCOPS_BACKUP_IDENTITY_FILE",
    "ARCOPS_BACKUP_IDENTITY_REF",
    "ARCOPS_REGISTRY_PASSWORD",
    "ARCOPS_REGISTRY_PASSWORD_FILE",
    "ARCOPS_REGISTRY_PASSWORD_REF",
    "VAULT_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AZURE_CLIENT_SECRET",
)
"""The variables that hold the signing key's passphrase, that of backups, the key of their recipient, the password of the
database, of Redis or of the registry, or a credential for a place of secrets, or say where it is."""


def hide_secrets() -> None:
    """If this process has one, close its memory and its environment to this user's other processes."""
    if any(os.environ.get(name) for name in SECRETS):
        from foundation.processes.kernel import hide_memory

        hide_memory()
