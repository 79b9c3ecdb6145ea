"""A version of the catalog as the spec of a row: its package at exactly that version, and what its publisher configures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from arcops.errors import Refused
from services.host.catalog.document import Kind, packages_of
from services.host.catalog.entry import Entry, Kept, State
from services.host.spec import Source, Spec, pairs, read_package

_USUAL = {Source.PYPI: "pypi.org", Source.NPM: "npmjs.org"}
"""The domain of each public index: packages of another one have the same names and are other packages."""
_PLACE = re.compile(r"\{([a-zA-Z_][a-zA-Z0-9_]*)\}")
_RUNNERS = frozenset(("-y", "--yes"))
"""What a document tells ``npx``, which this host does not use."""


def spec_for(entry: Entry, kept: Kept, given: Spec) -> Spec:
    """*given*, whose package is empty, as the spec of a row that runs the version *kept*, or keeps it, if it is an agent. What
    *given* says counts more.

    Raises `Refused` for a version that was not approved, that this host cannot run, or that needs what is not given.
    """
    name = f"{kept.name} {kept.version}"
    if not kept.offered:
        how = "was deleted by its publisher" if kept.state is State.APPROVED else f"is {kept.state.value}"
        raise Refused(
            f"{name} {how}, so it is not hosted; one who may approve it runs 'arcops host catalog approve {kept.name} "
            f"--version {kept.version}'"
        )
    if entry.kind is Kind.AGENT:
        return replace(given, package=f"{Source.AGENT.value}:{kept.name}@{kept.version}")
    package = _package(kept, name)
    if package is None:
        return _elsewhere(kept, name, given)
    _refuse_other_index(package, name)
    arguments = given.arguments or tuple(_arguments(package.get("packageArguments", ()), name))
    environment = tuple(_environment(package.get("environmentVariables", ()), name, given))
    spec = replace(given, package=_named(package), arguments=arguments, environment=(*environment, *given.environment))
    read_package(spec.package)
    return spec


def _package(kept: Kept, name: str) -> Mapping[str, Any] | None:
    """The first package that runs here; ``None`` if there are only servers of other machines. Raises `Refused`."""
    document = kept.document
    packages: list[Mapping[str, Any]] = document.get("packages", [])
    for one in packages:
        if one["registryType"] in _USUAL and one["transport"]["type"] == "stdio":
            if "version" not in one:
                raise Refused(f"{name} names no version of its package {one['identifier'][:100]}; a row names exactly one")
            return one
    if document.get("remotes"):
        return None
    for text in packages_of(document):
        read_package(text)  # an image says what to do
    kinds = sorted({f"{one['registryType']} over {one['transport']['type']}" for one in packages})
    said = f"has only packages of {', '.join(kinds)}" if kinds else "names neither a package nor an address"
    raise Refused(f"{name} {said}; this host runs pypi and npm packages over stdio, and asks servers of other machines")


def _named(package: Mapping[str, Any]) -> str:
    return packages_of({"packages": [package]})[0]


def _elsewhere(kept: Kept, name: str, given: Spec) -> Spec:
    remotes = kept.document["remotes"]
    one = next((two for two in remotes if two["type"] == "streamable-http"), remotes[0])
    if place := _PLACE.search(one["url"]):
        raise Refused(f"the address of {name} has the place {place[0]}; add it with --package remote:URL and your own value")
    environment = tuple(_environment(_as_variables(one.get("headers", ())), name, given))
    return replace(given, package=packages_of({"remotes": [one]})[0], environment=(*environment, *given.environment))


def _as_variables(headers: Any) -> Iterator[Mapping[str, Any]]:
    """Headers as a row names them: with ``_`` for ``-``."""
    for one in headers:
        yield {**one, "name": one["name"].upper().replace("-", "_")}


def _refuse_other_index(package: Mapping[str, Any], name: str) -> None:
    url = package.get("registryBaseUrl", "")
    host = (urlsplit(url).hostname or "") if url else ""
    usual = _USUAL[Source(package["registryType"])]
    if url and host != usual and not host.endswith(f".{usual}"):
        raise Refused(
            f"{name} is from the index {host or url[:100]!r}, and this host asks its own; a package there may have the same "
            "name and be another one. If it is the same, add it with --package"
        )
    runner = [one.get("value", one.get("name", "")) for one in package.get("runtimeArguments", ())]
    if other := [one for one in runner if one not in _RUNNERS]:
        raise Refused(f"{name} wants {other[0][:80]!r} for a runner such as uvx, which this host does not use; use --package")


def _arguments(arguments: Any, name: str) -> Iterator[str]:
    """The arguments that have a value. Raises `Refused` for one that is required and has none."""
    for one in arguments:
        value = _value(one)
        what = one.get("name") or one.get("valueHint") or "argument"
        if value is None:
            if one.get("isRequired"):
                raise Refused(f"{name} needs a value for {what[:80]}: give its arguments with --arg, once for each")
            continue
        if one.get("isSecret"):
            raise Refused(f"{name} wants the secret {what[:80]} as an argument, which every process could read; use --package")
        yield f"{one['name']}={value}" if one["type"] == "named" and value else one["name"] if one["type"] == "named" else value


def _environment(variables: Any, name: str, given: Spec) -> Iterator[str]:
    """The variables that *given* leaves out and that have a value. Raises `Refused` for one that is required and has none."""
    set_, secret = ({variable for variable, _ in pairs(texts, "--env")} for texts in (given.environment, given.secrets))
    for one in variables:
        variable, value = one["name"], _value(one)
        if one.get("isSecret") and variable in set_:
            raise Refused(
                f"{variable[:80]} of {name} is a secret: give it as --secret {variable[:80]}=REFERENCE, not with --env"
            )
        if variable in set_ or variable in secret:
            continue
        if value is not None and not one.get("isSecret"):
            yield f"{variable}={value}"
        elif one.get("isRequired"):
            option = "--secret" if one.get("isSecret") else "--env"
            raise Refused(
                f"{name} needs {option} {variable[:80]}=…" + (f": {about}" if (about := one.get("description")) else "")
            )


def _value(one: Mapping[str, Any]) -> str | None:
    """What a document says the value is; ``None`` if the one who hosts it has to say it."""
    found = one.get("value", one.get("default"))
    if found is None:
        return None
    filled = {name: inner.get("value", inner.get("default")) for name, inner in one.get("variables", {}).items()}
    if any(filled.get(place) is None for place in _PLACE.findall(found)):
        return None
    return _PLACE.sub(lambda place: str(filled[place[1]]), found)
