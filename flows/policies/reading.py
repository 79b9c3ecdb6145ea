"""Policies: from YAML to a value, strictly. An unknown key, gate or rule is an error, never a default.

A shipped policy's name is reserved: a file with other bytes and the same name is refused, because people read the name in a
report and not the digest.
"""

from __future__ import annotations

import hashlib
import json
import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, timedelta
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType

import policies
from arcops.discovery import modules
from arcops.errors import Refused
from arcops.finding import Waiver
from arcops.judgeable import Judgeable
from arcops.late_dataclass import dataclass
from arcops.late_pattern import late
from arcops.policy import NONE_NEEDED, SKEW, ApprovalRule, Policy
from arcops.roots import ANYWHERE, Roots
from arcops.signer import SignerRule
from artifacts.reading import read_file
from artifacts.wire import from_json
from flows.plan import AnyGate, all_gates, gate_named
from foundation.strict_yaml import JSON, load_all

MOST_BYTES = 1024 * 1024
_MOST_VALUES = 20_000
_DAY = late(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    name: str
    valid_for: timedelta
    waivers: tuple[Waiver, ...] = ()
    amber_passes: bool = False
    clock_skew: timedelta = SKEW
    waiver_approvals: ApprovalRule = NONE_NEEDED
    description: str = ""


def shipped_policies() -> tuple[str, ...]:
    """The names of the policies that come with ArcOps."""
    return tuple(sorted(_shipped_files()))


@cache
def _shipped_files() -> Mapping[str, Path]:
    """Each shipped policy's file: ``policies/SUBJECT/NAME.yaml``."""
    folder = Path(next(iter(policies.__path__)))
    words = modules("arcops.subjects", Judgeable)
    files = [file for word in words for file in (folder / word.replace("-", "_")).glob("*.yaml")]
    return MappingProxyType({file.stem: file for file in files})


def read_policy(name_or_path: str, within: Roots = ANYWHERE) -> bytes:
    """The bytes of a policy by shipped name, or by path *within* these roots. Raises `Refused` if neither exists."""
    if shipped := _shipped_files().get(name_or_path):
        return shipped.read_bytes()
    path = Path(name_or_path)
    if not name_or_path or (within is None and not os.path.lexists(path)):
        raise Refused(f"there is no policy {name_or_path!r}: give a file, or one of {', '.join(shipped_policies())}")
    return read_file(path, MOST_BYTES, within=within)


class Miswritten(Refused):
    """The policy is refused; ``yaml`` is what it lacks or misspells, to copy."""

    def __init__(self, sentence: str, yaml: str) -> None:
        super().__init__(sentence)
        self.yaml = yaml


def parse_policy(data: bytes, *, where: str, gates: Iterable[AnyGate] | None = None, as_then: bool = False) -> Policy:
    """The policy in *data*. Raises `Refused` with the first thing that is wrong; its message begins with ``where``.

    With *as_then*, *data* is a policy that judged before, read for judging again. What an earlier release accepted and this one
    refuses, such as waivers and signer rules that go by a name alone, keeps its meaning. It is `Miswritten` if the keys that it
    should have are known.
    """
    document = _document(data, where)
    try:
        return _parsed(dict(document), data, where=where, gates=gates, as_then=as_then)
    except Refused as error:
        if as_then:
            raise
        from flows.policies.correcting import correction  # for policies that are refused

        yaml = correction(document, _Head, Waiver, all_gates() if gates is None else gates)
        if not yaml:
            raise
        raise Miswritten(str(error), yaml) from error


def _parsed(document: dict[str, JSON], data: bytes, *, where: str, gates: Iterable[AnyGate] | None, as_then: bool) -> Policy:
    gate_of = gate_named if gates is None else {gate.id: gate for gate in gates}.get
    sections = document.pop("gates", None)
    if not isinstance(sections, dict) or not sections:
        raise Refused(f"{where}: 'gates:' must map at least one gate to its settings; 'arcops explain' lists the gates")
    head = _head(document, where)
    values: dict[str, object] = {}
    for gate_id, section in sorted(sections.items(), key=lambda item: str(item[0])):
        gate = gate_of(str(gate_id))
        if gate is None:
            known = sorted(one.id for one in (all_gates() if gates is None else gates))
            raise Refused(f"{where}: there is no gate {gate_id!r}; known gates: {', '.join(known)}")
        try:
            values[gate_id] = from_json(gate.policy, json.dumps(section if section is not None else {}))
        except Refused as error:
            raise Refused(f"{where}: gates.{gate_id}: {error}") from error
    if not as_then:
        _refuse_names(values, where)
    for waiver in head.waivers:
        if waiver.by_name_alone and not as_then:
            raise Refused(
                f"{where}: the waiver of {waiver.rule!r} goes by the name {waiver.subject!r} alone, and anyone can rename a "
                "folder; add 'digest: sha256:…' as the report shows it, or 'anyContent: true' if the waiver is for any content "
                "with this name"
            )
        gate = gate_of(waiver.rule.partition("/")[0])
        if gate is None or gate.rule(waiver.rule) is None:
            raise Refused(
                f"{where}: a waiver names the rule {waiver.rule!r}, which no gate has; 'arcops explain' lists the rules"
            )
    return Policy(
        name=head.name,
        digest=f"sha256:{hashlib.sha256(data).hexdigest()}",
        valid_for=head.valid_for,
        gates=MappingProxyType(values),
        waivers=head.waivers,
        as_then=as_then,
        amber_passes=head.amber_passes,
        clock_skew=head.clock_skew,
        approvals=head.waiver_approvals,
        written=data,
    )


def load_policy(name_or_path: str) -> Policy:
    """The policy of this shipped name, or in the file at this path. Raises `Refused` as `parse_policy` and `own_name` do."""
    if name_or_path in shipped_policies():
        return _shipped(name_or_path)
    return _own(read_policy(name_or_path), f"policy {name_or_path}")


@lru_cache(maxsize=64)
def _own(data: bytes, where: str) -> Policy:
    """A policy follows from its bytes alone, and cannot be changed, so the same bytes are read once."""
    return own_name(parse_policy(data, where=where), where)


@cache
def _shipped(name: str) -> Policy:
    return parse_policy(read_policy(name), where=f"policy {name}")


def own_name(policy: Policy, where: str) -> Policy:
    """*policy*, unless its name is that of a shipped one, or reads the same. Raises `Refused` then."""
    for name in shipped_policies():
        if _folded(policy.name) != _folded(name):
            continue
        if policy.name != name or policy.written != read_policy(name):
            raise Refused(
                f"{where} is named {policy.name[:100]!r}, which is the name of a policy that comes with ArcOps, but its "
                "content differs; rename it (its 'name:'), because reports name a policy by that"
            )
    return policy


def _folded(name: str) -> str:
    """*name* as people read it: without letter case, spaces and punctuation."""
    return "".join(one for one in unicodedata.normalize("NFKC", name).casefold() if one.isalnum())


def _refuse_names(values: dict[str, object], where: str) -> None:
    for gate_id, value in values.items():
        for rule in _signer_rules(value):
            if rule.names:
                raise Refused(
                    f"{where}: gates.{gate_id}: a signer rule goes by the subject name {rule.names[0]!r}, and anyone can "
                    "rename a folder; give subjects by digest (sha256:…), or remove 'subjects'"
                )


def _signer_rules(value: object) -> Iterator[SignerRule]:
    """Every signer rule inside a gate's policy."""
    if isinstance(value, SignerRule):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _signer_rules(item)
    elif is_dataclass(value) and not isinstance(value, type):
        for one in fields(value):
            yield from _signer_rules(getattr(value, one.name))


def _head(document: dict[str, JSON], where: str) -> _Head:
    if isinstance(waivers := document.get("waivers"), list):
        document["waivers"] = [_to_the_second(one, where) for one in waivers]
    try:
        head = from_json(_Head, json.dumps(document))
    except Refused as error:
        raise Refused(f"{where}: {str(error).removeprefix('_Head: ')}") from error
    if not head.name.strip():
        raise Refused(f"{where}: 'name:' is empty; give the policy a name, which reports show")
    return head


def _to_the_second(waiver: JSON, where: str) -> JSON:
    """*waiver*; if it expires on a day, at the last second of this day in UTC: never after the day that is written."""
    day = waiver.get("expires") if isinstance(waiver, dict) else None
    if not isinstance(waiver, dict) or not isinstance(day, str) or not _DAY.match(day):
        return waiver
    try:
        date.fromisoformat(day)
    except ValueError as error:
        raise Refused(f"{where}: a waiver expires on {day}, which is not a day: {error}") from error
    return {**waiver, "expires": f"{day}T23:59:59Z"}


def _document(data: bytes, where: str) -> dict[str, JSON]:
    documents = load_all(data, what=where, most_values=_MOST_VALUES)
    if len(documents) != 1 or not isinstance(documents[0], dict) or not all(isinstance(key, str) for key in documents[0]):
        raise Refused(f"{where} is not one YAML mapping with the keys name, validFor, gates and waivers")
    return documents[0]
