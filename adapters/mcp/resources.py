"""Resources: what is in the store, and what the gates, policies and schemas say about themselves.

Everything under a digest never changes, so it may be cached for ever; lists may change.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

import mcp_types as types

from adapters.mcp.brief import REPORTS
from adapters.mcp.parts import MOST_PART, MOST_WHOLE, RANGE, TEMPLATE, Part, read_part, refuse_long, too_long
from adapters.mcp.schemas import schema
from arcops.errors import Refused
from arcops.late_pattern import late
from artifacts.index import Filter
from artifacts.objects import object_path
from artifacts.predicates import all_predicates
from artifacts.schemas import schema_text
from artifacts.wire import to_json
from capabilities.access.files import FileListed, ListFiles, list_files, uri_of
from capabilities.artifact.feed import AskNew, NewArtifacts, new_artifacts, newest
from capabilities.artifact.show import Show, show_artifact
from capabilities.artifact.store import list_artifacts
from capabilities.artifact.verify import Fetch, fetch_artifact
from capabilities.catalogue import all_tools
from capabilities.place import Place
from capabilities.policy.explain import Explain, explain_rule
from capabilities.policy.policy import ListPolicies, list_policies
from capabilities.written import sandbox
from flows.policies.registered import registered_policy
from foundation.cache.tiers import Cache

SCHEME = "arcops://"
LOG, ABOUT = f"{SCHEME}log/", f"{SCHEME}about/"
NEWEST = f"{LOG}newest"
"""The resource that changes whenever something is kept."""
FOR_EVER_MS = 365 * 24 * 3600 * 1000
A_WHILE_MS = 60 * 1000
_CACHED_SECONDS = 300.0
"""How long the whole of what a client reads in parts is kept."""
_LISTED = 50
_MOST_DIGITS = 12
_DIGEST = late(r"[A-Za-z0-9]{1,40}:[0-9a-f]{1,128}\Z")
_JSON, _MARKDOWN, _YAML = "application/json", "text/markdown", "application/yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """The content of a resource, and for how many milliseconds it stays the same. A ``part`` of it is bytes of a whole, which
    has ``size`` of them, from ``offset``.
    """

    text: str
    type: str
    fresh_ms: int
    part: bytes | None = None
    offset: int = 0
    size: int = 0

    def contents(self, uri: str) -> types.TextResourceContents | types.BlobResourceContents:
        """The same for MCP, as the content of *uri*."""
        if self.part is None:
            return types.TextResourceContents(uri=uri, mime_type=self.type, text=self.text)
        told = {"offset": self.offset, "length": len(self.part), "size": self.size}
        blob = base64.b64encode(self.part).decode()
        return types.BlobResourceContents(uri=uri, mime_type=self.type, blob=blob, _meta={RANGE: told})


def listed(at: Place) -> list[types.Resource]:
    """Every resource with a name of its own, and the newest artifacts."""
    found = [
        types.Resource(
            uri=NEWEST,
            name="newest artifacts",
            description="What was kept last, and the position to go on from. Subscribe to it to be told when there is more.",
            mime_type=_JSON,
        )
    ]
    found += [
        types.Resource(uri=f"{SCHEME}policies/{quote(name)}", name=f"policy {name}", mime_type=_YAML) for name in _policies(at)
    ]
    found += [
        types.Resource(uri=f"{SCHEME}gates/{gate.gate}", name=f"gate {gate.gate}", mime_type=_MARKDOWN)
        for gate in explain_rule(Explain(), at).gates
    ]
    found += [
        types.Resource(uri=f"{SCHEME}schemas/{name}", name=f"schema {name}", mime_type=_JSON) for name in sorted(_published())
    ]
    found += [
        types.Resource(
            uri=f"{SCHEME}artifacts/{one.artifact}",
            name=f"{one.verdict.value if one.verdict else 'artifact'} {one.subject[:200]}",
            description=f"judged by policy {one.policy[:200]} at {one.at:%Y-%m-%d %H:%M} UTC",
            mime_type=_JSON,
        )
        for one in list_artifacts(Filter(limit=_LISTED), at).artifacts
    ]
    found += [
        types.Resource(
            uri=uri_of(one.path),
            name=f"file {one.path}",
            description=f"written for you by {one.tool}, {one.size} bytes",
            size=one.size,
        )
        for one in _files(at)
    ]
    return found


def templates() -> list[types.ResourceTemplate]:
    """The resources that are found by a name that the caller knows."""
    return [
        *(
            types.ResourceTemplate(
                uri_template=f"{SCHEME}{kind}/{{digest}}{TEMPLATE}",
                name=f"part of {what}",
                description=(
                    f"At most {MOST_PART} bytes from an offset. What has more than {MOST_WHOLE} bytes is read in parts alone."
                ),
                mime_type=_JSON,
            )
            for kind, what in _IN_PARTS.items()
        ),
        types.ResourceTemplate(
            uri_template=f"{SCHEME}artifacts/{{digest}}",
            name="artifact",
            description="A sealed artifact by its digest (sha256:…), byte for byte.",
            mime_type=_JSON,
        ),
        types.ResourceTemplate(
            uri_template=f"{SCHEME}evidence/{{digest}}",
            name="evidence",
            description="An evidence body that an artifact names, by its digest (sha256:…).",
            mime_type=_JSON,
        ),
        types.ResourceTemplate(
            uri_template=f"{REPORTS}{{digest}}",
            name="report",
            description="What a sealed artifact says, whole: every finding, evidence and date. Its signature is not checked.",
            mime_type=_JSON,
        ),
        types.ResourceTemplate(
            uri_template=f"{LOG}{{position}}",
            name="artifacts from a position on",
            description="What was kept at a position of the log and after it, in order, and where to go on: nothing is missed.",
            mime_type=_JSON,
        ),
        types.ResourceTemplate(
            uri_template=f"{ABOUT}{{digest}}",
            name="artifacts about a subject",
            description="What was kept about the subject with this digest (sha256:…). Subscribe to it to wait for a verdict.",
            mime_type=_JSON,
        ),
        types.ResourceTemplate(
            uri_template=f"{SCHEME}files/{{path}}",
            name="file",
            description="A file that a tool wrote for you here, by its path with / written as %2F; no other caller reads it.",
        ),
        types.ResourceTemplate(uri_template=f"{SCHEME}gates/{{gate}}", name="gate", mime_type=_MARKDOWN),
        types.ResourceTemplate(uri_template=f"{SCHEME}policies/{{name}}", name="policy", mime_type=_YAML),
        types.ResourceTemplate(
            uri_template=f"{SCHEME}schemas/{{name}}",
            name="schema",
            description="A published predicate's schema, or a tool's as TOOL.ask and TOOL.answer.",
            mime_type=_JSON,
        ),
    ]


def read(uri: str, at: Place, cache: Cache | None = None) -> Read:
    """The resource *uri*; *cache* keeps what is read in parts. Raises `Refused` if it does not exist."""
    kind, _, name = uri.removeprefix(SCHEME).partition("/")
    reader = _READERS.get(kind) if uri.startswith(SCHEME) else None
    if reader is None or not name:
        raise Refused(f"there is no resource {uri[:200]!r}; 'resources/list' and 'resources/templates/list' list what there is")
    part = read_part(name) if kind in _IN_PARTS else None
    if kind == _FILES:
        return _file_part(uri, part or Part(name=name, offset=0, length=0), at)
    if part is None:
        found = reader(name, at)
        if kind in _IN_PARTS:
            refuse_long(uri, found.text)
        return found
    data, size = part.of(_whole(kind, part.name, at, cache))
    return Read(text="", type=_JSON, fresh_ms=FOR_EVER_MS, part=data, offset=part.offset, size=size)


def _file_part(uri: str, part: Part, at: Place) -> Read:
    """A part of a file, of which no more is read; or, with no length, the whole if it is not long."""
    data, one = sandbox(at).part(unquote(part.name), part.offset, part.length or MOST_WHOLE)
    if not part.length and one.size > MOST_WHOLE:
        raise too_long(uri, one.size)
    if part.offset and part.offset >= one.size:
        raise Refused(f"it has {one.size} bytes, so there is no part at {part.offset}; read from 0")
    return Read(text="", type="application/octet-stream", fresh_ms=0, part=data, offset=part.offset, size=one.size)


def _files(at: Place) -> list[FileListed]:
    if at.settings.output is None:
        return []
    return [one for one in list_files(ListFiles(most=_LISTED), at).files if one.state == "there"]


def _whole(kind: str, name: str, at: Place, cache: Cache | None) -> bytes:
    """The bytes of the resource *name*. A client reads it in many parts, perhaps at several instances, so it is made once.

    What is no longer in the store, or is another file there, is read again: it may have been forgotten or changed.
    """

    def made() -> bytes:
        return _READERS[kind](name, at).text.encode()

    try:
        found = object_path(at.settings.store, name).stat()
    except (Refused, OSError):
        return made()
    if cache is None:
        return made()
    return cache.get(f"{kind}/{name}/{found.st_size}/{found.st_mtime_ns}", made, _CACHED_SECONDS)


def completions(kind: str, begun: str, at: Place) -> list[str]:
    """Names that begin with *begun*, for the variable of a template or the argument of a prompt of this *kind*."""
    known: Mapping[str, Callable[[], list[str]]] = {
        "gate": lambda: [gate.gate for gate in explain_rule(Explain(), at).gates],
        "rule": lambda: [rule.rule for gate in explain_rule(Explain(), at).gates for rule in gate.rules],
        "policy": lambda: _policies(at),
        "digest": lambda: [one.artifact for one in list_artifacts(Filter(limit=_LISTED), at).artifacts],
    }
    found = known.get(kind)
    return [name for name in found() if name.startswith(begun)][:100] if found else []


def _kept(name: str, at: Place) -> Read:
    return Read(text=fetch_artifact(Fetch(artifact=name), at).text, type=_JSON, fresh_ms=FOR_EVER_MS)


def _log(name: str, at: Place) -> Read:
    if name == "newest":
        found = newest(at)
    elif name.isascii() and name.isdigit() and len(name) <= _MOST_DIGITS:
        found = new_artifacts.work(AskNew(after=int(name)), at)
    else:
        raise Refused(f"{name[:100]!r} is no position of the log; read {NEWEST}, or {LOG}0 for the first")
    return _fed(found)


def _about(name: str, at: Place) -> Read:
    if not _DIGEST.match(name):
        raise Refused(f"{name[:100]!r} is no digest of a subject (sha256:…)")
    return _fed(new_artifacts.work(AskNew(about=name), at))


def _fed(found: NewArtifacts) -> Read:
    return Read(text=json.dumps(to_json(found), ensure_ascii=False), type=_JSON, fresh_ms=0)


def _report(name: str, at: Place) -> Read:
    if not name.startswith("sha256:"):  # the tool also takes the text of an artifact
        raise Refused(f"{name[:100]!r} is no digest of an artifact in the store (sha256:…)")
    report = show_artifact(Show(artifact=name), at).report
    return Read(text=json.dumps(to_json(report), ensure_ascii=False), type=_JSON, fresh_ms=FOR_EVER_MS)


def _gate(name: str, at: Place) -> Read:
    (gate,) = explain_rule(Explain(name=name), at).gates
    rules = "\n".join(f"- `{rule.rule}`: {rule.asks} {rule.fix}" for rule in gate.rules)
    return Read(text=f"# {gate.gate}\n\n{gate.doc}\n\n{rules}\n", type=_MARKDOWN, fresh_ms=A_WHILE_MS)


def _policies(at: Place) -> list[str]:
    return [one.name for one in list_policies(ListPolicies(), at).policies]


def _policy(name: str, at: Place) -> Read:
    return Read(text=registered_policy(unquote(name), at.settings.policies).written.decode(), type=_YAML, fresh_ms=A_WHILE_MS)


def _schema(name: str, at: Place) -> Read:
    published = _published()
    if name in published:
        return Read(text=published[name], type=_JSON, fresh_ms=A_WHILE_MS)
    tool_name, _, side = name.partition(".")
    for tool in all_tools():
        if tool.name == tool_name and side in ("ask", "answer"):
            found = schema(tool.ask, "validation") if side == "ask" else schema(tool.answer, "serialization")
            return Read(text=json.dumps(found), type=_JSON, fresh_ms=A_WHILE_MS)
    raise Refused(f"there is no schema {name[:100]!r}; there are {', '.join(sorted(published))}, and TOOL.ask and TOOL.answer")


def _published() -> dict[str, str]:
    return {one.file.removesuffix(".json"): schema_text(one.uri) for one in all_predicates() if one.published}


_FILES = "files"
_IN_PARTS = {"artifacts": "an artifact", "evidence": "evidence", "reports": "a report", _FILES: "a file"}
"""What may be long."""
_READERS: Mapping[str, Callable[[str, Place], Read]] = {
    "about": _about,
    "artifacts": _kept,
    "evidence": _kept,
    _FILES: lambda name, at: _file_part(name, Part(name=name, offset=0, length=0), at),
    "gates": _gate,
    "log": _log,
    "policies": _policy,
    "reports": _report,
    "schemas": _schema,
}

__all__ = ["Read", "completions", "listed", "read", "templates", "to_json"]
