"""Metadata of npm, PyPI and GitHub about a version of the catalog: asked where the operator said so, and kept a while.

What they say is shown and decides nothing: an index could say anything. Sources: npm's registry API (package metadata), PyPI's
JSON API, GitHub's REST API (repositories).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from arcops.errors import ArcOpsError, Refused
from arcops.tier import Tier
from artifacts.private_folder import make_private
from foundation.egress.permission import Purpose
from foundation.egress.question import Way

KEPT = timedelta(hours=1)
_MOST = 32 * 1024 * 1024
_PURPOSE = Purpose(
    what="ARCOPS_CATALOG_SOURCES",
    form="write NAME=https://HOST/PATH for pypi, npm and github, with spaces between",
    instead="ask where the tier is restricted or connected",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What ``source`` says ``about`` a package or a repository, and when it said so."""

    source: str
    about: str
    at: datetime
    facts: tuple[str, ...] = ()
    problem: str = ""


def read_sources(text: str) -> Mapping[str, str]:
    """The addresses by their names. Raises `Refused` for another name."""
    found = {}
    for one in text.split():
        name, equals, url = one.partition("=")
        if name not in _ASKED or not equals:
            raise Refused(f"ARCOPS_CATALOG_SOURCES has {one[:60]!r}; {_PURPOSE.form}")
        found[name] = url.rstrip("/")
    return found


def ask_sources(
    document: Mapping[str, Any], sources: Mapping[str, str], tier: Tier, cache: Path, now: datetime
) -> Sequence[Said]:
    """What each of *sources* that knows the *document*'s package or repository says.

    Raises `Refused` for an address out of the tier's reach.
    """
    found = []
    for source, about, path, version in _questions(document):
        if source in sources:
            url = f"{sources[source]}/{path}"
            found.append(
                _said(source, about, url, version, Way(tier=tier, purpose=_PURPOSE, most=_MOST, seconds=20.0), cache, now)
            )
    return found


def _questions(document: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Each source, what it is asked about, the path there, and the version."""
    for one in document.get("packages", ()):
        name, version = one["identifier"], one.get("version", "")
        if one["registryType"] == "npm":
            yield "npm", f"{name}@{version}", quote(name, safe="@"), version
        elif one["registryType"] == "pypi":
            yield "pypi", f"{name}=={version}", f"{quote(name, safe='')}/json", version
    url = document.get("repository", {}).get("url", "")
    parts = urlsplit(url).path.removesuffix(".git").strip("/").split("/")
    if urlsplit(url).hostname == "github.com" and len(parts) >= 2:
        yield "github", "/".join(parts[:2]), f"repos/{quote(parts[0], safe='')}/{quote(parts[1], safe='')}", ""


def _said(source: str, about: str, url: str, version: str, way: Way, cache: Path, now: datetime) -> Said:
    # Of an answer only what is said of this version is kept, so it answers for no other.
    kept = cache / f"{hashlib.sha256(f'{url} {version}'.encode()).hexdigest()}.json"
    with suppress(OSError, ValueError, KeyError):
        told = json.loads(kept.read_bytes())
        at = datetime.fromisoformat(told["at"])
        if now - KEPT < at <= now:
            return Said(source=source, about=about, at=at, facts=_facts(source, told["said"], version))
    try:
        answer = way.ask("GET", url, {})
        if answer.status != 200:
            return Said(source=source, about=about, at=now, problem=f"it answers {answer.status}")
        value = json.loads(answer.body)
    except Refused:
        raise
    except ArcOpsError as error:
        return Said(source=source, about=about, at=now, problem=str(error))
    except ValueError:
        return Said(source=source, about=about, at=now, problem="its answer is not JSON")
    if not isinstance(value, dict):
        return Said(source=source, about=about, at=now, problem="its answer is no object")
    facts = _facts(source, value, version)
    if not facts:
        return Said(source=source, about=about, at=now, problem="its answer says nothing that is known here")
    with suppress(OSError):  # without a cache it is asked again the next time
        make_private(cache)
        kept.write_text(json.dumps({"at": now.astimezone(UTC).isoformat(), "said": _needed(source, value, version)}))
    return Said(source=source, about=about, at=now, facts=facts)


def _facts(source: str, value: Mapping[str, Any], version: str) -> tuple[str, ...]:
    return tuple(one for one in _ASKED[source](value, version) if one)


def _npm(value: Mapping[str, Any], version: str) -> Iterator[str]:
    newest = _text(_object(value.get("dist-tags")).get("latest"))
    yield from _versions(newest, version, there=version in _object(value.get("versions")))
    deprecated = _text(_object(_object(value.get("versions")).get(version)).get("deprecated"))
    if deprecated:
        yield f"it is deprecated: {deprecated}"


def _pypi(value: Mapping[str, Any], version: str) -> Iterator[str]:
    files = _object(value.get("releases")).get(version)
    yield from _versions(_text(_object(value.get("info")).get("version")), version, there=bool(files))
    yanked = [one for one in files if isinstance(one, dict) and one.get("yanked")] if isinstance(files, list) else []
    if yanked:
        yield f"it was withdrawn (yanked): {_text(yanked[0].get('yanked_reason')) or 'no reason is given'}"


def _github(value: Mapping[str, Any], version: str) -> Iterator[str]:
    if value.get("archived") is True:
        yield "its repository is archived: no one repairs it any more"
    if isinstance(value.get("stargazers_count"), int):
        yield f"{value['stargazers_count']} stars"
    if pushed := _text(value.get("pushed_at")):
        yield f"last changed {pushed[:10]}"
    if licence := _text(_object(value.get("license")).get("spdx_id")):
        yield f"licence {licence}"


_ASKED: Mapping[str, Callable[[Mapping[str, Any], str], Iterator[str]]] = {"npm": _npm, "pypi": _pypi, "github": _github}


def _versions(newest: str, version: str, *, there: bool) -> Iterator[str]:
    yield f"the newest version is {newest}" if newest != version else "it is the newest version"
    if not there:
        yield f"there is no version {version} (any more)"


def _needed(source: str, value: Mapping[str, Any], version: str) -> Mapping[str, Any]:
    """Of an answer what the facts are made of: an index answers with megabytes."""
    if source == "npm":
        one = (
            {version: {"deprecated": found.get("deprecated")}} if (found := _object(value.get("versions")).get(version)) else {}
        )
        return {"dist-tags": {"latest": _object(value.get("dist-tags")).get("latest")}, "versions": one}
    if source == "pypi":
        files = _object(value.get("releases")).get(version)
        return {"info": {"version": _object(value.get("info")).get("version")}, "releases": {version: files} if files else {}}
    return {name: value.get(name) for name in ("archived", "stargazers_count", "pushed_at", "license")}


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value[:300] if isinstance(value, str) else ""
