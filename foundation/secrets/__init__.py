"""Secrets, by reference: never a parameter, never in an artifact, never in a log line.

`reference` reads the place of a secret. `local` reads the environment and files; `vault`, `aws`, `azure` and `kubernetes` ask
other programs (`asking` is what they share), as `stores` reads from the environment. `keeping` holds what they gave until it
expires, `places` is all of it for one process, `passphrase` the places of the signing key's passphrase, and `signing_key` loads
that key.
"""

from foundation.secrets.passphrase import AUDIT_KEYS, key_files, passphrase_source, secret_files, with_passphrase
from foundation.secrets.places import newest, referred, with_secret

__all__ = [
    "AUDIT_KEYS",
    "key_files",
    "newest",
    "passphrase_source",
    "referred",
    "secret_files",
    "with_passphrase",
    "with_secret",
]
