"""What a policy that was refused lacks or misspells, as YAML to copy. It only helps to write: what is refused stays refused."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from difflib import get_close_matches
from typing import Any

from artifacts.wire import name_on_the_wire
from flows.plan import AnyGate
from foundation.strict_yaml import JSON

_LACKING: Mapping[str, JSON] = {"name": "ours", "validFor": "P7D"}
"""A value for each key that a policy must have."""
_MOST, _LONGEST = 50, 100
"""Most keys for which the one that was meant is searched, and the longest: a policy may come from anyone."""
_WAIVER: Mapping[str, JSON] = {
    "rule": "GATE/RULE",
    "digest": "sha256:DIGEST",
    "owner": "WHO DECIDES",
    "reason": "WHY IT IS ACCEPTABLE",
    "expires": "YYYY-MM-DD",
}


def correction(document: Mapping[str, JSON], head: type[Any], waiver: type[Any], gates: Iterable[AnyGate]) -> str:
    """The keys that *document*, a policy, lacks or misspells, as it should have them; empty if it has no such key.

    *head* and *waiver* are the types of the document and of a waiver in it. A misspelt key keeps its value; words in capitals
    are for the writer to fill in.
    """
    spelt = _spelt(document, (*_names(head), "gates"))
    found = {key: value for key, value in _LACKING.items() if key not in document and key not in spelt} | spelt
    sections = document.get("gates", found.get("gates"))
    if not isinstance(sections, dict) or not sections:
        found["gates"] = {"GATE": {}}
    elif right := _gates(sections, {gate.id: gate for gate in gates}):
        found["gates"] = right
    if waivers := _waivers(document.get("waivers"), _names(waiver)):
        found["waivers"] = waivers
    return "\n".join(_lines(found, ""))


def _gates(sections: Mapping[str, JSON], by_id: Mapping[str, AnyGate]) -> dict[str, JSON]:
    """The gates and settings of *sections* that are misspelt, as they should be."""
    right: dict[str, JSON] = {}
    unknown = [each for each in sections if each not in by_id][:_MOST]
    for named, section in sections.items():
        known = named if named in by_id else _near(named, by_id) if named in unknown else ""
        if not known:
            continue
        settings, names = section if isinstance(section, dict) else {}, _names(by_id[known].policy)
        kept = {} if known == named else {key: value for key, value in settings.items() if key in names}
        spelt = kept | _spelt(settings, names)
        if spelt or known != named:
            right[known] = spelt
    return right


def _spelt(given: Mapping[str, JSON], known: Iterable[str]) -> dict[str, JSON]:
    """The values of keys of *given* that are not *known*, under the known key that was most likely meant."""
    found: dict[str, JSON] = {}
    names = tuple(known)
    for key in [each for each in given if each not in names][:_MOST]:
        if near := _near(key, (one for one in names if one not in given and one not in found)):
            found[near] = given[key]
    return found


def _near(key: str, known: Iterable[str]) -> str:
    """The word of *known* that *key* was most likely meant for, or empty."""
    return next(iter(get_close_matches(key, list(known), n=1)), "") if len(key) <= _LONGEST else ""


def _waivers(given: JSON, known: tuple[str, ...]) -> list[JSON]:
    """Each waiver that lacks or misspells something, whole."""
    right: list[JSON] = []
    for one in given[:_MOST] if isinstance(given, list) else ():
        if not isinstance(one, dict):
            continue
        spelt = _spelt(one, known)
        whole = {key: value for key, value in one.items() if key in known} | spelt
        lacking = {key: value for key, value in _WAIVER.items() if key not in whole}
        if whole.get("anyContent") is True:
            lacking.pop("digest", None)
        if spelt or lacking:
            right.append(
                {key: whole.get(key, lacking.get(key)) for key in dict.fromkeys((*_WAIVER, *whole)) if key in whole | lacking}
            )
    return right


def _names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(name_on_the_wire(field.name) for field in fields(kind))


def _lines(value: Mapping[str, JSON], indent: str) -> Iterable[str]:
    """*value* as YAML: two levels of keys, a line each, and below them JSON, which is YAML that means the same."""
    for key, below in value.items():
        if isinstance(below, dict) and below and len(indent) < 4:
            yield f"{indent}{key}:"
            yield from _lines(below, f"{indent}  ")
        elif isinstance(below, list) and key == "waivers":
            yield f"{indent}{key}:"
            for one in below:
                inner = list(_lines(one, "")) if isinstance(one, dict) else []
                yield from (f"{indent}  {'- ' if number == 0 else '  '}{line}" for number, line in enumerate(inner))
        else:
            yield f"{indent}{key}: {json.dumps(below, ensure_ascii=False)}"


def written_out(gates: Iterable[tuple[str, str]]) -> str:
    """*gates*, each with its settings as JSON, as YAML to copy."""
    return "\n".join(("gates:", *(f"  {gate}: {settings}" for gate, settings in gates)))
