"""What is in the store, opened: shared by the tools that are given an artifact by its digest."""

from __future__ import annotations

import re

from adapters.tools.contract import Place
from arcops.errors import Refused
from arcops.result import Report
from artifacts.bundle import MOST_BYTES
from artifacts.vouch import vouch_report
from tasks.grounds import grounds

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


class NotThere(Refused):
    """The store keeps nothing under this digest."""


class Changed(Refused):
    """What the store keeps under this digest is no longer what it was."""


def sealed_bytes(artifact: str, at: Place) -> bytes:
    """The sealed artifact that a caller means: its digest in the store, or its own text."""
    return kept_bytes(artifact, at) if _DIGEST.match(artifact) else artifact.encode()


def kept_bytes(digest: str, at: Place) -> bytes:
    """What the store keeps under *digest*. Raises `NotThere` or `Changed`, which name no path of this machine."""
    from artifacts.store import Store

    with Store.at(at.settings) as store:
        try:
            return store.get(digest)
        except Refused as error:
            if store.path(digest).exists():
                said = f"what the store keeps under {digest} was changed and is no longer that; 'arcops store check' tells more"
                raise Changed(said) from error
            raise NotThere(f"the store holds nothing with digest {digest}; 'arcops store list' names what it keeps") from error


def opened(digest: str, at: Place) -> Report:
    """The report kept as *digest*. Raises `Refused` if no signer that counts here stands behind it."""
    return vouch_report(sealed_bytes(digest, at), grounds(at.settings.trust), at.now()).report


def left_about(subject: str, digest: str, at: Place) -> Report:
    """The report that a run elsewhere left as *digest*. Raises `Refused` where it is not about *subject*."""
    report = opened(digest, at)
    if report.subject.name != subject:
        raise Refused(f"the run left an artifact about {report.subject.name!r}, not about {subject!r}")
    return report


__all__ = ["MOST_BYTES", "Changed", "NotThere", "kept_bytes", "left_about", "opened", "sealed_bytes"]
