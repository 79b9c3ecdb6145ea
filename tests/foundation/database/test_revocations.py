"""What was revoked counts no more: at every host within seconds, whatever was accepted before, in any spelling of a token."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OKPKey, RSAKey
from sqlalchemy import text

from arcops.errors import Refused, Unavailable
from arcops.identity import Identity
from foundation.claims import NotAccepted
from foundation.database.engine import Database
from foundation.database.migrating import ready
from foundation.database.opening import opened
from foundation.identity import revocations as keeping
from foundation.identity.accepted import Accepted
from foundation.identity.accepting import Accepting
from foundation.identity.api_keys import ApiKeys
from foundation.identity.equal_texts import equal_digests
from foundation.identity.revocations import Kind, Revocations
from foundation.identity.revoked import FRESH_SECONDS, SEEN_SECONDS, StoredRevocations
from foundation.identity.withdrawn import Revoked, Withdrawn
from foundation.settings import Settings, read_settings
from foundation.tokens import Tokens
from tests.foundation.database.open_here import Open
from tests.foundation.test_introspection import Site as Opaque
from tests.foundation.test_tokens import CLAIMS, HEADER, KEY, NAME, NOW, signed, tokens, without

# The fixture `address` has a second database on a whole site: mark.site.

pytestmark = pytest.mark.requirement("ARC-3/callers-are-identified")

AT = datetime.fromtimestamp(NOW, UTC)
ADA = Identity(issuer=NAME, tenant="", id="ada")


def sha(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@pytest.fixture
def kept(open_: Open) -> Revocations:
    return Revocations(ready(open_()))


def now_of(kept: Revocations) -> Withdrawn:
    return kept.withdrawn(None) or Withdrawn()


def shown(identity: Identity = ADA, **more: Any) -> Accepted:
    return Accepted(identity=identity, until=NOW + 600, **more)


class TestKept:
    def test_a_token_by_its_digest(self, kept: Revocations) -> None:
        one = kept.token(sha("mine"), AT)
        assert (one.kind, one.id, one.made) == (Kind.TOKEN, sha("mine"), AT)
        assert kept.token(sha("mine"), AT + timedelta(days=1)) == one, "it keeps its moment"
        found = now_of(kept)
        with pytest.raises(Revoked) as refused:
            found.refuse(shown(), (bytes(32), hashlib.sha256(b"mine").digest()))
        assert refused.value.caller == ADA
        found.refuse(shown(), (hashlib.sha256(b"other").digest(),))

    def test_a_token_by_its_issuers_name_for_it(self, kept: Revocations) -> None:
        kept.id(NAME, "token-7", AT)
        found = now_of(kept)
        with pytest.raises(Revoked):
            found.refuse(shown(id="token-7"), ())
        for other in (shown(id="token-8"), shown(), shown(Identity(issuer="https://x", tenant="", id="ada"), id="token-7")):
            found.refuse(other, ())

    def test_a_caller_until_a_moment(self, kept: Revocations) -> None:
        kept.caller(ADA, AT, AT)
        found = now_of(kept)
        for issued in (NOW - 3600, NOW, NOW + 0.5, None):
            with pytest.raises(Revoked):
                found.refuse(shown(issued=issued), ())
        found.refuse(shown(issued=NOW + 1), ())
        for other in (("https://x", "", "ada"), (NAME, "t", "ada"), (NAME, "", "eve")):
            found.refuse(shown(Identity(issuer=other[0], tenant=other[1], id=other[2])), ())

    def test_the_moment_only_grows(self, kept: Revocations) -> None:
        """Mutation: an earlier moment that gives back what a later one took."""
        kept.caller(ADA, AT, AT)
        assert kept.caller(ADA, AT - timedelta(days=3), AT).until == AT
        later = AT + timedelta(hours=1)
        assert kept.caller(ADA, later, later).until == later
        assert [one.until for one in kept.listed()] == [later]

    def test_a_moment_to_come_is_refused(self, kept: Revocations) -> None:
        with pytest.raises(Refused, match="still to come"):
            kept.caller(ADA, AT + timedelta(seconds=1), AT)
        assert kept.listed() == ()

    def test_what_names_nothing_is_refused(self, kept: Revocations) -> None:
        for digest in ("", "x", sha("a").upper(), sha("a")[:-1], signed(HEADER, CLAIMS), f"{sha('a')}\n"):
            with pytest.raises(Refused, match="SHA-256") as refused:
                kept.token(digest, AT)
            assert digest not in str(refused.value) or not digest or digest == "x"
        for issuer, id_ in (("", "a"), (NAME, ""), (NAME, "a\n"), (NAME, " a"), (NAME, "a" * 3000)):
            with pytest.raises(Refused):
                kept.id(issuer, id_, AT)
        for wrong in (("", "", "ada"), (NAME, "", ""), (NAME, "\x00", "ada"), ("arcops", "", "aaaa")):
            with pytest.raises(Refused):
                kept.caller(Identity(issuer=wrong[0], tenant=wrong[1], id=wrong[2]), AT, AT)
        assert kept.listed() == ()

    def test_names_do_not_run_into_each_other(self, kept: Revocations) -> None:
        kept.id(NAME, "a", AT)
        kept.caller(Identity(issuer=NAME, tenant="", id="a"), AT, AT)
        kept.caller(Identity(issuer=NAME, tenant="a", id="b"), AT, AT)
        kept.caller(Identity(issuer=NAME, tenant="", id="ab"), AT, AT)
        assert len(kept.listed()) == 4

    def test_every_change_is_noticed(self, kept: Revocations) -> None:
        seen = now_of(kept).state
        assert kept.withdrawn(seen) is None
        for change in (
            lambda: kept.token(sha("a"), AT),
            lambda: kept.id(NAME, "a", AT),
            lambda: kept.caller(ADA, AT - timedelta(days=1), AT),
            lambda: kept.caller(ADA, AT, AT),
        ):
            change()
            again = kept.withdrawn(seen)
            assert again is not None
            assert again.state != seen
            seen = again.state
            assert kept.withdrawn(seen) is None

    def test_they_are_bounded(self, kept: Revocations, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(keeping, "MOST", 2)
        for name in "ab":
            kept.token(sha(name), AT)
        with pytest.raises(Refused, match="the most that every host keeps"):
            kept.token(sha("c"), AT)
        kept.token(sha("a"), AT)
        assert len(kept.listed()) == 2

    def test_hosts_that_revoke_at_once(self, open_: Open) -> None:
        hosts = [Revocations(ready(open_())) for _ in range(4)]
        start = threading.Barrier(len(hosts))

        def revoke(number: int) -> None:
            start.wait()
            until = AT - timedelta(minutes=number)
            hosts[number].caller(ADA, until, AT)

        threads = [threading.Thread(target=revoke, args=(number,)) for number in range(len(hosts))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [one.until for one in hosts[0].listed()] == [AT]

    @pytest.mark.parametrize(
        "change",
        ["kind = 'none'", "id = 'x'", "id = x'ff'", "issuer = x'ff'", "until = 'never'", "until = 9223372036854775807"],
    )
    def test_a_damaged_row_is_never_passed_over(self, tmp_path: Path, change: str) -> None:
        place = settings(tmp_path)
        with opened(place) as database:
            Revocations(database).token(sha("a"), AT)
            with database.writing() as connection:
                connection.execute(text(f"UPDATE arcops_revocation SET {change}"))  # noqa: S608  # texts of ours
            with pytest.raises(Refused, match="damaged"):
                Revocations(database).withdrawn(None)
        with pytest.raises(Unavailable):
            StoredRevocations(settings=place).refuse(shown(), ())


def settings(folder: Path) -> Settings:
    return read_settings({"ARCOPS_HOME": str(folder / "home")})


class Clock:
    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


class TestSeen:
    """What a process knows of the revocations."""

    @pytest.fixture
    def place(self, tmp_path: Path) -> Settings:
        return settings(tmp_path)

    @pytest.fixture
    def database(self, place: Settings) -> Iterator[Database]:
        with opened(place) as database:
            yield database

    def test_by_every_host_within_seconds(self, place: Settings, database: Database) -> None:
        clock = Clock()
        hosts = [StoredRevocations(settings=place, clock=clock) for _ in range(2)]
        for one in hosts:
            one.refuse(shown(), ())
        Revocations(database).caller(ADA, AT, AT)
        assert FRESH_SECONDS < SEEN_SECONDS <= 5
        clock.at += FRESH_SECONDS
        for one in hosts:
            with pytest.raises(Revoked):
                one.refuse(shown(), ())

    def test_without_a_database_nothing_was_revoked_and_none_is_made(self, place: Settings) -> None:
        clock = Clock()
        seen = StoredRevocations(settings=place, clock=clock)
        seen.refuse(shown(), ())
        assert not Path(place.database.removeprefix("sqlite:///")).exists()
        with opened(place) as database:
            Revocations(database).caller(ADA, AT, AT)
        clock.at += FRESH_SECONDS
        with pytest.raises(Revoked):
            seen.refuse(shown(), ())

    def test_while_it_cannot_be_read_only_what_is_young_counts(self, place: Settings, database: Database) -> None:
        """Mutation: going on with what was known before, so that a revocation never arrives."""
        clock = Clock()
        seen = StoredRevocations(settings=place, clock=clock)
        Revocations(database).token(sha("gone"), AT)
        seen.refuse(shown(), ())
        file = Path(place.database.removeprefix("sqlite:///"))
        file.rename(file.with_name("away"))
        clock.at += SEEN_SECONDS - 0.1
        seen.refuse(shown(), ())
        with pytest.raises(Revoked):
            seen.refuse(shown(), (hashlib.sha256(b"gone").digest(),))
        clock.at += 0.1
        for _ in range(3):
            with pytest.raises(Unavailable, match="no token is accepted now") as refused:
                seen.refuse(shown(), ())
            assert str(file.parent) not in str(refused.value)
        file.with_name("away").rename(file)
        clock.at += FRESH_SECONDS
        seen.refuse(shown(), ())

    def test_it_is_asked_once_for_many_calls(
        self, place: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = []
        ask = Revocations.withdrawn

        def counting(self: Revocations, before: Any) -> Any:
            asked.append(before)
            return ask(self, before)

        monkeypatch.setattr(Revocations, "withdrawn", counting)
        seen = StoredRevocations(settings=place, clock=Clock())
        for _ in range(100):
            seen.refuse(shown(), ())
        assert len(asked) == 1

    def test_the_others_do_not_wait_for_the_one_that_reads(self, place: Settings, database: Database) -> None:
        clock = Clock()
        seen = StoredRevocations(settings=place, clock=clock)
        seen.refuse(shown(), ())
        clock.at += 2 * FRESH_SECONDS
        with seen._lock:  # as while another thread reads
            seen.refuse(shown(), ())


class TestAtTheDoor:
    """Through `Accepting`, with tokens, opaque tokens and API keys."""

    @pytest.fixture
    def site(self, tmp_path: Path) -> Iterator[tuple[Revocations, StoredRevocations, Clock, Database]]:
        place, clock = settings(tmp_path), Clock()
        with opened(place) as database:
            yield Revocations(database), StoredRevocations(settings=place, clock=clock), clock, database

    @pytest.mark.parametrize("how", ["digest", "jti", "caller"])
    def test_one_that_was_accepted_is_refused_the_next_time(self, site: Any, how: str) -> None:
        """Mutation: the cache of what was accepted does not ask."""
        kept, seen, clock, _ = site
        door = Accepting(tokens=[tokens()], now=lambda: NOW, revoked=seen)
        mine, other = signed(HEADER, {**CLAIMS, "jti": "one"}), signed(HEADER, {**CLAIMS, "jti": "two", "sub": "eve"})
        ada = door.identity(mine)
        door.identity(other)
        if how == "digest":
            kept.token(sha(mine), AT)
        elif how == "jti":
            kept.id(NAME, "one", AT)
        else:
            kept.caller(ada, AT, AT)
        clock.at += FRESH_SECONDS
        for _ in range(2):
            with pytest.raises(NotAccepted, match="revoked here; get a new one") as refused:
                door.identity(mine)
            assert refused.value.caller == ada
        assert door.identity(other).id == "eve"
        assert door.forget() == 2
        with pytest.raises(NotAccepted):
            door.identity(mine)

    def test_what_is_at_hand_waits_for_no_one_and_passes_over_no_revocation(self, site: Any) -> None:
        """Mutation: what is at hand does not look at what was revoked, or at how old that is."""
        kept, seen, clock, _ = site
        now = NOW
        keys = tokens()
        door = Accepting(tokens=[keys], now=lambda: now, revoked=seen)
        mine = signed(HEADER, CLAIMS)
        assert door.at_hand(mine) is None, "it was never shown"
        ada = door.identity(mine)
        assert door.at_hand(mine) == ada
        for other in ("arcops_key", "x" * 20_000, "ü", "a.b.c"):
            assert door.at_hand(other) is None
        clock.at += FRESH_SECONDS
        assert door.at_hand(mine) is None, "the revocations have to be read again"
        assert door.identity(mine) == ada
        with keys._lock:
            assert door.at_hand(mine) is None, "someone reads the keys"
        now = NOW + 10**6
        assert door.at_hand(mine) is None, "it ended"
        now = NOW
        door.identity(mine)
        kept.token(sha(mine), AT)
        clock.at += FRESH_SECONDS
        with pytest.raises(NotAccepted):
            door.identity(mine)
        with pytest.raises(NotAccepted, match="revoked here"):
            door.at_hand(mine)

    def test_a_caller_comes_back_with_a_new_token(self, site: Any) -> None:
        kept, seen, clock, _ = site
        now = NOW
        door = Accepting(tokens=[tokens()], now=lambda: now, revoked=seen)
        old, nameless = signed(HEADER, CLAIMS), signed(HEADER, without({**CLAIMS, "iat": None}))
        kept.caller(door.identity(old), AT, AT)
        clock.at += FRESH_SECONDS
        for wrong in (old, nameless):
            with pytest.raises(NotAccepted, match="every token that its caller had"):
                door.identity(wrong)
        now = NOW + 5
        assert door.identity(signed(HEADER, {**CLAIMS, "iat": NOW + 3})).id == "ada"

    def test_an_opaque_token(self, site: Any) -> None:
        kept, seen, clock, _ = site
        opaque = Opaque()
        door = opaque.door()
        door.revoked = seen
        door.identity("opaque")
        assert door.at_hand("opaque") == door.identity("opaque")
        kept.token(sha("opaque"), AT)
        clock.at += FRESH_SECONDS
        for _ in range(3):
            with pytest.raises(NotAccepted, match="revoked"):
                door.identity("opaque")
        assert opaque.asked == ["opaque"]

    def test_an_api_key_by_its_digest(self, site: Any) -> None:
        kept, seen, clock, database = site
        keys = ApiKeys(database)
        _, secret = keys.new("pipeline", ["read"], timedelta(days=1), AT)
        door = Accepting(tokens=(), now=lambda: NOW, keys=keys, revoked=seen)
        door.identity(secret)
        kept.token(sha(secret), AT)
        clock.at += FRESH_SECONDS
        with pytest.raises(NotAccepted, match="revoked"):
            door.identity(secret)

    @pytest.mark.parametrize(("alg", "curve"), [("ES256", "P-256"), ("ES384", "P-384"), ("ES512", "P-521")])
    def test_the_twin_of_a_revoked_token_is_revoked(self, site: Any, alg: str, curve: Any) -> None:
        """Mutation: comparing the text alone; the one who holds the token can write (r, n - s) for (r, s)."""
        kept, seen, clock, _ = site
        key = ECKey.generate_key(curve, {"kid": "one"})
        checks: Tokens = tokens(key)
        door = Accepting(tokens=[checks], now=lambda: NOW, revoked=seen)
        mine = signed({**HEADER, "alg": alg}, CLAIMS, key)
        twin = twin_of(mine, key)
        assert twin != mine
        assert door.identity(twin).id == "ada", "the library accepts it"
        assert set(equal_digests(twin)) == set(equal_digests(mine))
        kept.token(sha(mine), AT)
        clock.at += FRESH_SECONDS
        for one in (mine, twin):
            with pytest.raises(NotAccepted, match="revoked"):
                door.identity(one)

    def test_other_signatures_have_no_twin(self) -> None:
        for alg, key in (
            ("RS256", RSAKey.generate_key(2048, {"kid": "one"})),
            ("PS256", RSAKey.generate_key(2048, {"kid": "one"})),
            ("EdDSA", OKPKey.generate_key("Ed25519", {"kid": "one"})),
        ):
            assert len(equal_digests(signed({**HEADER, "alg": alg}, CLAIMS, key))) == 1

    @pytest.mark.parametrize("letter", "BCDEFGHIJKLMNOP")
    def test_no_other_spelling_of_a_token_is_accepted(self, letter: str) -> None:
        good = signed(HEADER, CLAIMS)
        door = Accepting(tokens=[tokens()], now=lambda: NOW)
        for other in (good[:-1] + letter, f"{good}=", f"{good}\n", good.replace("-", "+").replace("_", "/")):
            if other != good:
                with pytest.raises(NotAccepted):
                    door.identity(other)


@given(
    st.text(max_size=60)
    | st.binary(max_size=90).map(lambda data: f"eyJhbGciOiJFUzI1NiJ9.e30.{base64.b64encode(data).decode()}")
)
def test_any_text_has_a_digest_of_its_own(token: str) -> None:
    if not any("\ud800" <= letter <= "\udfff" for letter in token):
        assert equal_digests(token)[0] == hashlib.sha256(token.encode()).digest()


def twin_of(token: str, key: ECKey) -> str:
    head, _, last = token.rpartition(".")
    signature = base64.urlsafe_b64decode(last + "=" * (-len(last) % 4))
    half = len(signature) // 2
    order = {
        32: 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
        48: 2**384 - 1388124618062372383947042015309946732620727252194336364173,
        66: 2**521 - 657877501894328237357444332315020117536923257219387276263472201219398408051703,
    }[half]
    other = (order - int.from_bytes(signature[half:])).to_bytes(half)
    return f"{head}.{base64.urlsafe_b64encode(signature[:half] + other).rstrip(b'=').decode()}"


assert KEY.kid == "one"
