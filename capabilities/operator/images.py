"""What the artifacts in the store say of images of MCP servers: the newest verdict on each digest, from who may judge them."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from arcops.errors import Refused, Unavailable
from arcops.seen.server import Installation
from arcops.subjects.server import Server
from artifacts.filters import Filter
from artifacts.store import Store
from artifacts.vouch import Grounds, NotVouched, Standing, vouch_report
from artifacts.wire import from_json

if TYPE_CHECKING:
    from artifacts.listed import Listed
    from services.operator.verdicts import ImageVerdict, Verdicts

MOST = 5_000
"""So many artifacts about servers are looked at, newest first."""
_IMAGE = re.compile(r"oci:(?P<name>.+)@(?P<digest>sha256:[0-9a-f]{64})\Z")


def image_verdicts(
    folder: Path, memory: Path, ground: Grounds, now: datetime, *, signers: Collection[str], amber_passes: bool = False
) -> Verdicts:
    """The verdicts in the store *folder*. *signers* are the ids of the keys that may judge images; by others nothing is judged.

    An artifact counts if *ground* vouches for it at *now*. Raises `Refused` if there is no store, and `Unavailable` if its log
    is not whole: then something that says RED could be missing.
    """
    from services.operator.verdicts import Verdicts

    if not folder.is_dir():
        raise Refused("there is no store of artifacts, so no image was judged here; import a mirror of it")
    found: dict[str, ImageVerdict] = {}
    with Store(folder, memory=memory) as store:
        if problems := store.sound(ground.keys, own=True):
            raise Unavailable(f"the log of artifacts is not whole, so no verdict counts: {problems[0]}")
        for listed in store.list(Filter(kind=Server.ABOUT.kind, limit=MOST)):
            one = _verdict(store, listed, ground, now, signers)
            known = found.get(one.digest) if one is not None else None
            if one is not None and (known is None or (one.trusted and not known.trusted)):  # the newest comes first
                found[one.digest] = one
    return Verdicts(images=found, amber_passes=amber_passes)


def _verdict(store: Store, listed: Listed, ground: Grounds, now: datetime, signers: Collection[str]) -> ImageVerdict | None:
    """What one artifact says of an image; nothing if it does not count, or is about something else."""
    from services.operator.verdicts import ImageVerdict

    try:
        vouched = vouch_report(store.get(listed.artifact), ground, now)
    except NotVouched as error:
        if error.state.standing in (Standing.UNTRUSTED, Standing.REVOKED):
            return None
        raise Unavailable(f"an artifact about a server may say RED, and cannot be read: {error}") from error
    try:
        record = next((one for one in vouched.report.evidence if one.kind == Installation.KIND), None)
        body = from_json(Installation, store.get(record.digest)) if record is not None else None
    except Refused:  # its evidence is not kept here
        return None
    named = _IMAGE.match(body.package) if body is not None else None
    if named is None or body is None:
        return None
    by = next((one for one in vouched.signers if one in signers), "")
    command = body.launching.command
    return ImageVerdict(
        digest=named["digest"],
        verdict=vouched.report.verdict,
        signer=by or ", ".join(vouched.signers),
        trusted=bool(by),
        valid_until=vouched.report.valid_until,
        artifact=listed.artifact,
        entry_point=None if not command else (command,),
    )
