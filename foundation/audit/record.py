"""One record: a call, or something else that has to be accounted for. It has names, ids and digests, and never a value.

A record is one line of canonical JSON (RFC 8785), which is a leaf of the log (`artifacts.log`). Every field is always written,
and the reader refuses a line with another field, another type or another version. What a caller sent is in it only as the names
of the arguments that are known here and a keyed digest (`foundation.audit.masking`): no value, no header, no sentence of an
error.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from json.encoder import encode_basestring as _quoted
from typing import Any

from arcops.errors import Refused
from arcops.identity import Identity
from arcops.late_pattern import late
from artifacts.envelope import strict_json
from artifacts.moments import moment
from artifacts.typed import load

VERSION = 1
MASKED = "(masked)"
"""Stands for a text that may not be in a record: it has a form that no name, id or digest has."""
_MOST_ARGUMENTS = 64

_WORD_FORM = r"(?:[A-Za-z0-9][A-Za-z0-9._:/-]{0,119})?"
_OBJECT_FORM = r"(?:[A-Za-z0-9](?:[A-Za-z0-9._:/+@#~%,=-]{0,299}))?"
_PERSON_FORM = r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{0,300}"
_DIGEST_FORM = r"(?:[a-z0-9-]{1,20}:[0-9a-f]{64})?"
_TRACE_FORM = r"(?:00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})?"
_REQUEST_FORM = r"[A-Za-z0-9._-]{0,64}"
_SOURCE_FORM = r"[0-9A-Fa-f.:]{0,45}"
_WORD, _OBJECT, _PERSON = late(_WORD_FORM), late(_OBJECT_FORM), late(_PERSON_FORM)
_DIGEST, _TRACE, _REQUEST, _SOURCE = late(_DIGEST_FORM), late(_TRACE_FORM), late(_REQUEST_FORM), late(_SOURCE_FORM)
_ALL = late(
    "\x00".join(
        (*(6 * (_WORD_FORM,)), _OBJECT_FORM, _DIGEST_FORM, _TRACE_FORM, _REQUEST_FORM, _SOURCE_FORM, *(3 * (_PERSON_FORM,)))
    )
)
"""All texts of a record at once, which is several times faster than one by one."""
_IN_URL = late(r"://[^/]*@|[?&]|://.*#")


class Outcome(Enum):
    """How it ended."""

    ALLOWED = "allowed"
    """It was allowed to begin; a later record says how it ended."""
    DENIED = "denied"
    """The caller may not do it, or is not known."""
    REFUSED = "refused"
    """The request itself was wrong."""
    FAILED = "failed"
    """It was begun, and did not come to an end."""
    LIMIT = "limit"
    """The caller reached a limit or a quota, which ``reason`` names."""
    DONE = "done"
    """It was done; ``verdict`` says what was found, if it judges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who did it: their id at the issuer that vouches for them, in a tenant. All three are empty if no one is known."""

    issuer: str = ""
    tenant: str = ""
    id: str = ""

    @classmethod
    def of(cls, identity: Identity) -> Actor:
        """The actor that *identity*, which was verified, names."""
        return cls(issuer=identity.issuer, tenant=identity.tenant, id=identity.id)


NO_ONE = Actor()
"""For a caller whose token was not accepted: what an unverified token says is not recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record.

    ``at`` is when it began. ``door`` is how it came in (``mcp``, ``http``, ``cli``); ``action`` is what was done
    (``tools/call``, ``login``, ``access/change``) and ``tool`` with what. ``object`` names what it was done to, by a name that
    the operator chose or by a digest, never by a value that a caller sent. ``arguments`` are the names of the known arguments
    and ``digest`` is the keyed digest of all of them. ``verdict`` is GREEN, AMBER or RED if the tool judges; ``reason`` is one
    word for a call that was not done, such as ``scope`` or ``Refused``. ``latency_us`` is in microseconds. ``trace`` is a W3C
    traceparent, ``request`` the id of the request, ``tier`` the connectivity tier, ``source`` the IP address that the call came
    from.
    """

    at: datetime
    action: str
    outcome: Outcome
    actor: Actor = NO_ONE
    door: str = ""
    tool: str = ""
    object: str = ""
    arguments: tuple[str, ...] = ()
    digest: str = ""
    verdict: str = ""
    reason: str = ""
    latency_us: int = 0
    trace: str = ""
    request: str = ""
    tier: str = ""
    source: str = ""
    version: int = VERSION

    @property
    def line(self) -> bytes:
        """The record's bytes, which the Merkle leaf hashes: canonical JSON. The record has to be `fitted`."""
        actor = self.actor
        return (
            f'{{"action":{_quoted(self.action)},"actor":{{"id":{_quoted(actor.id)},"issuer":{_quoted(actor.issuer)}'
            f',"tenant":{_quoted(actor.tenant)}}},"arguments":[{",".join(map(_quoted, self.arguments))}]'
            f',"at":"{moment(self.at)}","digest":{_quoted(self.digest)},"door":{_quoted(self.door)}'
            f',"latencyUs":{self.latency_us},"object":{_quoted(self.object)},"outcome":"{self.outcome.value}"'
            f',"reason":{_quoted(self.reason)},"request":{_quoted(self.request)},"source":{_quoted(self.source)}'
            f',"tier":{_quoted(self.tier)},"tool":{_quoted(self.tool)},"trace":{_quoted(self.trace)}'
            f',"verdict":{_quoted(self.verdict)},"version":{self.version}}}'
        ).encode()


def fitted(record: Record) -> Record:
    """*record*, in which every text that is not of its field's form is replaced by `MASKED` (ids of traces: by nothing).

    The last defence against a caller's text in a record. What it changes is visible, so nothing is lost without a trace.
    """
    actor = record.actor
    if (
        _ALL.fullmatch(
            f"{record.action}\0{record.tool}\0{record.door}\0{record.verdict}\0{record.reason}\0{record.tier}\0{record.object}\0"
            f"{record.digest}\0{record.trace}\0{record.request}\0{record.source}\0{actor.id}\0{actor.issuer}\0{actor.tenant}"
        )
        and ("://" not in record.object or not _IN_URL.search(record.object))
        and len(record.arguments) <= _MOST_ARGUMENTS
        and all(map(_WORD.fullmatch, record.arguments))
        and record.version == VERSION
        and 0 <= record.latency_us < 2**53
        and record.at.tzinfo is UTC
    ):
        return record
    return _masked(record)


def _masked(record: Record) -> Record:
    def kept(pattern: object, text: str, instead: str = MASKED) -> str:
        return text if isinstance(text, str) and pattern.fullmatch(text) else instead  # type: ignore[attr-defined]  # a pattern

    named, actor = kept(_OBJECT, record.object), record.actor
    return replace(
        record,
        at=(record.at if record.at.tzinfo is not None else record.at.replace(tzinfo=UTC)).astimezone(UTC),
        action=kept(_WORD, record.action),
        tool=kept(_WORD, record.tool),
        door=kept(_WORD, record.door),
        verdict=kept(_WORD, record.verdict),
        reason=kept(_WORD, record.reason),
        tier=kept(_WORD, record.tier),
        object=MASKED if _IN_URL.search(named) else named,
        digest=kept(_DIGEST, record.digest, ""),
        trace=kept(_TRACE, record.trace, ""),
        request=kept(_REQUEST, record.request, ""),
        source=kept(_SOURCE, record.source, ""),
        actor=Actor(issuer=kept(_PERSON, actor.issuer), tenant=kept(_PERSON, actor.tenant), id=kept(_PERSON, actor.id)),
        arguments=tuple(kept(_WORD, one) for one in record.arguments[:_MOST_ARGUMENTS]),
        latency_us=min(max(record.latency_us, 0), 2**53 - 1),
        version=VERSION,
    )


def read_record(line: bytes) -> Record:
    """The record in *line*. Raises `Refused` if it is not a record of a known version, or not in canonical form."""
    found = _read_quickly(line)
    if found is not None:
        return found
    value = strict_json(line, "the audit record")
    version = value.get("version") if isinstance(value, dict) else None
    if isinstance(version, int) and version != VERSION:
        raise Refused(f"the audit record is of version {version}, and this ArcOps reads version {VERSION}; use a newer one")
    record = load(Record, value, "the audit record")
    if record.line != line:
        raise Refused("the audit record is not in canonical form")
    return record


def _read_quickly(line: bytes) -> Record | None:
    """The record in *line* if it is written exactly as records are; else ``None``, and the strict reader says what is wrong.

    A record whose own line is *line*, byte for byte, has no field too many or too few, none twice, and each of its type.
    """
    try:
        value: dict[str, Any] = json.loads(line)
        actor = value["actor"]
        record = Record(
            at=datetime.fromisoformat(value["at"].removesuffix("Z")).replace(tzinfo=UTC),
            action=value["action"],
            outcome=Outcome(value["outcome"]),
            actor=Actor(issuer=actor["issuer"], tenant=actor["tenant"], id=actor["id"]),
            door=value["door"],
            tool=value["tool"],
            object=value["object"],
            arguments=tuple(value["arguments"]),
            digest=value["digest"],
            verdict=value["verdict"],
            reason=value["reason"],
            latency_us=value["latencyUs"],
            trace=value["trace"],
            request=value["request"],
            tier=value["tier"],
            source=value["source"],
            version=value["version"],
        )
        whole = type(record.latency_us) is int and type(record.version) is int and record.version == VERSION
        return record if whole and record.line == line else None
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError):
        return None
