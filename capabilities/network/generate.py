"""Generate the network manifests of a workload."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from arcops.asks import shaped
from arcops.errors import Refused
from capabilities.contract import Scope, tool
from flows.place import Place
from manifests.bundle import ManifestText

_MOST_VALUES = 10_000
_MOST_DESCRIPTION = 1024 * 1024
_MOST_DEFINITIONS = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateNetwork:
    """The description to generate from."""

    description: str = field(metadata=shaped(positional=True, text_of=_MOST_DESCRIPTION))
    """The text of a description (a file on the command line), in YAML or JSON: what may call the workload, what it calls, and
    what its site can enforce."""

    definitions: str = field(default="", metadata=shaped(text_of=_MOST_DEFINITIONS))
    """The site's own CustomResourceDefinitions, as one text of YAML documents (a folder of such files on the command line). The
    generated objects are checked against them. If they are not given, the schema of custom objects stays unchecked here, and
    'check' asks for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedNetwork:
    """The manifests, in the order in which to apply them."""

    files: tuple[ManifestText, ...]


@tool(title="Generate network manifests", scope=Scope.READ, reads_only=True)
def generate_network(ask: GenerateNetwork, at: Place) -> GeneratedNetwork:
    """Make deny-by-default Kubernetes manifests for a workload from one short description.

    The gates judge them and the engine proves them before they are returned. What would not be GREEN is refused.
    """
    from artifacts.wire import from_json
    from capabilities.network.generated import generate
    from foundation.strict_yaml import load_all
    from manifests.description import Description

    documents = load_all(ask.description.encode(), what="the description", most_values=_MOST_VALUES)
    if len(documents) != 1:
        raise Refused("the description is not one YAML document")
    described = from_json(Description, json.dumps(documents[0]))
    return GeneratedNetwork(files=generate(described, now=at.now(), definitions=ask.definitions))
