"""Freshness: TUF metadata over what each client gets now, so that no one is shown an old state as the newest (TUF 1.0).

Online keys sign everything but the root; the targets are spread over hashed bins, so that a change signs one of them again and
a client fetches one. Approvals are not thresholds here: they are signatures over each release. The metadata is made from the
releases, and can be made again at any time; its versions only grow.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tuf.api.metadata import (  # type: ignore[attr-defined]
    Delegations,
    Key,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    SuccinctRoles,
    TargetFile,
    Targets,
    Timestamp,
)

from arcops.errors import Refused
from artifacts.private_folder import make_private
from artifacts.private_key import Signer
from artifacts.public_key import PublicKey
from artifacts.store_lock import StoreLock
from artifacts.typed import moment
from services.config.metadata_files import MetadataFiles
from services.config.metadata_keys import Signing, key_of

BITS = 8
"""2 to the power of this many bins, in metadata that is begun now: of 10,000 targets, a change is less than 20 KB to fetch."""
BIN = "heads"
ROOT_DAYS, BIN_DAYS, TIME_DAYS = 365, 90, 7
ONLINE = ("timestamp", "snapshot", "targets")
_OURS = "arcops"


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """Up to where what is released is in the metadata: the ``position`` of the last release, and how many there were.

    ``again`` is the moment from which on everything is to be signed again, changed or not.
    """

    position: int
    count: int
    again: datetime


@dataclass(slots=True, kw_only=True)
class _Roles:
    """The new ``files`` of roles, what the snapshot says of all of them, and when the first of them ends."""

    files: dict[str, bytes]
    meta: dict[str, MetaFile]
    earliest: datetime


class Freshness(MetadataFiles):
    """The metadata in *folder*: what is served at ``/tuf``. One process at a time writes it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._lock = StoreLock(folder)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be the only one who writes. What is newest is to be looked up inside, so that no older state is written later."""
        make_private(self.folder)
        with self._lock.held():
            yield

    def covered(self) -> Covered | None:
        """What the metadata covers; ``None`` if that is not known, so that all of it is to be written."""
        found = self.timestamp()
        said = found.signed.unrecognized_fields.get(_OURS) if found is not None else None
        if not isinstance(said, dict):
            return None
        return Covered(position=int(said["position"]), count=int(said["count"]), again=datetime.fromisoformat(said["again"]))

    def due(self, heads: Mapping[str, bytes], now: datetime) -> bool:
        """Is it to be written: something else than *heads* is released, or half of its time is over?"""
        covered, snapshot = self.covered(), self.snapshot()
        if covered is None or now >= covered.again:
            return True
        known: dict[str, str] = {}
        for name in self._bins(snapshot).get_roles():
            role = self.targets(name, snapshot)
            known |= {path: one.hashes["sha256"] for path, one in role.signed.targets.items()} if role is not None else {}
        return known != {name: hashlib.sha256(data).hexdigest() for name, data in heads.items()}

    def write(
        self,
        heads: Mapping[str, bytes],
        signer: Signer,
        now: datetime,
        *,
        position: int = -1,
        count: int = 0,
        some: bool = False,
    ) -> int:
        """Sign what *heads* says, which are all targets, or *some* of them: the others stay. How many files were written.

        *position* and *count* are what it covers then. Raises `Unavailable` if the folder cannot be written, and `Refused` if
        *signer* is not one of the online keys.
        """
        with self.held():
            return self._written(heads, Signing(signer), now, (position, count), some=some)

    def rekey(self, online: Sequence[PublicKey], root: Sequence[PublicKey], signer: Signer, now: datetime) -> int:
        """Say in a new root which keys sign from now on: the *online* keys all but the root, the *root* keys the next root.

        One signature of each is enough. Machines follow from the root that they were given. Returns the root's version.
        Raises `Refused` if *signer* may not sign a root, now and then.
        """
        with self.held():
            had, signing = self.root(), Signing(signer)
            made = Root(
                version=1 if had is None else had.signed.version + 1,
                expires=now + timedelta(days=ROOT_DAYS),
                consistent_snapshot=True,
            )
            for role, keys in (*((one, online) for one in ONLINE), ("root", root)):
                for key in keys:
                    made.add_key(key_of(key), role)
            self._refuse_rooter(signing, had, made)
            mine = signing.public_key.keyid
            known = None if had is None else self.covered()
            able = mine in made.roles["timestamp"].keyids
            if had is not None and able and mine in had.signed.roles["timestamp"].keyids:  # first what both roots let it sign
                self._written({}, signing, now, _state(known), some=True, keys=_keys(made, "timestamp"))
                able = False
            self.put({f"{made.version}.root.json": _sealed(Metadata(made), signing)})
            if had is not None and able:
                self._written({}, signing, now, _state(known), some=True)
            return int(made.version)

    def _refuse_rooter(self, signing: Signing, had: Metadata[Any] | None, made: Root) -> None:
        for root, what in ((had.signed if had is not None else made, "the root of today"), (made, "the new root")):
            if signing.public_key.keyid not in root.roles["root"].keyids:
                raise Refused(
                    f"{what} does not name the key sha256:{signing.public_key.keyid} among those that sign the next root; sign "
                    "with one that both name, and take the old one out in a second step"
                )

    def _written(
        self,
        heads: Mapping[str, bytes],
        signing: Signing,
        now: datetime,
        covers: tuple[int, int],
        *,
        some: bool,
        keys: dict[str, Key] | None = None,
    ) -> int:
        root, known, timestamp, snapshot = self.root(), self.covered(), self.timestamp(), self.snapshot()
        if root is None:
            new = self._begin(signing, now)
            keys = {signing.public_key.keyid: signing.public_key}
        else:
            self._refuse_other_key(signing, root)
            new = self._renewed(root, signing, now)
            keys = keys or _keys(root.signed, "timestamp")
        every = not some or known is None or now >= known.again or not self._delegated_to(keys, snapshot)
        made = self._roles(heads, signing, now, snapshot, keys, some=some, every=every)
        new |= made.files
        for name, data in heads.items():
            if not self.holds(file := f"{hashlib.sha256(data).hexdigest()}.{name}"):
                new[file] = data
        number = snapshot.signed.version + 1 if snapshot is not None else 1
        until = now + timedelta(days=TIME_DAYS)
        new[f"{number}.snapshot.json"] = _sealed(Metadata(Snapshot(version=number, expires=until, meta=made.meta)), signing)
        self.forget("snapshot", number)
        earliest = made.earliest if every or known is None else min(made.earliest, known.again + timedelta(days=BIN_DAYS) / 2)
        again = min(now + timedelta(days=TIME_DAYS) / 2, earliest - timedelta(days=BIN_DAYS) / 2)
        stamp = Timestamp(
            version=timestamp.signed.version + 1 if timestamp is not None else 1,
            expires=until,
            snapshot_meta=MetaFile(version=number),
            unrecognized_fields={_OURS: {"position": covers[0], "count": covers[1], "again": moment(again)}},
        )
        count = self.put(new)
        return count + self.put({"timestamp.json": _sealed(Metadata(stamp), signing)})  # last: until then the old state counts

    def _roles(
        self,
        heads: Mapping[str, bytes],
        signing: Signing,
        now: datetime,
        snapshot: Metadata[Any] | None,
        keys: dict[str, Key],
        *,
        some: bool,
        every: bool,
    ) -> _Roles:
        """The targets and their bins: those that *heads* changes, and with *every* those that do not count any more."""
        bins = self._bins(snapshot)
        spread: dict[str, dict[str, TargetFile]] = {}
        for path, data in heads.items():
            spread.setdefault(bins.get_role_for_target(path), {})[path] = TargetFile(
                len(data), {"sha256": hashlib.sha256(data).hexdigest()}, path
            )
        until = now + timedelta(days=BIN_DAYS)
        found = _Roles(files={}, meta=dict(snapshot.signed.meta) if snapshot is not None else {}, earliest=until)
        for name in ("targets", *bins.get_roles()) if every else tuple(spread):
            role = self.targets(name, snapshot)
            had = role.signed.targets if role is not None else {}
            wanted = {**(had if some else {}), **spread.get(name, {})}
            if role is not None and had == wanted and _holds(role, keys, now):
                found.earliest = min(found.earliest, role.signed.expires)
                continue
            made = Targets(version=role.signed.version + 1 if role is not None else 1, expires=until, targets=wanted)
            if name == "targets":
                below = SuccinctRoles(list(keys), 1, bins.bit_length, bins.name_prefix)
                made.delegations = Delegations(keys=keys, succinct_roles=below)
            found.files[f"{made.version}.{name}.json"] = _sealed(Metadata(made), signing)
            found.meta[f"{name}.json"] = MetaFile(version=made.version)
            self.forget(name, made.version)
        return found

    def _begin(self, signing: Signing, now: datetime) -> dict[str, bytes]:
        root = Root(expires=now + timedelta(days=ROOT_DAYS), consistent_snapshot=True)
        for role in (*ONLINE, "root"):
            root.add_key(signing.public_key, role)
        return {"1.root.json": _sealed(Metadata(root), signing)}

    def _renewed(self, root: Metadata[Any], signing: Signing, now: datetime) -> dict[str, bytes]:
        """The same root for another year, if half of its time is over and this key may sign it."""
        if root.signed.expires - now >= timedelta(days=ROOT_DAYS) / 2:
            return {}
        if signing.public_key.keyid not in root.signed.roles["root"].keyids:
            return {}
        made = Metadata(root.signed)
        made.signed.version += 1
        made.signed.expires = now + timedelta(days=ROOT_DAYS)
        return {f"{made.signed.version}.root.json": _sealed(made, signing)}

    def _refuse_other_key(self, signing: Signing, root: Metadata[Any]) -> None:
        if signing.public_key.keyid not in root.signed.roles["timestamp"].keyids:
            raise Refused(
                f"the metadata in {self.folder} was begun with another key; sign with that key, or let it name this one: "
                "'arcops conf root --online …'"
            )

    def _bins(self, snapshot: Metadata[Any] | None) -> SuccinctRoles:
        """The bins, of which there are as many as when the metadata was begun."""
        targets = self.targets("targets", snapshot)
        made = targets.signed.delegations.succinct_roles if targets is not None and targets.signed.delegations else None
        return made or SuccinctRoles([], 1, BITS, BIN)

    def _delegated_to(self, keys: Mapping[str, Key], snapshot: Metadata[Any] | None) -> bool:
        targets = self.targets("targets", snapshot)
        return targets is not None and targets.signed.delegations.keys.keys() == keys.keys()


def _holds(role: Metadata[Any], keys: Mapping[str, Key], now: datetime) -> bool:
    """Does *role* still count as it is, with these *keys*?"""
    delegated = role.signed.delegations
    return (
        role.signed.expires - now >= timedelta(days=BIN_DAYS) / 2
        and role.signatures.keys() <= keys.keys()
        and (delegated is None or delegated.keys.keys() == keys.keys())
    )


def _sealed(made: Metadata[Any], signing: Signing) -> bytes:
    made.sign(signing)
    return made.to_bytes()


def _keys(root: Root, role: str) -> dict[str, Key]:
    return {one: root.keys[one] for one in root.roles[role].keyids}


def _state(known: Covered | None) -> tuple[int, int]:
    return (known.position, known.count) if known is not None else (-1, 0)
