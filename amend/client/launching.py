"""The command that starts a published package, by the tool of its ecosystem."""

from __future__ import annotations

import re

from arcops.errors import Refused
from arcops.seen.client import Setting, Wanted

_NPM = re.compile(r"(@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*@[0-9][0-9A-Za-z.+-]*\Z")
_PYPI = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][0-9A-Za-z.+!-]*\Z")
_OCI = re.compile(r"[a-z0-9][a-z0-9._/:-]*@sha256:[0-9a-f]{64}\Z")


def launched(wanted: Wanted) -> tuple[str, tuple[str, ...]]:
    """The command and the arguments that start *wanted*. Raises `Refused` for a package that names no exact version."""
    if not wanted.package:
        return wanted.command, wanted.args
    kind, _, name = wanted.package.partition(":")
    if kind == "npm" and _NPM.match(name):
        return "npx", ("-y", name, *wanted.args)
    if kind == "pypi" and _PYPI.match(name):
        return "uvx", (name, *wanted.args)
    if kind == "oci" and _OCI.match(name):
        # A container gets no variable that is not named for it.
        passed = tuple(part for one in wanted.env for part in ("-e", one.name))
        return "docker", ("run", "--rm", "-i", *passed, name, *wanted.args)
    raise Refused(
        f"the server {wanted.name!r} names the package {wanted.package[:200]!r}, which is not one exact version; write "
        "npm:NAME@1.2.3, pypi:NAME==1.2.3 or oci:NAME@sha256:…"
    )


def split_package(package: str) -> tuple[str, str]:
    """The name with its ecosystem, and the version or digest, of a *package*; the version is empty if it names no version."""
    kind, _, rest = package.partition(":")
    if kind == "pypi":
        name, _, version = rest.partition("==")
    elif kind == "oci":
        name, _, version = rest.partition("@")
    else:
        at = rest.rfind("@")
        name, version = (rest[:at], rest[at + 1 :]) if at > 0 else (rest, "")
    return f"{kind}:{name}", version


def with_version(package: str, version: str) -> str:
    """*package* at *version*."""
    name, _ = split_package(package)
    return f"{name}{'==' if name.startswith('pypi:') else '@'}{version}"


def input_names(settings: tuple[Setting, ...]) -> tuple[str, ...]:
    """The inputs that *settings* use, each once."""
    return tuple(dict.fromkeys(one.input for one in settings if one.input))
