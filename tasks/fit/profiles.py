"""The profiles that ship with ArcOps: engines, GPUs, and how GPUs can be divided."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import TypeVar

from arcops.errors import ArcOpsError, Broken, Refused
from arcops.evidence import Source, SourceKind
from arcops.seen.engine_profile import EngineProfile, Partition
from arcops.seen.gpu_profile import Profile
from artifacts.wire import from_json
from foundation.strict_yaml import load_all
from tasks.gpu.gpu_profiles import shipped_profiles

T = TypeVar("T", EngineProfile, Partition)


@cache
def shipped_engines() -> tuple[tuple[EngineProfile, Source], ...]:
    """Every engine's profile, in the order of file names, and the file as a source."""
    return tuple(_shipped("engines", EngineProfile))


@cache
def shipped_partitions() -> tuple[tuple[Partition, Source], ...]:
    """Every GPU's instances, in the order of file names, and the file as a source."""
    return tuple(_shipped("partitions", Partition))


def engine_profile(name: str) -> EngineProfile:
    """The profile of the engine *name*. Raises `Refused` with those that there are, if it is not among them."""
    for profile, _ in shipped_engines():
        if name == profile.engine or name in profile.names:
            return profile
    known = ", ".join(profile.engine for profile, _ in shipped_engines())
    raise Refused(f"ArcOps knows no engine {name[:40]!r}; it knows {known}")


def gpu_profile(name: str) -> Profile | None:
    """The profile of the GPU with this *name*: the profile's own or the driver's."""
    return next((one for one, _ in shipped_profiles() if name == one.sku or name in one.names), None)


def partition_of(sku: str) -> Partition | None:
    """How a GPU with this *sku* can be divided, if that is known."""
    return next((one for one, _ in shipped_partitions() if sku in one.skus), None)


def _shipped(folder: str, kind: type[T]) -> Iterator[tuple[T, Source]]:
    """Raises `Broken` if a file is not a *kind*."""
    for file in sorted(resources.files("policies").joinpath(folder).iterdir(), key=lambda file: file.name):
        if not file.name.endswith(".yaml"):
            continue
        data = file.read_bytes()
        try:
            documents = load_all(data, what=f"{folder}/{file.name}", most_values=2000)
            profile = from_json(kind, json.dumps(documents[0] if len(documents) == 1 else None))
        except ArcOpsError as error:
            raise Broken(str(error)) from error
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        yield profile, Source(name=f"{folder}/{file.name}", kind=SourceKind.DATA, digest=digest)
