"""A process that has a passphrase hides it from other processes. Without a passphrase, nothing is imported."""

from __future__ import annotations

import os

SECRETS = ("ARCOPS_PASSPHRASE", "ARCOPS_PASSPHRASE_FILE")
"""The variables that hold the signing key's passphrase or say where it is."""


def hide_secrets() -> None:
    """If this process has a passphrase, close its memory and its environment to this user's other processes."""
    if any(os.environ.get(name) for name in SECRETS):
        from foundation.processes.kernel import hide_memory

        hide_memory()
