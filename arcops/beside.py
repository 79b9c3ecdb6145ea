"""Files in a subject's directory that are not part of it: the SBOMs, signatures and attestations about it.

They are made after the subject and may be added later, so the digest that names the subject leaves them out. The code that
makes an SBOM and the code that judges one need the same answer; so it is here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from arcops.late_pattern import late
from arcops.seen.tree import FileSeen

SIGNATURE_SUFFIXES = (".sigstore.json", ".sigstore", ".bundle", ".sig")
LONGEST_SIGNATURE = 64 * 1024 * 1024
"""Bytes. The manifest of a model with a hundred thousand files takes some 20 MiB; a longer signature is not read."""

_SBOM_NAME = late(
    r"(?:^|/)(?:s?bom\.(?:json|xml|spdx|cdx|yaml|yml|jsonld|rdf|tag)"
    r"|[^/]*\.(?:cdx|s?bom|spdx3?)\.(?:json|xml|yaml|yml|jsonld|rdf)"
    r"|[^/]*\.(?:spdx|cdx))\Z",
    re.IGNORECASE,
)
_STATEMENT_NAME = late(
    r"\.(?:sig|asc|minisig|sigstore|sigstore\.json|bundle\.json|intoto\.jsonl?|dsse(?:\.json)?|att(?:\.json)?|(?:open)?vex\.json)\Z",
    re.IGNORECASE,
)


def names_sbom(path: str) -> bool:
    """Does the file have a name that CycloneDX or SPDX recommends for an SBOM?"""
    return _SBOM_NAME.search(path) is not None


def is_beside(file: FileSeen) -> bool:
    """Is *file* only about the subject? Never true for a file that could run, whatever its name is."""
    if file.executable or file.content.code:
        return False
    return names_sbom(file.path) or _STATEMENT_NAME.search(file.path) is not None


def content_root(files: Iterable[FileSeen]) -> str:
    """The digest of the subject without the files that are only about it: the rule of `arcops.seen.tree.Tree.root` over
    the rest.
    """
    kept = sorted((file for file in files if not is_beside(file)), key=lambda file: file.path)
    return hashlib.sha256(b"".join(bytes.fromhex(file.sha256) for file in kept)).hexdigest()
