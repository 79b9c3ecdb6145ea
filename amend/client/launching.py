"""The command that starts a published package, by the tool of its ecosystem."""

from __future__ import annotations

import re

from arcops.errors import Refused
from arcops.quoting import quoted
from arcops.seen.client import Setting, Wanted

PLACEHOLDER = "CHOOSE-A-PACKAGE"
"""What a new draft says in place of a package: no ecosystem, so nothing can be installed under this name."""
_HOW = "npm:NAME@1.2.3, pypi:NAME==1.2.3 or oci:NAME@sha256:…"
_NO_VERSION = re.compile(r"0+(?:\.0+)*\Z")
_NO_NAME = frozenset(("name", "package", "example", "placeholder", "todo", "changeme", "choose-a-package"))
_NPM = re.compile(r"(@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*@[0-9][0-9A-Za-z.+-]*\Z")
_PYPI = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][0-9A-Za-z.+!-]*\Z")
_BETWEEN = re.compile(r"[-_.]+")
_DOCKER = re.compile(r"^(?:(?:index\.|registry-1\.)?docker\.io/)?(?:library/)?")
_OCI = re.compile(r"[a-z0-9][a-z0-9._/:-]*@sha256:[0-9a-f]{64}\Z")


def launched(wanted: Wanted) -> tuple[str, tuple[str, ...]]:
    """The command and the arguments that start *wanted*. Raises `Refused` for a package that names no exact version, or that
    only holds the place of one: someone else could publish under such a name.
    """
    if not wanted.package:
        return wanted.command, wanted.args
    if _stands_for_one(wanted.package):
        raise Refused(
            f"the server {quoted(wanted.name)} has no package yet: write {_HOW} in place of "
            f"{quoted(wanted.package, 200)}, or command and args, or transport: http with a url"
        )
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
        f"the server {quoted(wanted.name)} names the package {quoted(wanted.package, 200)}, which is not one exact "
        f"version; write {_HOW}"
    )


def _stands_for_one(package: str) -> bool:
    """Is *package* the word of a new draft, a name from a page, or the version 0.0.0, which earlier drafts were given?"""
    name, version = split_package(package)
    return PLACEHOLDER in package or name.partition(":")[2].lower() in _NO_NAME or _NO_VERSION.match(version) is not None


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


def plain_name(name: str) -> str:
    """*name*, with its ecosystem, as its registry compares it: names of Python without case and with one sign between words
    (PEP 503), images without their tag and their default registry.
    """
    kind, _, rest = name.lower().partition(":")
    if kind == "pypi":
        return f"pypi:{_BETWEEN.sub('-', rest)}"
    if kind == "oci":
        folder, slash, last = rest.rpartition("/")
        return f"oci:{_DOCKER.sub('', folder + slash + last.partition(':')[0])}"
    return f"{kind}:{rest}"


def with_version(package: str, version: str) -> str:
    """*package* at *version*."""
    name, _ = split_package(package)
    return f"{name}{'==' if name.startswith('pypi:') else '@'}{version}"


def input_names(settings: tuple[Setting, ...]) -> tuple[str, ...]:
    """The inputs that *settings* use, each once."""
    return tuple(dict.fromkeys(one.input for one in settings if one.input))
