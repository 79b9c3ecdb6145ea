"""A kubeconfig as text and mappings: parsed strictly, by entries that are there once, each field read as what it has to be."""

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
_INLINE = "write its content into the kubeconfig ('kubectl config view --raw --flatten --minify' does)"
BOUND = "make a user with a token or a certificate of its own, such as a service account's"
_WHY = {
    "exec": f"runs a program; {BOUND}",
    "auth-provider": f"runs a program or asks another server; {BOUND}",
    "tokenFile": f"reads a file; {_INLINE}",
    "client-certificate": f"reads a file; {_INLINE}",
    "client-key": f"reads a file; {_INLINE}",
    "certificate-authority": f"reads a file; {_INLINE}",
    "insecure-skip-tls-verify": "lets any server answer for this one; remove it, and give certificate-authority-data",
    "tls-server-name": "takes another name's certificate for the server's; remove it, and use a name of the certificate",
    "proxy-url": "sends everything by way of another server; remove it",
    "username": f"sends a password; {BOUND}",
    "password": f"sends a password; {BOUND}",
    **dict.fromkeys(("as", "as-uid", "as-groups", "as-user-extra"), f"acts as another user; {BOUND}"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeconfigPart:
    """A mapping in a kubeconfig: ``said`` is its content, ``what`` its name in errors, ``folder`` where paths begin."""

    said: Mapping[str, JSON]
    what: str
    folder: Path

    def text(self, name: str) -> str:
        value = self.said.get(name)
        if value is not None and not isinstance(value, str):
            raise Refused(f"{self.what}: {name} is no text")
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
                why = _WHY.get(name, "is not known to be harmless; remove it")
                raise Refused(f"{self.what} has the field {str(name)[:100]!r}, which {why}")

    def pem(self, name: str, file: bool) -> str:
        """What *name* with ``-data`` holds, or else, where a *file* may be read, the file that *name* names; or nothing."""
        data = self.text(f"{name}-data")
        path = self.text(name) if file else ""
        if path and not data:
            return decoded(read_file(self.folder / path, MOST_FILE), f"{self.what}: the file of {name}")
        try:
            return decoded(base64.b64decode("".join(data.split()), validate=True), f"{self.what}: {name}-data")
        except (binascii.Error, ValueError):
            raise Refused(f"{self.what}: {name}-data is no base64") from None


def decoded(data: bytes, what: str) -> str:
    """*data* as the ASCII text that PEM and tokens are. Raises `Refused`, naming *what* it is, where it is none."""
    try:
        return data.decode("ascii")
    except UnicodeDecodeError:
        raise Refused(f"{what} is no PEM") from None


def parsed(data: bytes, what: str, folder: Path) -> KubeconfigPart:
    """The kubeconfig *data*, called *what* in errors, whose paths begin in *folder*. Raises `Refused`, and quotes nothing."""
    try:
        documents = load_all(data, what=what)
    except Refused:  # whose sentence may quote what stands there, which is secret
        raise Refused(f"{what} is no YAML that is read strictly (no aliases, no key twice)") from None
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise Refused(f"{what} is not one mapping, so it is no kubeconfig")
    return KubeconfigPart(said=documents[0], what=what, folder=folder)


def _entry(one: KubeconfigPart, plural: str, name: str) -> KubeconfigPart | None:
    """The entry *name* of the list *plural*. Raises `Refused` where two have the name."""
    singular = plural[:-1]
    entries = one.said.get(plural)
    if entries is not None and not isinstance(entries, list):
        raise Refused(f"{one.what}: {plural} is no list")
    found = [entry for entry in entries or () if isinstance(entry, dict) and entry.get("name") == name]
    if len(found) > 1:
        raise Refused(f"{one.what} has two of its {plural} by the name {name[:100]!r}")
    if not found:
        return None
    said = found[0].get(singular)
    if set(found[0]) != {"name", singular} or not isinstance(said, dict):
        raise Refused(f"{one.what}: of its {plural}, {name[:100]!r} is not a name and a {singular} alone")
    return KubeconfigPart(said=said, what=f"{one.what}, {singular} {name[:100]!r}", folder=one.folder)


def parts(files: list[KubeconfigPart], context: str) -> tuple[KubeconfigPart, KubeconfigPart, KubeconfigPart]:
    """Context, cluster and user, each of the first file that has it, as kubectl merges."""

    def first(plural: str, name: str) -> KubeconfigPart:
        for one in files:
            found = _entry(one, plural, name)
            if found is not None:
                return found
        raise Refused(f"{files[0].what} has no context that could be used: of its {plural}, none is called {name[:100]!r}")

    chosen = first("contexts", context)
    user = chosen.text("user")
    nothing = KubeconfigPart(said={}, what=f"{chosen.what}, which names no user", folder=chosen.folder)
    return chosen, first("clusters", chosen.text("cluster")), first("users", user) if user else nothing


def files_of(kubeconfig: Path | None, environment: Mapping[str, str]) -> Iterator[KubeconfigPart]:
    """*kubeconfig*, or what this user's own are: those in ``KUBECONFIG`` that exist, or the one in the home folder."""
    paths = [kubeconfig] if kubeconfig is not None else _default(environment)
    for path in paths:
        yield parsed(read_file(path, MOST_BYTES), f"the kubeconfig {path}", path.absolute().parent)


def _default(environment: Mapping[str, str]) -> list[Path]:
    listed = [Path(one) for one in environment.get("KUBECONFIG", "").split(os.pathsep) if one]
    home = Path(environment.get("HOME") or Path.home()) / ".kube" / "config"
    found = [one for one in listed or [home] if one.exists()]
    if not found:
        raise Refused(
            f"the kubeconfig has no context that could be used: there is no {(listed or [home])[0]}; name one with --kubeconfig"
        )
    return found
