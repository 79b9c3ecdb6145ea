"""Freshness: TUF metadata over what each client gets now, so that no one is shown an old state as the newest (TUF 1.0).

One online role signs; the targets are spread over hashed bins, so that a change signs one of them again and a client
fetches one. Approvals are not thresholds here: they are signatures over each release. The metadata is made from the releases,
and can be made again at any time; its versions only grow.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from tuf.api.metadata import (  # type: ignore[attr-defined]
    Delegations,
    Key,
    Metadata,
    MetaFile,
    Root,
    Signature,
    Snapshot,
    SuccinctRoles,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.metadata import Signer as TufSigner  # type: ignore[attr-defined]

from arcops.errors import Refused, Unavailable
from artifacts.private_folder import make_private
from artifacts.private_key import Signer
from artifacts.public_key import PublicKey
from artifacts.store_lock import StoreLock
from artifacts.writing import replace_whole
from services.config.reading import Served

BITS = 5
"""2 to the power of this many bins."""
BIN = "heads"
ROOT_DAYS, BIN_DAYS, TIME_DAYS = 365, 90, 7
ROLES = ("root", "timestamp", "snapshot", "targets")


def target_name(client: str, profile: str, version: str) -> str:
    """The name of the target that says what a client in a profile gets, in one version of its schema."""
    return f"{client}.{profile}.{version}.json"


def heads_of(served: Sequence[Served]) -> dict[str, bytes]:
    """The content of each target: the releases that clients get now, the newest first, each with its part of the machines."""
    found: dict[str, list[dict[str, object]]] = {}
    for one in served:
        row = one.row
        name = target_name(row.client, row.profile, row.schema.rpartition("/")[2])
        found.setdefault(name, []).append(
            {
                "record": row.record,
                "position": row.position,
                "percent": row.percent,
                "salt": one.salt,
                "artifactId": row.artifact,
            }
        )
    return {
        name: json.dumps({"target": name, "releases": releases}, sort_keys=True, separators=(",", ":")).encode()
        for name, releases in found.items()
    }


class _Signing(TufSigner):
    """A signer of ours, as TUF takes it."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self._key = _key(signer.public)

    @property
    def public_key(self) -> Key:
        return self._key

    @classmethod
    def from_priv_key_uri(cls, *_: object, **__: object) -> TufSigner:
        raise NotImplementedError("a signer is given, and not loaded by a name")

    def sign(self, payload: bytes) -> Signature:
        return Signature(self._key.keyid, self._signer.sign(payload).hex())


def _key(public: PublicKey) -> Key:
    """A public key, in TUF's own form. Raises `Refused` for one that it cannot write."""
    named = public.id.removeprefix("sha256:")
    match public.raw:
        case Ed25519PublicKey():
            raw = public.raw.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            value = {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": raw.hex()}}
        case ec.EllipticCurvePublicKey() if public.raw.curve.name == "secp256r1":
            value = {"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": {"public": public.pem.decode()}}
        case _:
            raise Refused(f"the key {public.id} cannot sign metadata; use Ed25519 or ECDSA on P-256")
    return Key.from_dict(named, value)


class Freshness:
    """The metadata in *folder*: what is served at ``/tuf``. One process at a time writes it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def due(self, heads: Mapping[str, bytes], now: datetime) -> bool:
        """Is it to be written: something else is released, or half of its time is over?"""
        found = self._read("timestamp", Timestamp)
        if found is None or found.signed.expires - now < timedelta(days=TIME_DAYS) / 2:
            return True
        known: dict[str, str] = {}
        for name in self._bins():
            role = self._read(name, Targets)
            if role is None or role.signed.expires - now < timedelta(days=BIN_DAYS) / 2:
                return True
            known |= {path: one.hashes["sha256"] for path, one in role.signed.targets.items()}
        return known != {name: TargetFile.from_data(name, data, ["sha256"]).hashes["sha256"] for name, data in heads.items()}

    def write(self, heads: Mapping[str, bytes], signer: Signer, now: datetime) -> int:
        """Sign what *heads* says; how many files were written. Raises `Unavailable` if the folder cannot be written."""
        make_private(self.folder)
        with StoreLock(self.folder).held():
            return self._written(heads, _Signing(signer), now)

    def _written(self, heads: Mapping[str, bytes], signing: _Signing, now: datetime) -> int:
        count = 0
        if self._read("root", Root) is None:
            count += self._begin(signing, now)
        self._refuse_other_key(signing)
        for name, data in heads.items():
            digest = TargetFile.from_data(name, data, ["sha256"]).hashes["sha256"]
            if not (self.folder / f"{digest}.{name}").exists():
                replace_whole(self.folder / f"{digest}.{name}", data)
                count += 1
        meta: dict[str, MetaFile] = {}
        targets = self._read("targets", Targets)
        for name in ("targets", *self._bins()):
            role = targets if name == "targets" else self._read(name, Targets)
            wanted = {} if name == "targets" else self._in_bin(heads, name)
            if role is None or role.signed.targets != wanted or role.signed.expires - now < timedelta(days=BIN_DAYS) / 2:
                version = role.signed.version + 1 if role is not None else 1
                made = Targets(version=version, expires=now + timedelta(days=BIN_DAYS), targets=wanted)
                if name == "targets":
                    made.delegations = self._delegations(signing)
                count += self._put(name, Metadata(made), signing)
                meta[f"{name}.json"] = MetaFile(version=version)
            else:
                meta[f"{name}.json"] = MetaFile(version=role.signed.version)
        snapshot = self._read("snapshot", Snapshot)
        number = snapshot.signed.version + 1 if snapshot is not None else 1
        made_snapshot = Snapshot(version=number, expires=now + timedelta(days=TIME_DAYS), meta=meta)
        count += self._put("snapshot", Metadata(made_snapshot), signing)
        timestamp = self._read("timestamp", Timestamp)
        stamp = timestamp.signed.version + 1 if timestamp is not None else 1
        made_stamp = Timestamp(version=stamp, expires=now + timedelta(days=TIME_DAYS), snapshot_meta=MetaFile(version=number))
        return count + self._put("timestamp", Metadata(made_stamp), signing)  # last: until then, the old state is the newest

    def file(self, name: str) -> bytes:
        """One file as it is served. Raises `Refused` if there is no such file."""
        if "/" in name or name.startswith("."):
            raise Refused("there is no such file of metadata")
        try:
            return (self.folder / name).read_bytes()
        except (FileNotFoundError, IsADirectoryError):
            raise Refused(f"there is no file of metadata {name[:100]!r}") from None
        except OSError as error:
            raise Unavailable(f"{self.folder / name} cannot be read: {error.strerror}") from error

    def files(self) -> tuple[str, ...]:
        """The names of all files, for a mirror."""
        return tuple(sorted(one.name for one in self.folder.iterdir() if one.suffix == ".json")) if self.folder.is_dir() else ()

    def _begin(self, signing: _Signing, now: datetime) -> int:
        root = Root(expires=now + timedelta(days=ROOT_DAYS), consistent_snapshot=True)
        for role in ROLES:
            root.add_key(signing.public_key, role)
        return self._put("root", Metadata(root), signing)

    def _refuse_other_key(self, signing: _Signing) -> None:
        root = self._read("root", Root)
        if root is None or signing.public_key.keyid not in root.signed.roles["timestamp"].keyids:
            raise Refused(
                f"the metadata in {self.folder} was begun with another key; sign with that key, or move the folder away and "
                "give every machine the new root"
            )

    def _delegations(self, signing: _Signing) -> Delegations:
        key = signing.public_key
        bins = SuccinctRoles([key.keyid], 1, BITS, BIN)
        return Delegations(keys={key.keyid: key}, succinct_roles=bins)

    def _bins(self) -> list[str]:
        return list(SuccinctRoles([], 1, BITS, BIN).get_roles())

    def _in_bin(self, heads: Mapping[str, bytes], name: str) -> dict[str, TargetFile]:
        bins = SuccinctRoles([], 1, BITS, BIN)
        return {
            path: TargetFile.from_data(path, data, ["sha256"])
            for path, data in heads.items()
            if bins.get_role_for_target(path) == name
        }

    def _put(self, name: str, made: Metadata[Any], signing: _Signing) -> int:
        made.sign(signing)
        data = made.to_bytes()
        version = "" if name == "timestamp" else f"{made.signed.version}."
        replace_whole(self.folder / f"{version}{name}.json", data)
        return 1

    def _read(self, name: str, kind: type[object]) -> Metadata[Any] | None:
        """The file of the role *name* that counts now: the timestamp names the snapshot, and that one the others."""
        version = ""
        if name == "root":
            version = "1."
        elif name != "timestamp":
            above = self._read("timestamp", Timestamp) if name == "snapshot" else self._read("snapshot", Snapshot)
            if above is None:
                return None
            meta = above.signed.snapshot_meta if name == "snapshot" else above.signed.meta.get(f"{name}.json")
            if meta is None:
                return None
            version = f"{meta.version}."
        path = self.folder / f"{version}{name}.json"
        if not os.path.lexists(path):
            if version and name != "root":
                raise Refused(f"{path} is missing, and what is newest names it; restore it from a copy")
            return None
        try:
            found: Metadata[Any] = Metadata.from_file(str(path))
        except Exception as error:
            raise Refused(f"{path} cannot be read as metadata ({type(error).__name__}); restore it from a copy") from error
        if not isinstance(found.signed, kind):
            raise Refused(f"{path} is no metadata of that role")
        return found
