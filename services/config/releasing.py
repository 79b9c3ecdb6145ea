"""The step that makes a release one: its record goes into the log, and then its row is made from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from amend.client.families import Families
from arcops.errors import Refused
from artifacts.log.checkpoint import claimed
from artifacts.looking_through import first
from artifacts.objects import digest_of
from artifacts.private_key import Signer
from artifacts.store import Store
from foundation.telemetry.spans import span
from services.config.documents import document
from services.config.roles import Counted, Roles
from services.config.rows import Publication, Released, Rows, State
from services.config.validating import payload_bytes


@dataclass(slots=True, kw_only=True)
class Releasing:
    """What releases at one place. ``step`` is called with a word between every two steps that change something."""

    rows: Rows
    store: Store
    roles: Roles
    now: Callable[[], datetime]
    step: Callable[[str], None]
    families: Families

    def release(self, one: Publication, standing: tuple[Counted, ...], signer: Signer) -> Publication:
        """Put each release of *one* into the log, and make its row; one writer at a time, so that each supersedes the last."""
        self.refuse_logger(signer)
        payloads = dict(one.payloads)
        with self.rows.database.writing() as connection:
            self.rows.one_writer(connection)
            for data, each in zip(one.envelopes, standing, strict=True):
                with span("conf release", artifact=each.release.artifact):
                    self._entered(connection, data.encode(), each, payloads[each.release.artifact], one, signer)
            one = replace(one, state=State.RELEASED)
            self.rows.put(connection, one)
            self.step("before the rows are kept")
        self.step("released")
        return one

    def _entered(
        self, connection: Connection, sealed: bytes, each: Counted, payload: str, one: Publication, signer: Signer
    ) -> None:
        release = each.release
        logged = self.position(sealed.decode())
        if logged is None:
            before = self.rows.newest(connection, release.client, release.profile, release.schema)
            if (before.record if before is not None else "") != release.supersedes:
                raise Refused(
                    f"something else was released for {release.client} in {release.profile} meanwhile; publish the draft "
                    f"again, so "
                    "that its changelog and its approvals are about what is out now"
                )
            bodies = (payload_bytes(payload, release.artifact), one.policy.encode(), one.draft.encode())
            self.store.put(sealed, {digest_of(body): body for body in bodies}, at=self.now(), signer=signer)
            self.step("in the log")
            logged = self.position(sealed.decode())
        note = self.store.last_checkpoint()
        if logged is None or note is None:
            raise Refused("the log does not show what was put into it; look at it with 'arcops store check'")
        if claimed(note).size <= logged:
            note = self.store.checkpoint(signer)
        proven = self.store.inclusion(logged, claimed(note))
        row = Released(
            position=logged,
            record=digest_of(sealed),
            client=release.client,
            profile=release.profile,
            schema=release.schema,
            artifact=release.artifact,
            version=release.version,
            percent=release.percent,
            issued_at=release.issued_at,
            document=document(
                release, payload, sealed, each.approvers, proven, logged, note, form=self.families.of(release.client).form
            ),
        )
        self.rows.release(connection, row)

    def refuse_logger(self, log: Signer) -> None:
        """Raise `Refused` if the key of *log* may not sign the log."""
        if not self.roles.may_log(log.public.id):
            raise Refused(
                f"the key {log.public.id} may not sign the log, by the roles; send your signature ('arcops conf approve ID "
                f"--signature …') to one who may: {', '.join(self.roles.logs)}"
            )

    def position(self, data: str) -> int | None:
        """The position of this record in the log; ``None`` if it is not there. The log is asked, and not an index of it."""
        return first(self.store.log.read().lines, digest_of(data.encode()))
