"""The subject: the thing that is judged, named by its content."""

from __future__ import annotations

from arcops.errors import Refused
from arcops.late_dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """One cryptographic digest: algorithm as in-toto names it (``sha256``), value in lower-case hex."""

    algorithm: str
    value: str

    def __post_init__(self) -> None:
        if not self.algorithm or not self.value or self.value.strip("0123456789abcdef"):
            raise Refused(
                f"digest {self.algorithm!r}:{self.value!r} is not lower-case hex; write it as 'sha256' and 64 hex digits"
            )

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A judged thing: an in-toto ResourceDescriptor (in-toto attestation v1, ``spec/v1/resource_descriptor.md``).

    ``kind`` is ``model``, ``mcp-server``, ``network``, ``gpu-node``, … A subject without a digest could not be checked later,
    so it is refused.
    """

    name: str
    kind: str
    digests: tuple[Digest, ...]

    def __post_init__(self) -> None:
        if not self.name or not self.kind:
            raise Refused("a subject needs a name and a kind")
        if not self.digests:
            raise Refused(f"subject {self.name!r} has no digest; a subject must be named by its content")
        if len({digest.algorithm for digest in self.digests}) != len(self.digests):
            raise Refused(f"subject {self.name!r} has two digests of one algorithm")
