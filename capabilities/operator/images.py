"""What the artifacts in the store say of images of MCP servers: the newest verdict on each digest, from who may judge them."""

from __future__ import annotations

import re
import threading
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from arcops.errors import Refused, Unavailable
from arcops.seen.server import Installation
from arcops.subjects.server import Server
from artifacts.filters import Filter
from artifacts.log.merkle import Frontier
from artifacts.store import Store
from artifacts.vouch import Grounds, NotVouched, Standing, vouch_report
from artifacts.wire import from_json
from flows.place import Place

if TYPE_CHECKING:
    from artifacts.listed import Listed
    from services.operator.verdicts import ImageVerdict, Verdicts

MOST = 5_000
"""So many artifacts about servers are looked at, newest first."""
_COUNTS = timedelta(minutes=1)
_IMAGE = re.compile(r"oci:(?P<name>.+)@(?P<digest>sha256:[0-9a-f]{64})\Z")


class JudgedImages:
    """The verdicts of one place, for a process that asks again and again, from several threads.

    The log is looked at for each question; an artifact is vouched for once, as long as the trust of the place is the same, and
    again after `_COUNTS`, because a list of revocations gets old. ``signers`` are the ids of the keys that may judge images;
    without any, the key of the place.
    """

    def __init__(self, *, signers: Collection[str] = (), amber_passes: bool = False) -> None:
        self._signers, self._amber = tuple(signers), amber_passes
        self._lock = threading.Lock()
        self._by: tuple[Grounds, tuple[str, ...]] | None = None
        self._until: datetime | None = None
        self._known: dict[str, ImageVerdict | None] = {}
        self._head: Frontier | None = None
        self._verdicts: Verdicts | None = None

    def at(self, place: Place) -> Verdicts:
        """The verdicts in the store of *place*.

        Raises `Refused` if there is no store, and `Unavailable` if its log is not whole: then something that says RED could be
        missing.
        """
        from services.operator.verdicts import Verdicts
        from tasks.signing.grounds import grounds

        settings, now = place.settings, place.now()
        ground = grounds(settings.trust)
        if not self._signers:
            self._signers = (place.signer().public.id,)  # once: deriving a key from its passphrase is slow, on purpose
        by = ground, self._signers
        if not settings.store.is_dir():
            raise Refused("there is no store of artifacts, so no image was judged here; import a mirror of it")
        with self._lock, Store(settings.store, memory=settings.memory) as store:
            if problems := store.sound(ground.keys, own=True):
                raise Unavailable(f"the log of artifacts is not whole, so no verdict counts: {problems[0]}")
            if by != self._by or self._until is None or not self._until - _COUNTS <= now < self._until:
                self._by, self._until, self._head, self._known = by, now + _COUNTS, None, {}
            head = store.log.look().tree
            if self._verdicts is None or head != self._head:
                self._verdicts = Verdicts(images=self._newest(store, ground, now, by[1]), amber_passes=self._amber)
                self._head = head
            return self._verdicts

    def _newest(self, store: Store, ground: Grounds, now: datetime, signers: tuple[str, ...]) -> dict[str, ImageVerdict]:
        found: dict[str, ImageVerdict] = {}
        for listed in store.list(Filter(kind=Server.ABOUT.kind, limit=MOST)):
            if listed.artifact not in self._known:
                self._known[listed.artifact] = _verdict(store, listed, ground, now, signers)
            one = self._known[listed.artifact]
            known = found.get(one.digest) if one is not None else None
            if one is not None and (known is None or (one.trusted and not known.trusted)):  # the newest comes first
                found[one.digest] = one
        return found


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
