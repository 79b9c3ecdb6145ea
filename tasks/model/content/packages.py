"""Packages that are folders: what their lists name must be there.

Source: the layout of ML packages (``Manifest.json``, coremltools); OCI image layout 1.1 and image manifest 1.1.
"""

from __future__ import annotations

from arcops.late_pattern import late
from tasks.model.content.bounded_json import Json
from tasks.model.content.draft import Draft, printable
from tasks.model.content.names import fault_of

_DIGEST = late(r"sha256:(?P<hex>[0-9a-f]{64})")


def note(value: dict[str, Json], base: str, draft: Draft) -> None:
    """Note the files that *value*, a list of the kind that *base* promises, names."""
    if base == "manifest.json":
        _package(value, draft)
    elif base == "index.json":
        descriptors(value, "blobs/sha256/", draft)


def _package(value: dict[str, Json], draft: Draft) -> None:
    entries = value.get("itemInfoEntries")
    for entry in entries.values() if isinstance(entries, dict) else ():
        path = entry.get("path") if isinstance(entry, dict) else None
        if not isinstance(path, str) or not path.lower().endswith(".mlmodel"):
            continue  # other entries are folders
        fault = fault_of(path)
        if fault:
            draft.problem(f"the file {printable(path)!r} that it names {fault}")
        else:
            draft.referred(f"Data/{path}")


def descriptors(value: dict[str, Json], folder: str, draft: Draft) -> None:
    """Note the parts of an OCI index or manifest, each in *folder* under its digest."""
    found: list[Json] = [value.get("config")]
    for key in ("manifests", "layers"):
        said = value.get(key)
        found += said if isinstance(said, list) else []
    for one in found:
        digest = one.get("digest") if isinstance(one, dict) else None
        if digest is None:
            continue
        match = _DIGEST.fullmatch(digest) if isinstance(digest, str) else None
        if match is None:
            draft.problem(f"it names a part by the digest {printable(str(digest), 80)!r}, which is not SHA-256")
        elif isinstance(one, dict) and "data" not in one:
            draft.referred(folder + match["hex"])
