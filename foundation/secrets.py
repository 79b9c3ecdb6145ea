"""Secrets, by reference: never a parameter, never in an artifact, never in a log line."""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from arcops.errors import Refused
from foundation.settings import read_settings

_MOST_BYTES = 16 * 1024
_PIPE_SECONDS = 10.0
AUDIT_KEYS = ("audit.key", "masking.key")
"""The files of the audit log's keys, which lie unencrypted in the memory's folder `audit` (`foundation.audit.keys`)."""


def passphrase_source(
    environment: Mapping[str, str], key: str, ask: Callable[[str], str] | None = None
) -> Callable[[str], str]:
    """The places of a passphrase, in this order: ``ARCOPS_PASSPHRASE``; the file that ``ARCOPS_PASSPHRASE_FILE`` names;
    the file ``KEY.passphrase`` beside the key *key*; the person, by *ask*.

    Only this user may be able to read a file. What is returned raises `Refused` if no place has a passphrase.
    """

    def passphrase(what: str) -> str:
        given = environment.get("ARCOPS_PASSPHRASE")
        if given:
            return given
        named = environment.get("ARCOPS_PASSPHRASE_FILE")
        if named:
            return _read(Path(named))
        beside = Path(f"{key}.passphrase")
        if beside.exists():
            return _read(beside)
        if ask is None:
            raise Refused(f"the {what} is needed: set ARCOPS_PASSPHRASE or ARCOPS_PASSPHRASE_FILE")
        return ask(what)

    return passphrase


def secret_files(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """The files with the signing key that *environment* names and its passphrase, and the keys of the audit log."""
    named = environment.get("ARCOPS_PASSPHRASE_FILE")
    settings = read_settings(environment)
    audit = (settings.memory.absolute() / "audit" / name for name in AUDIT_KEYS)
    return (*key_files(settings.key), *audit, *([Path(named).absolute()] if named else []))


def key_files(key: str) -> tuple[Path, ...]:
    """The files with the signing key *key* and the passphrase beside it, if a file is what *key* names."""
    file = Path(key.removeprefix("file:")).absolute()
    return (file, Path(f"{file}.passphrase"), Path(f"{key}.passphrase").absolute())


def referred(environment: Mapping[str, str], reference: str, what: str) -> str:
    """The secret at *reference*: ``env:NAME`` or ``file:PATH``. *what* is its name in errors, such as ``API key``.

    Raises `Refused`, which never holds the secret, if nothing is there. Only this user may be able to read a file.
    """
    scheme, _, name = reference.partition(":")
    if scheme == "env" and name:
        if not environment.get(name):
            raise Refused(f"the {what} should be in the environment variable {name[:100]}, which is not set")
        return environment[name]
    if scheme == "file" and name:
        return _read(Path(name), what)
    raise Refused(f"the reference to the {what} is not understood; use env:NAME or file:PATH")


def _read(path: Path, what: str = "passphrase") -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            status = os.fstat(descriptor)
            if stat.S_ISFIFO(status.st_mode):  # a shell's <(command) makes one; the command needs a moment
                select.select([descriptor], [], [], _PIPE_SECONDS)
            data = file.read(_MOST_BYTES + 1) or b""
            if len(data) > _MOST_BYTES:
                raise Refused(f"the {what} file {path} has more than {_MOST_BYTES:,} bytes, which is too long for a {what}")
            text = data.decode("utf-8").strip("\r\n")
    except OSError as error:
        raise Refused(f"the {what} file {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Refused(f"the {what} file {path} is not text in UTF-8") from error
    # A secret that Kubernetes mounts belongs to root and is protected otherwise; the user's own file is not.
    if status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) & 0o077:
        raise Refused(f"other users can read the {what} file {path}; run 'chmod 600 {path}'")
    if not text:
        raise Refused(f"the {what} file {path} is empty")
    return text
