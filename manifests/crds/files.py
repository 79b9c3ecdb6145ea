"""The definitions as files that ``kubectl apply`` takes; ``deployments/crds`` holds exactly these."""

from __future__ import annotations

from manifests.bundle import ManifestText
from manifests.crds.definitions import Conversion, ServerKind, definition, plural
from manifests.text import document

_ABOUT = {
    ServerKind.NAMESPACED: "An MCP server of a namespace; docs/operator.md explains its fields.",
    ServerKind.CLUSTER: "An MCP server of the whole cluster; docs/operator.md explains its fields.",
}


def definition_files(conversion: Conversion | None = None) -> tuple[ManifestText, ...]:
    """A file for each kind of resource."""
    return tuple(
        ManifestText(name=f"{plural(kind)}.yaml", text=document(_ABOUT[kind], definition(kind, conversion).value))
        for kind in ServerKind
    )


if __name__ == "__main__":
    import sys

    sys.stdout.write(next(one.text for one in definition_files() if one.name == f"{sys.argv[1]}.yaml"))
