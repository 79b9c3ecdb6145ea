"""Write the description of a release to begin with, as strict YAML with comments."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from arcops.asks import Use, shaped, used
from arcops.errors import Refused
from capabilities.contract import Scope, tool
from flows.place import Place
from flows.releases.describing import Head, parse_description


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeRelease:
    """What the release is about."""

    output: Path = field(metadata=used(Use.WRITE) | shaped(positional=True, title="FILE", least=1, most=4096))
    """The file to write."""
    model: Path = field(metadata=shaped(least=1, most=4096))
    """The model's folder or file."""
    site: str = field(metadata=shaped(least=1, most=100))
    """The name of the site, as ARCOPS_SITE says it there."""
    name: str = field(default="", metadata=shaped(most=100))
    """The name of the release; by default the model's name and the site's."""
    manifests: Path | None = None
    """The folder of the manifests that would be applied."""
    cluster: Path | None = None
    """A saved cluster ('arcops cluster snapshot'); without it the current context is asked when the release is checked."""
    policy: str = "sovereign"
    """The policy that judges the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DescriptionMade:
    """The file that was written."""

    path: Path


@tool(title="Describe a release", scope=Scope.READ)
def describe_release(ask: DescribeRelease, at: Place) -> DescriptionMade:
    """Write the description of a release: site, model, and each part with the check that judges it. It replaces no file."""
    path = at.put(ask.output)
    name = ask.name or f"{ask.model.absolute().name}-at-{ask.site}"
    text = _TEXT.format(
        name=name,
        site=ask.site,
        model=_quoted(ask.model),
        policy=ask.policy,
        manifests=_part("network", "network-safety", "target", ask.manifests, "./manifests"),
        cluster=_part("cluster", "cluster-readiness", "saved", ask.cluster, "./cluster-snapshot"),
    )
    parse_description(text.encode(), where=str(ask.output), folder=path.parent)
    Head(name=name, site=ask.site)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise Refused(f"{path} is there already; name another file, or remove it") from None
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}") from error
    return DescriptionMade(path=path)


def _quoted(path: Path) -> str:
    """*path* as YAML, whatever is in it."""
    import json

    return json.dumps(str(path.absolute()))


def _part(part: str, flow: str, name: str, path: Path | None, instead: str) -> str:
    """A part of the description; if *path* is not known, as comments to fill in."""
    lines = (f"  {part}:", f"    flow: {flow}", f"    {name}: {_quoted(path) if path is not None else instead}")
    return "\n".join(lines if path is not None else (f"  # {line[2:]}" for line in lines))


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
  #   target: http://127.0.0.1:8000/v1
"""
