"""Which resource a change is about."""

from __future__ import annotations

from dataclasses import dataclass

from manifests.crds.definitions import ServerKind


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ServerKey:
    """One resource: its kind, its namespace (empty for one of the whole cluster) and its name."""

    kind: str
    namespace: str
    name: str

    @property
    def cluster_wide(self) -> bool:
        """Is it of the whole cluster?"""
        return self.kind == ServerKind.CLUSTER.value

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"
