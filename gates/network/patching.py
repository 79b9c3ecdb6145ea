"""Findings with the fix as a patch, if a patch is well-defined and safe.

A maker makes patches for one rule, from the evidence alone. It makes none if the change could open a connection, could break
another rule, or is a decision that only a person can make.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from amend.diff import new_file, safe
from amend.yaml_edit import Value, flow
from arcops.finding import Finding, Location, Outcome
from arcops.seen.network import Network, Passage

Maker = Callable[[Finding], str]


def patched(findings: Iterable[Finding], makers: Mapping[str, Maker]) -> Iterator[Finding]:
    """*findings*; if the rule of a finding has a maker, with the patch that it makes."""
    for finding in findings:
        maker = makers.get(finding.rule)
        if maker is None or not finding.about or finding.outcome not in (Outcome.FAIL, Outcome.WARN):
            yield finding
        else:
            yield replace(finding, patch=maker(finding))


class Words:
    """The text of a network's manifests, and the names that are free for new manifests."""

    def __init__(self, body: Network) -> None:
        self._by_place = {one.at: one for one in body.passages}
        self._paths = {one.path for one in body.files}
        counted: dict[Location, int] = {}
        for one in body.passages:
            counted[one.at] = counted.get(one.at, 0) + 1
        self._twice = {at for at, count in counted.items() if count > 1}

    def at(self, at: Location) -> Passage | None:
        """The text of the object that begins at *at*."""
        return None if at in self._twice else self._by_place.get(at)

    def added(self, name: str, why: str, api: str, kind: str, metadata: dict[str, str], spec: Value) -> str:
        """The patch that adds a file *name* with one object, and a comment that says *why*; empty if the name is not safe."""
        path = f"{name}.yaml"
        if path in self._paths or not safe(path):
            return ""
        lines = [f"# {why}", f"apiVersion: {api}", f"kind: {kind}", f"metadata: {flow(dict(metadata))}"]
        lines += [f"spec: {flow(spec)}"] if not isinstance(spec, dict) or not spec else ["spec:"]
        lines += [f"  {flow(key)}: {flow(value)}" for key, value in spec.items()] if isinstance(spec, dict) else []
        return new_file(path, "\n".join(lines))


def free(name: str, taken: Iterable[str]) -> str:
    """*name*, or *name* followed by the first number that is free."""
    names = set(taken)
    if name not in names:
        return name
    return next(f"{name}-{number}" for number in range(2, len(names) + 3) if f"{name}-{number}" not in names)
