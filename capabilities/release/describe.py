"""The description of a release to begin with, as strict YAML with comments."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from arcops.asks import shaped
from capabilities.contract import Scope, tool
from flows.place import Place
from flows.subjects.release.describing import parse_description


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeRelease:
    """What the release is about. Paths are as the description will have them: relative to its own folder, or absolute."""

    model: str = field(metadata=shaped(least=1, most=4096))
    """The model's folder or file."""
    site: str = field(metadata=shaped(least=1, most=100))
    """The name of the site, as ARCOPS_SITE says it there."""
    name: str = field(default="", metadata=shaped(most=100))
    """The name of the release; by default the model's name and the site's."""
    manifests: str = field(default="", metadata=shaped(most=4096))
    """The folder of the manifests that would be applied."""
    cluster: str = field(default="", metadata=shaped(most=4096))
    """The folder of a saved cluster, which 'arcops cluster snapshot' makes."""
    policy: str = "sovereign"
    """The policy that judges the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseDescribed:
    """The description."""

    yaml: str
    """Its text, to be saved as a file and edited."""


@tool(title="Describe a release", scope=Scope.READ, reads_only=True)
def describe_release(ask: DescribeRelease, at: Place) -> ReleaseDescribed:
    """Give the description of a release to begin with: site, model, and each part with the check that judges it."""
    text = _TEXT.format(
        name=_quoted(ask.name or f"{PurePath(ask.model).name or 'model'}-at-{ask.site}"),
        site=_quoted(ask.site),
        model=_quoted(ask.model),
        policy=_quoted(ask.policy),
        manifests=_part("network", "network-safety", "target", ask.manifests, "./manifests"),
        cluster=_part("cluster", "cluster-readiness", "saved", ask.cluster, "./cluster-snapshot"),
    )
    parse_description(text.encode(), about="the description", folder=Path("/"))  # what it would be refused for is said now
    return ReleaseDescribed(yaml=text)


def _quoted(text: str) -> str:
    """*text* as YAML, whatever is in it: plain if it can be."""
    return text if re.fullmatch(r"[A-Za-z./][A-Za-z0-9._/-]*", text) else json.dumps(text)


def _part(part: str, flow: str, name: str, path: str, instead: str) -> str:
    """A part of the description; if *path* is not known, as comments to fill in."""
    lines = (f"  {part}:", f"    flow: {flow}", f"    {name}: {_quoted(path or instead)}")
    return "\n".join(lines if path else (f"  # {line[2:]}" for line in lines))


_TEXT = """\
# A release: is this model on this site ready to ship? Paths are relative to the folder of this file.
#   arcops release preview FILE     what a check would run, and what it would take again
#   arcops release check FILE       run what is missing or about to end, judge all parts together, keep the verdict
# Which parts are required, by which policies and signers, is the word of the release policy ('arcops policy show release').
name: {name}
site: {site}
# model: sha256:…     the digest that every part must be about; without it, the one part that is a model says it

parts:
  supply-chain:
    flow: readiness
    target: {model}
    policy: {policy}

  # Will its network let in and out only what was meant? The manifests as they would be applied.
{manifests}

  # Is the cluster ready for it? A saved cluster; with 'context: NAME' instead of 'saved', a live one.
{cluster}

  # On a node with GPUs:
  # gpus:
  #   flow: gpu-validation
  # speed:
  #   flow: gpu-benchmark

  # An endpoint that serves it:
  # endpoint:
  #   flow: inference-validation
  #   url: http://127.0.0.1:8000/v1
  #   models: [NAME]
"""
