"""SLSA provenance v1 of something built here, by hand or by script. It does not claim more than that.

If the user who builds also holds the key, the statement reaches SLSA Build L1 at most: it exists and is signed, but that user
could have written anything. The builder's id says who makes the claim.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from arcops.errors import Refused
from arcops.subject import Digest, Subject
from artifacts.statement import statement
from artifacts.typed import JSON, moment

PREDICATE = "https://slsa.dev/provenance/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Something that went into the build: a URI, a digest, or both (a SLSA ResourceDescriptor)."""

    uri: str
    digests: tuple[Digest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One build. ``builder`` and ``build_type`` are URIs; ``parameters`` are names and values that the caller chose."""

    builder: str
    build_type: str
    started: datetime
    finished: datetime
    invocation: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    materials: tuple[Material, ...] = ()

    def __post_init__(self) -> None:
        for name, uri in (("builder", self.builder), ("build type", self.build_type)):
            if ":" not in uri:
                raise Refused(f"the {name} {uri!r} is not a URI; write for example https://example.org/builders/laptop")
        if self.finished < self.started:
            raise Refused(f"the build of {self.builder} ended at {self.finished}, before it started")


def provenance(subjects: Iterable[Subject], build: Build) -> bytes:
    """The statement that *build* made *subjects* (slsa.dev/spec/v1.0/provenance): seal it with `bundle.seal_statement`."""
    metadata: dict[str, JSON] = {"startedOn": moment(build.started), "finishedOn": moment(build.finished)}
    if build.invocation:
        metadata["invocationId"] = build.invocation
    materials: list[JSON] = [
        {"uri": material.uri, "digest": {digest.algorithm: digest.value for digest in material.digests}}
        if material.digests
        else {"uri": material.uri}
        for material in build.materials
    ]
    return statement(
        PREDICATE,
        subjects,
        {
            "buildDefinition": {
                "buildType": build.build_type,
                "externalParameters": dict(build.parameters),
                "resolvedDependencies": materials,
            },
            "runDetails": {"builder": {"id": build.builder}, "metadata": metadata},
        },
    )
