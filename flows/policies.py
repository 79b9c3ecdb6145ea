"""Policies: from YAML to a value, strictly. An unknown key, gate or rule is an error, never a default."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources
from pathlib import Path
from types import MappingProxyType

from arcops.errors import Refused
from arcops.finding import Waiver
from arcops.policy import SKEW, Policy
from arcops.roots import ANYWHERE, Roots
from artifacts.reading import read_file
from artifacts.wire import from_json
from flows.plan import AnyGate, all_gates
from foundation.strict_yaml import JSON, load_all

_MOST_BYTES = 1024 * 1024
_MOST_VALUES = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    name: str
    valid_for: timedelta
    waivers: tuple[Waiver, ...] = ()
    amber_passes: bool = False
    clock_skew: timedelta = SKEW
    description: str = ""


def shipped_policies() -> tuple[str, ...]:
    """The names of the policies that come with ArcOps."""
    files = resources.files("policies").iterdir()
    return tuple(sorted(Path(file.name).stem for file in files if file.name.endswith(".yaml")))


def read_policy(name_or_path: str, within: Roots = ANYWHERE) -> bytes:
    """The bytes of a policy by shipped name, or by path *within* these roots. Raises `Refused` where neither exists."""
    if name_or_path in shipped_policies():
        return resources.files("policies").joinpath(f"{name_or_path}.yaml").read_bytes()
    path = Path(name_or_path)
    if not name_or_path or (within is None and not os.path.lexists(path)):
        raise Refused(f"there is no policy {name_or_path!r}: give a file, or one of {', '.join(shipped_policies())}")
    return read_file(path, _MOST_BYTES, within=within)


def parse_policy(data: bytes, *, where: str, gates: Iterable[AnyGate] | None = None) -> Policy:
    """The policy in *data*. Raises `Refused` naming *where* and the first thing that is wrong."""
    known = {gate.id: gate for gate in (all_gates() if gates is None else gates)}
    document = _document(data, where)
    sections = document.pop("gates", None)
    if not isinstance(sections, dict) or not sections:
        raise Refused(f"{where}: 'gates:' must map at least one gate to its settings; known gates: {', '.join(sorted(known))}")
    head = _head(document, where)
    strangers = sorted(set(map(str, sections)) - set(known))
    if strangers:
        raise Refused(f"{where}: there is no gate {strangers[0]!r}; known gates: {', '.join(sorted(known))}")
    values: dict[str, object] = {}
    for gate_id, section in sections.items():
        try:
            values[gate_id] = from_json(known[gate_id].policy, json.dumps(section if section is not None else {}))
        except Refused as error:
            raise Refused(f"{where}: gates.{gate_id}: {error}") from error
    for waiver in head.waivers:
        gate = known.get(waiver.rule.partition("/")[0])
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
        amber_passes=head.amber_passes,
        clock_skew=head.clock_skew,
        written=data,
    )


def load_policy(name_or_path: str, within: Roots = ANYWHERE) -> Policy:
    """Read and parse in one step.

    Where the caller may name files only *within* some folders, an error in a file quotes nothing of it: any file can be named.
    """
    data = read_policy(name_or_path, within)
    try:
        return parse_policy(data, where=f"policy {name_or_path}")
    except Refused:
        if within is None or name_or_path in shipped_policies():
            raise
    raise Refused(
        f"the file {Path(name_or_path).name} is no policy; 'arcops policy check' on its own machine says what is wrong"
    )


def _head(document: dict[str, JSON], where: str) -> _Head:
    try:
        head = from_json(_Head, json.dumps(document))
    except Refused as error:
        raise Refused(f"{where}: {str(error).removeprefix('_Head: ')}") from error
    if not head.name.strip():
        raise Refused(f"{where}: 'name:' is empty; a report names the policy that it was judged by")
    return head


def _document(data: bytes, where: str) -> dict[str, JSON]:
    documents = load_all(data, what=where, most_values=_MOST_VALUES)
    if len(documents) != 1 or not isinstance(documents[0], dict) or not all(isinstance(key, str) for key in documents[0]):
        raise Refused(f"{where} is not one YAML mapping with the keys name, validFor, gates and waivers")
    return documents[0]
