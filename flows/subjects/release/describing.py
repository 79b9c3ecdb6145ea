"""The description of a release as a person writes it: strict YAML that names the site, the model, and each part's check."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from arcops.errors import Refused
from arcops.judgeable import Judgeable
from arcops.subjects.gpu import Node
from artifacts.beneath import open_within
from artifacts.wire import from_json
from flows.place import Place, with_paths
from flows.subjects.evaluation import Evaluation, all_evaluations, evaluation
from foundation.strict_yaml import load_all

MOST_PARTS = 1000
_MOST_BYTES = 4 * 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
OWN_FLOW = "release-readiness"


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What a description says besides its parts. ``model`` is a digest, or empty: then the one part that is a model says it."""

    name: str
    site: str
    model: str = ""

    def __post_init__(self) -> None:
        for what, text in (("name", self.name), ("site", self.site)):
            if not _NAME.fullmatch(text):
                raise Refused(f"its {what} {text[:100]!r} is not a plain name; use letters, digits, '.', '_' and '-'")
        if self.model and not _DIGEST.fullmatch(self.model):
            raise Refused(f"its model {self.model[:100]!r} is not a digest; write sha256: and 64 digits, or leave it out")


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedPart:
    """A part: the evaluation ``what`` of ``subject``, by the policy that ``policy`` names. ``node`` is the machine that it is
    about, if the description names one.
    """

    part: str
    what: Evaluation
    subject: Judgeable
    policy: str
    node: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A release, as described in ``folder``."""

    head: Head
    parts: tuple[DescribedPart, ...]
    folder: Path


def read_description(path: Path, at: Place) -> Described:
    """The description in the file at *path*; paths in it are relative to its folder. Raises `Refused` with what is wrong."""
    try:
        with open(open_within(path, 0, at.within), "rb") as file:  # noqa: PTH123  # a descriptor
            data = file.read(_MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise Refused(f"{path} does not exist; 'arcops release new {path}' writes one to begin with") from None
    if len(data) > _MOST_BYTES:
        raise Refused(f"{path} has more than {_MOST_BYTES} bytes, which no description of a release has")
    return parse_description(data, about=str(path), folder=path.absolute().parent)


def parse_description(data: bytes, *, about: str, folder: Path) -> Described:
    """The description in *data*. Raises `Refused`; its sentence begins with *about*."""
    documents = load_all(data, what=about)
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise Refused(f"{about}: a description is one mapping with 'name', 'site' and 'parts'")
    document = dict(documents[0])
    parts = document.pop("parts", None)
    if not isinstance(parts, dict) or not parts:
        raise Refused(f"{about}: 'parts:' must map the name of each part to its check")
    if len(parts) > MOST_PARTS:
        raise Refused(f"{about}: {len(parts)} parts are more than the {MOST_PARTS} that a release may have")
    try:
        head = from_json(Head, json.dumps(document))
    except Refused as error:
        raise Refused(f"{about}: {error}") from error
    made = tuple(one for name, given in parts.items() for one in _at_nodes(str(name), given, about, folder))
    if len(made) > MOST_PARTS:
        raise Refused(f"{about}: {len(made)} parts are more than the {MOST_PARTS} that a release may have")
    names = Counter(one.part for one in made)
    if twice := next((name for name, times in names.items() if times > 1), ""):
        raise Refused(f"{about}: two parts have the name {twice!r}; name one of them otherwise")
    return Described(head=head, parts=made, folder=folder)


def _at_nodes(name: str, given: object, about: str, folder: Path) -> Iterator[DescribedPart]:
    """The part *name*; if it names ``nodes``, one part for each of them."""
    if not isinstance(given, dict) or "nodes" not in given:
        yield _part(name, given, about, folder)
        return
    nodes = given["nodes"]
    if not isinstance(nodes, list) or not nodes or not all(isinstance(one, str) and _NAME.fullmatch(one) for one in nodes):
        raise Refused(f"{about}: parts.{name[:100]}.nodes must be a list of the names of nodes")
    if len(set(nodes)) != len(nodes):
        raise Refused(f"{about}: parts.{name[:100]}.nodes names a node twice, and each counts once")
    part = _part(name, {key: value for key, value in given.items() if key != "nodes"}, about, folder)
    if not isinstance(part.subject, Node):
        raise Refused(f"{about}: parts.{name[:100]} has 'nodes', and {part.what.flow} is not about a node")
    for node in nodes:
        yield replace(part, part=f"{name}.{node}", node=node)


def _part(name: str, given: object, about: str, folder: Path) -> DescribedPart:
    place = f"{about}: parts.{name[:100]}"
    if not _NAME.fullmatch(name):
        raise Refused(f"{place} is not a plain name; use letters, digits, '.', '_' and '-'")
    if not isinstance(given, dict) or not isinstance(given.get("flow"), str):
        flows = ", ".join(one.flow for one in all_evaluations() if one.flow != OWN_FLOW)
        raise Refused(f"{place} needs a 'flow': one of {flows}")
    told = dict(given)
    flow, policy = str(told.pop("flow")), told.pop("policy", "")
    if not isinstance(policy, str):
        raise Refused(f"{place}.policy is not the name of a policy")
    if flow == OWN_FLOW:
        raise Refused(f"{place}: a release cannot be a part of a release")
    try:
        what = evaluation(flow)
        subject = what.read({key.replace("-", "_"): value for key, value in told.items()})
    except Refused as error:
        raise Refused(f"{place}: {error}") from error
    if "/" in policy or policy.endswith((".yaml", ".yml")):
        policy = str(folder / policy)
    rooted = with_paths(subject, lambda path, use: folder / path)
    return DescribedPart(part=name, what=what, subject=rooted, policy=policy or what.default_policy)
