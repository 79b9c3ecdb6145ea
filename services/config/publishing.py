"""The one publisher: judge, sign, wait for approvals, put into the log, tell. The entry in the log is the release.

A crash before that entry leaves no release; a crash after it leaves a row to make, which the next one here makes (`settle`).
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from amend.client.families import KNOWN, Families
from amend.client.rules import Claim
from arcops.errors import Refused
from arcops.finding import Finding
from arcops.quoting import quoted
from arcops.seen.client import Draft, HostedVerdict
from arcops.tier import Tier
from arcops.verdict import Verdict
from artifacts.client_release import EVERYONE, ClientRelease, ReleaseKind, release_from, release_statement
from artifacts.envelope import EnvelopeSignature
from artifacts.private_key import Signer
from artifacts.store import Store
from artifacts.vouch import Grounds
from gates.client.client_configuration.secrets import secret_in
from services.config.documents import read_document
from services.config.envelopes import envelope, opened, signed, verified, with_signature
from services.config.releasing import Releasing
from services.config.roles import Counted, Roles, counted
from services.config.rows import Chosen, Publication, Released, Rows, State
from services.config.validating import RulesHere, Validated, refuse_red, validated
from tasks.client.hosted_verdicts import hosted_verdicts

VALID = timedelta(days=30)
"""How long clients may take a release as the newest; it is issued again before that."""
MOST_CHANGELOG = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What publishing did: the publication, how its releases stand, and what the gate found."""

    publication: Publication
    counted: tuple[Counted, ...]
    verdict: Verdict
    findings: tuple[Finding, ...]


@dataclass(slots=True, kw_only=True)
class Publisher:
    """What publishes at one place: its rows, its store, and whose signatures count there.

    ``step`` is called with a word between every two steps that change something; tests stop there.
    """

    rows: Rows
    store: Store
    ground: Grounds
    roles: Roles
    rules: RulesHere
    now: Callable[[], datetime]
    tier: Tier
    tooling: str
    claims: tuple[Claim, ...] = ()
    step: Callable[[str], None] = lambda _: None
    families: Families = KNOWN

    @property
    def _releasing(self) -> Releasing:
        return Releasing(
            rows=self.rows, store=self.store, roles=self.roles, now=self.now, step=self.step, families=self.families
        )

    def publish(self, draft: bytes, *, changelog: str, signer: Signer, percent: int = EVERYONE) -> Published:
        """Judge *draft*, and release it for each of its clients, or let it wait for approvals. Raises `Refused` if it is
        RED.
        """
        if not changelog.strip() or len(changelog) > MOST_CHANGELOG:
            raise Refused(f"a release needs a changelog of 1 to {MOST_CHANGELOG} characters; say what changes for its users")
        _refuse_secret("the changelog", changelog)
        self.settle(signer)
        found = self._judged(draft)
        made = [
            self._release(one.client, one.schema, one.artifact, found, changelog, signer, percent) for one in found.body.made
        ]
        return self._begin(draft.decode(), made, found, signer)

    def revert(self, client: str, profile: str, to: str, *, reason: str, signer: Signer) -> Published:
        """Issue again what *to*, an artifact id, was, as the newest for everyone. Raises `Refused` if today's rules give
        other bytes.
        """
        if not reason.strip() or len(reason) > MOST_CHANGELOG:
            raise Refused("a revert needs a reason; say what is wrong with what is out now")
        _refuse_secret("the reason", reason)
        self.settle(signer)
        forms, found = self._again(client, profile, to)
        made = [
            replace(
                self._release(client, old.schema, old.artifact, found, f"Back to {old.version}: {reason}", signer, EVERYONE),
                kind=ReleaseKind.REVERT,
                reason=reason,
                version=old.version,
            )
            for old in forms
        ]
        return self._begin(found.body.source, made, found, signer)

    def widen(self, client: str, profile: str, artifact: str, *, percent: int, signer: Signer) -> Published:
        """Give the canary *artifact* to more clients: those that have it keep it, because the salt stays."""
        self.settle(signer)
        forms, found = self._again(client, profile, artifact)
        made: list[ClientRelease] = []
        for old in forms:
            with self.rows.database.reading() as connection:
                newest = self.rows.newest(connection, client, profile, old.schema)
            if newest is None or newest.artifact != old.artifact or newest.percent >= EVERYONE:
                raise Refused(
                    f"{old.artifact} is not the canary of {client} in {profile}; 'arcops conf audit' shows what is out"
                )
            if not newest.percent < percent <= EVERYONE:
                raise Refused(f"the canary is given to {newest.percent} %; name more than that, up to 100")
            release = self._release(client, old.schema, old.artifact, found, old.changelog, signer, percent)
            made.append(replace(release, kind=ReleaseKind.WIDENED, version=old.version, salt=old.salt))
        return self._begin(found.body.source, made, found, signer)

    def approve(
        self, given: str, *, log: Signer, approver: Signer | None = None, signatures: tuple[str, ...] = ()
    ) -> Published:
        """Approve a publication with the key *approver*, or with *signatures* (base64) that one made elsewhere, one a record.

        *log* signs the log if that was the last approval.

        Raises `Refused` if the signer may not approve it, or if the rules changed since it was published.
        """
        self._releasing.refuse_logger(log)
        with self.rows.database.writing() as connection:
            one = self.rows.publication(connection, given)
            if one.state is not State.WAITING:
                raise Refused(f"the publication {one.id[:12]} is {one.state.value}; it takes no more approvals")
            if one.policy.encode() != self.rules.data:
                raise Refused(
                    f"the organisation's rules changed since {one.id[:12]} was published (now {self.rules.policy.named}); "
                    f"publish "
                    "its draft again, so that it is judged by the rules of today"
                )
            found = self._judged(one.draft.encode(), one.claims)
            self._refuse_other_bytes(one, found)
            if approver is None and len(signatures) != len(one.envelopes):
                raise Refused(
                    f"the publication has {len(one.envelopes)} records and {len(signatures)} signatures came; sign each"
                )
            new: list[str] = []
            for number, data in enumerate(one.envelopes):
                statement = opened(data.encode()).payload
                if approver is not None:
                    signature = signed(statement, approver)
                else:
                    made = EnvelopeSignature(signature=_decoded(signatures[number]))
                    signature = verified(statement, made, self.ground.keys)
                self._refuse_approver(signature.keyid, release_from(statement))
                new.append(with_signature(data.encode(), signature).decode())
            one = replace(one, envelopes=tuple(new))
            self.rows.put(connection, one)
        self.step("approved")
        return self._finish(one, found, log)

    def withdraw(self, given: str) -> Publication:
        """Take back what waits for approvals."""
        with self.rows.database.writing() as connection:
            one = self.rows.publication(connection, given)
            if one.state is not State.WAITING:
                raise Refused(
                    f"the publication {one.id[:12]} is {one.state.value}; what is released is only replaced or reverted"
                )
            one = replace(one, state=State.WITHDRAWN)
            self.rows.put(connection, one)
            return one

    def settle(self, signer: Signer) -> int:
        """Finish what a crash cut short: publications with all approvals, and releases in the log without their rows."""
        done = 0
        for one in self.rows.waiting():
            if not any(self._releasing.position(data) is not None for data in one.envelopes):
                continue
            standing = [self._counted(data) for data in one.envelopes]
            if all(each.enough for each in standing):
                self._releasing.release(one, tuple(standing), signer)
                done += 1
        return done

    def _refuse_other_bytes(self, one: Publication, found: Validated) -> None:
        """Raise `Refused` if the draft, judged now, gives other bytes than those that wait: a rule began or ended meanwhile."""
        now = {(each.client, each.schema): each.artifact for each in found.body.made}
        for data in one.envelopes:
            release = release_from(opened(data.encode()).payload)
            if now.get((release.client, release.schema)) != release.artifact:
                raise Refused(
                    f"since {one.id[:12]} was published, a rule began or ended, and its draft now gives other bytes for "
                    f"{release.client}; publish it again"
                )

    def _judged(self, draft: bytes, claims: tuple[Claim, ...] | None = None) -> Validated:
        claims = self.claims if claims is None else claims
        found = validated(
            draft,
            self.rules,
            claims=claims,
            at=self.now(),
            tier=self.tier,
            hosted=self._hosted,
            families=self.families,
        )
        refuse_red(found)
        return found

    def _hosted(self, draft: Draft) -> tuple[HostedVerdict, ...]:
        return hosted_verdicts(draft, self.store, self.ground, self.now())

    def _release(
        self, client: str, schema: str, artifact: str, found: Validated, changelog: str, signer: Signer, percent: int
    ) -> ClientRelease:
        draft = found.body.draft
        with self.rows.database.reading() as connection:
            before = self.rows.newest(connection, client, draft.profile, schema)
        at = self.now()
        used = {
            setting.input for one in draft.servers for setting in (*one.env, *one.headers) if setting.input
        }  # names only: there is nowhere to write a value
        return ClientRelease(
            kind=ReleaseKind.RELEASE,
            client=client,
            profile=draft.profile,
            schema=schema,
            artifact=artifact,
            version=draft.version,
            issued_at=at,
            valid_until=at + VALID,
            policy_set=found.body.policy_set,
            policy_digest=found.body.policy_digest,
            draft_digest=found.body.digest,
            inputs=tuple(sorted(used)),
            publisher=signer.public.id,
            tooling=self.tooling,
            changelog=changelog,
            reason="",
            percent=percent,
            salt=secrets.token_urlsafe(16),
            supersedes=before.record if before is not None else "",
        )

    def _begin(self, draft: str, made: list[ClientRelease], found: Validated, signer: Signer) -> Published:
        statements = [release_statement(one) for one in made]
        for statement in statements:
            release_from(statement)  # what could not be read again is not signed
        envelopes = tuple(envelope(one, (signed(one, signer),)).decode() for one in statements)
        used = {one.artifact for one in made}
        payloads = {one.artifact: one.payload for one in found.body.made}
        publication = Publication(
            id=hashlib.sha256("\n".join(envelopes).encode()).hexdigest(),
            state=State.WAITING,
            draft=draft,
            policy=self.rules.data.decode(),
            envelopes=envelopes,
            payloads=tuple((artifact, payload) for artifact, payload in payloads.items() if artifact in used),
            claims=self.claims,
            made=self.now(),
        )
        standing = [self._counted(data) for data in envelopes]  # a key that may not publish is refused before others approve
        if all(each.enough for each in standing):
            self._releasing.refuse_logger(signer)
        self.step("signed")
        with self.rows.database.writing() as connection:
            self.rows.put(connection, publication)
        self.step("waiting")
        return self._finish(publication, found, signer)

    def _finish(self, one: Publication, found: Validated, signer: Signer) -> Published:
        standing = tuple(self._counted(data) for data in one.envelopes)
        if all(each.enough for each in standing):
            one = self._releasing.release(one, standing, signer)
        return Published(publication=one, counted=standing, verdict=found.verdict, findings=found.findings)

    def _again(self, client: str, profile: str, artifact: str) -> tuple[list[ClientRelease], Validated]:
        """The newest releases of *artifact* and of the same draft in the other versions of the client's schema, and that draft.

        It is judged by the rules of today, which must give the same bytes for each of them: raises `Refused` if not.
        """
        listed = self.rows.list(Chosen(client=client, profile=profile, artifact=artifact, limit=1))
        if not listed:
            raise Refused(
                f"{quoted(artifact, 80)} was never released for {quoted(client)} in {quoted(profile)}; 'arcops conf audit' "
                "lists what was"
            )
        draft = self.store.get(_released(listed[0]).draft_digest)
        found = self._judged(draft)
        forms: list[ClientRelease] = []
        for one in found.body.made:
            if one.client != client:
                continue
            again = self.rows.list(Chosen(client=client, profile=profile, artifact=one.artifact))
            same = next((each for each in again if each.schema == one.schema), None)
            if same is None:
                raise Refused(
                    f"under the rules of today ({self.rules.policy.named}) that draft gives other bytes than {artifact[:20]}…; "
                    "publish it as a new version instead"
                )
            forms.append(_released(same))
        if artifact not in {one.artifact for one in forms}:
            raise Refused(
                f"under the rules of today that draft does not give {artifact[:20]}…; publish it as a new version instead"
            )
        return forms, found

    def _refuse_approver(self, key: str, release: ClientRelease) -> None:
        if key == release.publisher:
            raise Refused("the one who published it cannot approve it; another approver must")
        if key not in self.roles.approvers:
            raise Refused(f"the key {key} may not approve here; the roles name those that may")

    def _counted(self, data: str) -> Counted:
        return counted(data.encode(), self.ground, self.roles, self.now())


def _released(row: Released) -> ClientRelease:
    said = read_document(row.document)
    return release_from(base64.b64decode(said["release"]["envelope"]["payload"]))


def _decoded(text: str) -> bytes:
    from artifacts.envelope import strict_base64

    return strict_base64(text, "the signature")


def _refuse_secret(what: str, text: str) -> None:
    """Raise `Refused` if *text* holds a secret: it is signed, logged, and shown to everyone. It is not said back."""
    if found := secret_in(text):
        raise Refused(f"{what} holds what looks like a secret ({found}), and everyone can read it; write it without")
