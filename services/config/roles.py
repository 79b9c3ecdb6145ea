"""Who may publish and who may approve, by their keys, and how many approvals a release needs: the trust of this place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from arcops.errors import Refused
from artifacts.client_release import ClientRelease, ReleaseKind, release_from
from artifacts.reading import read_file
from artifacts.vouch import Grounds, vouch
from artifacts.wire import from_values
from foundation.strict_yaml import load_all

MOST_BYTES = 256 * 1024
FILE = "client-roles.yaml"
RULES = "client-rules.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """``publishers`` and ``approvers`` are ids of keys (``sha256:…``), which must also be among the trusted keys.

    A release counts with ``approvals`` signatures of approvers who did not publish it. A revert needs ``emergency``, which is
    never fewer: the publisher says what is a revert, so that word alone must not spare an approval. ``None``: as many as
    a release. ``logs`` are the keys that may sign the log's checkpoint; if none is named, each trusted key may.
    """

    publishers: tuple[str, ...]
    approvers: tuple[str, ...] = ()
    approvals: int = 1
    emergency: int | None = None
    logs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.publishers:
            raise Refused("the roles name no publisher, so nothing could be released; name the id of a key")
        for one in (*self.publishers, *self.approvers, *self.logs):
            if len(one) != 71 or not one.startswith("sha256:"):
                raise Refused(f"the roles name {one[:80]!r}, which is not the id of a key; 'arcops keys' shows ids")
        for what, most in (("approvals", self.approvals), ("emergency", self.needed(ReleaseKind.REVERT))):
            if not 0 <= most <= 16:
                raise Refused(f"the roles ask for {most} {what}; 0 to 16 are possible")
            for publisher in self.publishers:
                others = len(set(self.approvers) - {publisher})
                if most > others:
                    raise Refused(
                        f"the roles ask for {most} {what}, and {others} approver(s) are others than the publisher {publisher}, "
                        "whose releases could never be approved: name more approvers, each with a key of their own"
                    )
        if self.needed(ReleaseKind.REVERT) < self.approvals:
            raise Refused(
                f"the roles ask for {self.approvals} approvals and for {self.emergency} in an emergency, so that a publisher "
                "could release anything alone by calling it a revert; ask for as many, or leave 'emergency' out"
            )

    def needed(self, kind: ReleaseKind) -> int:
        """How many approvals a release of this *kind* needs."""
        return self.emergency if kind is ReleaseKind.REVERT and self.emergency is not None else self.approvals

    def may_log(self, key: str) -> bool:
        """May the key with this id sign the log's checkpoint?"""
        return not self.logs or key in self.logs


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A release whose signatures were checked: who published it, and the ``approvers`` whose signatures count."""

    release: ClientRelease
    approvers: tuple[str, ...]
    needed: int

    @property
    def enough(self) -> bool:
        """May it be released, or taken?"""
        return len(self.approvers) >= self.needed


def read_roles(trust: Path) -> Roles:
    """The roles of the *trust* folder. Raises `Refused` if there is no such file: then no one may publish, and nothing
    counts.
    """
    path = trust / FILE
    if not path.exists():
        raise Refused(
            f"there is no {FILE} in the trust folder, so no key may publish or approve; write the ids of keys into it: "
            "publishers: [sha256:…], approvers: [sha256:…], approvals: 1"
        )
    documents = load_all(read_file(path, MOST_BYTES), what=FILE)
    if len(documents) != 1:
        raise Refused(f"{FILE} is not one YAML mapping")
    return from_values(Roles, documents[0])


def counted(sealed: bytes, ground: Grounds, roles: Roles, at: datetime) -> Counted:
    """Check the release in *sealed*: the trusted keys that signed it and are not revoked, each in its role.

    Raises `Refused` if the publisher that it names did not sign it, or is no publisher here. Whether there are enough
    approvals, the caller asks.
    """
    vouched = vouch(sealed, ground, at)
    release = release_from(vouched.statement)
    if release.publisher not in vouched.signers:
        raise Refused(f"the key {release.publisher} that the release names as its publisher did not sign it, or does not count")
    if release.publisher not in roles.publishers:
        raise Refused(f"the key {release.publisher} may not publish here; {FILE} names those that may")
    approvers = tuple(one for one in vouched.signers if one in roles.approvers and one != release.publisher)
    return Counted(release=release, approvers=approvers, needed=roles.needed(release.kind))
