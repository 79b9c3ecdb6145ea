"""A kubeconfig as text and mappings: parsed strictly; each entry must be unique, and each field must have the right type."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from arcops.errors import Refused
from artifacts.reading import read_file
from foundation.strict_yaml import JSON, load_all

MOST_BYTES = 4 * 1024 * 1024
"""In one kubeconfig."""
MOST_FILE = 1024 * 1024
"""In one file that a kubeconfig names."""
_INLINE = "write its content into the kubeconfig ('kubectl config view --raw --flatten --minify' does that)"
BOUND = "create a user with its own token or certificate, such as a service account"
_WHY = {
    "exec": f"runs a program; {BOUND}",
    "auth-provider": f"runs a program or asks another server; {BOUND}",
    "tokenFile": f"reads a file; {_INLINE}",
    "client-certificate": f"reads a file; {_INLINE}",
    "client-key": f"reads a file; {_INLINE}",
    "certificate-authority": f"reads a file; {_INLINE}",
    "insecure-skip-tls-verify": "accepts any server in place of this one; remove it, and add certificate-authority-data",
    "tls-server-name": "accepts a certificate with another name; remove it, and use a name of the server's certificate",
    "proxy-url": "sends all requests through another server; remove it",
    "username": f"sends a password; {BOUND}",
    "password": f"sends a password; {BOUND}",
    **dict.fromkeys(("as", "as-uid", "as-groups", "as-user-extra"), f"acts as another user; {BOUND}"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeconfigPart:
    """A mapping in a kubeconfig: ``said`` is its content, ``what`` its name in errors, ``folder`` the base of its paths."""

    said: Mapping[str, JSON]
    what: str
    folder: Path

    def text(self, name: str) -> str:
        value = self.said.get(name)
        if value is not None and not isinstance(value, str):
            raise Refused(f"{self.what}: {name} is not text")
        return value or ""

    def true(self, name: str) -> bool:
        value = self.said.get(name, False)
        if not isinstance(value, bool):
            raise Refused(f"{self.what}: {name} is neither true nor false")
        return value

    def only(self, *allowed: str) -> None:
        """Raises `Refused` for any other field."""
        for name in self.said:
            if name not in allowed:
                why = _WHY.get(name, "is not in the list of allowed fields; remove it")
                raise Refused(f"{self.what} has the field {str(name)[:100]!r}, which {why}")

    def pem(self, name: str, file: bool) -> str:
        """The content of *name* with ``-data``; else, if a *file* may be read, the file that *name* names; else empty."""
        data = self.text(f"{name}-data")
        path = self.text(name) if file else ""
        if path and not data:
            return decoded(read_file(self.folder / path, MOST_FILE), f"{self.what}: the file of {name}")
        try:
            return decoded(base64.b64decode("".join(data.split()), validate=True), f"{self.what}: {name}-data")
        except (binascii.Error, ValueError):
            raise Refused(f"{self.what}: {name}-data is not base64") from None


def decoded(data: bytes, what: str) -> str:
    """*data*, PEM or a token, as ASCII text. Raises `Refused`, with the name *what*, if it is not ASCII."""
    try:
        return data.decode("ascii")
    except UnicodeDecodeError:
        raise Refused(f"{what} is not PEM") from None


def parsed(data: bytes, what: str, folder: Path) -> KubeconfigPart:
    """The kubeconfig *data*, called *what* in errors, whose paths begin in *folder*. Raises `Refused`, which quotes nothing."""
    try:
        documents = load_all(data, what=what)
    except Refused:  # its text may quote the content, which is secret
        raise Refused(f"{what} is not valid YAML (ArcOps allows no aliases and no duplicate keys)") from None
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise Refused(f"{what} is not one mapping, so it is not a kubeconfig")
    return KubeconfigPart(said=documents[0], what=what, folder=folder)


def _entry(one: KubeconfigPart, plural: str, name: str) -> KubeconfigPart | None:
    """The entry *name* of the list *plural*. Raises `Refused` if two have the name."""
    singular = plural[:-1]
    entries = one.said.get(plural)
    if entries is not None and not isinstance(entries, list):
        raise Refused(f"{one.what}: {plural} is not a list")
    found = [entry for entry in entries or () if isinstance(entry, dict) and entry.get("name") == name]
    if len(found) > 1:
        raise Refused(f"{one.what} has two entries with the name {name[:100]!r} in {plural}")
    if not found:
        return None
    said = found[0].get(singular)
    if set(found[0]) != {"name", singular} or not isinstance(said, dict):
        raise Refused(f"{one.what}: the entry {name[:100]!r} in {plural} must have exactly the fields name and {singular}")
    return KubeconfigPart(said=said, what=f"{one.what}, {singular} {name[:100]!r}", folder=one.folder)


def parts(files: list[KubeconfigPart], context: str) -> tuple[KubeconfigPart, KubeconfigPart, KubeconfigPart]:
    """Context, cluster and user, each of the first file that has it, as kubectl merges."""

    def first(plural: str, name: str) -> KubeconfigPart:
        for one in files:
            found = _entry(one, plural, name)
            if found is not None:
                return found
        raise Refused(f"{files[0].what} has no entry with the name {name[:100]!r} in {plural}")

    chosen = first("contexts", context)
    user = chosen.text("user")
    nothing = KubeconfigPart(said={}, what=f"{chosen.what}, which names no user", folder=chosen.folder)
    return chosen, first("clusters", chosen.text("cluster")), first("users", user) if user else nothing


def files_of(kubeconfig: Path | None, environment: Mapping[str, str]) -> Iterator[KubeconfigPart]:
    """*kubeconfig*, or this user's own: the existing files in ``KUBECONFIG``, or the one in the home folder."""
    paths = [kubeconfig] if kubeconfig is not None else _default(environment)
    for path in paths:
        yield parsed(read_file(path, MOST_BYTES), f"the kubeconfig {path}", path.absolute().parent)


def _default(environment: Mapping[str, str]) -> list[Path]:
    listed = [Path(one) for one in environment.get("KUBECONFIG", "").split(os.pathsep) if one]
    home = Path(environment.get("HOME") or Path.home()) / ".kube" / "config"
    found = [one for one in listed or [home] if one.exists()]
    if not found:
        raise Refused(f"the kubeconfig {(listed or [home])[0]} does not exist; name another one with --kubeconfig")
    return found
