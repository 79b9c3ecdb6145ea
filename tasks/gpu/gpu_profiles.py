"""The capability profiles of this node's GPUs, from those that ship with ArcOps."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import cache
from importlib import resources

from arcops.collector import collector
from arcops.errors import ArcOpsError, Broken
from arcops.evidence import Seen, Sighting, Source, SourceKind
from arcops.request import Request
from arcops.seen.gpu import Gpus, Unread
from arcops.seen.gpu_profile import GpuProfiles, Profile
from artifacts.wire import from_json
from foundation.strict_yaml import load_all


@collector("gpu-profiles", GpuProfiles, version="1", needs=(Gpus,))
def profiles(request: Request, seen: Seen) -> Sighting[GpuProfiles]:
    """The shipped profile of every device that gave its name."""
    names = sorted({device.identity.name for device in seen[Gpus].body.devices if not isinstance(device.identity.name, Unread)})
    fitting = [(profile, source) for profile, source in shipped_profiles() if set(profile.names) & set(names)]
    return Sighting(
        body=GpuProfiles(names=tuple(names), profiles=tuple(profile for profile, _ in fitting)),
        sources=tuple(source for _, source in fitting),
    )


@cache
def shipped_profiles() -> tuple[tuple[Profile, Source], ...]:
    """Every profile that ships with ArcOps, in the order of file names, and the file as a source.

    Raises `Broken` if a file is not a profile, or if two files claim one device.
    """
    return tuple(_shipped())


def _shipped() -> Iterator[tuple[Profile, Source]]:
    claimed: dict[str, str] = {}
    files = sorted(resources.files("policies").joinpath("skus").iterdir(), key=lambda file: file.name)
    for file in files:
        if not file.name.endswith(".yaml"):
            continue
        data = file.read_bytes()
        try:
            profile = parse_profile(data, what=f"skus/{file.name}")
        except ArcOpsError as error:
            raise Broken(str(error)) from error
        for name in profile.names:
            if claimed.setdefault(name, file.name) != file.name:
                raise Broken(f"both {claimed[name]} and {file.name} claim the device {name!r}")
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        yield profile, Source(name=f"skus/{file.name}", kind=SourceKind.DATA, digest=digest)


def parse_profile(data: bytes, *, what: str) -> Profile:
    """The profile in *data*. Raises `Refused`, with *what* as the name of the file."""
    documents = load_all(data, what=what, most_values=2000)
    return from_json(Profile, json.dumps(documents[0] if len(documents) == 1 else None))
