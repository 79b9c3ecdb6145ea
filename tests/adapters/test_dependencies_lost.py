"""What a server depends on goes away and comes back: nothing is let in meanwhile, nothing is told, and it goes on by itself."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from arcops.errors import Unavailable
from arcops.tier import Tier
from foundation.identity.accepting import Accepting, read_accepting
from foundation.tokens import NotAccepted, fetched
from tests.adapters.serving import served
from tests.adapters.test_front_policy import AUDIENCE, Front
from tests.adapters.typed import typed
from tests.models import bench
from tests.postgres import Cluster, cluster
from tests.simulators.issuer import Issuer, issuing, new_key
from tests.waiting import until

pytestmark = [pytest.mark.requirement("BASE-9/dependencies-come-back"), pytest.mark.site, pytest.mark.xdist_group("access")]


@dataclass(frozen=True, kw_only=True)
class Site:
    front: Front
    database: Cluster
    key: str

    def status(self, secret: str) -> int:
        return int(self.front.call(secret, "list_policies").status_code)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("lost")
    here = bench(folder)
    with cluster() as database, issuing() as issuer:
        own = {
            "ARCOPS_DATABASE": database.url.replace("asyncpg", "psycopg"),
            "ARCOPS_OIDC_ISSUER": issuer.url,
            "ARCOPS_OIDC_AUDIENCE": AUDIENCE,
            "ARCOPS_ROOTS": str(folder),
        }
        environment = {**here.environment, **own}
        with served("mcp", "--http", env=environment) as server:
            front = Front(server=server, issuer=issuer, here=here)
            words = ("access", "key", "new", "mine", "--scopes", "read", "--days", "1", "--format", "json")
            done = typed(*words, environment=environment)
            assert done.returncode == 0, done.stderr
            yield Site(front=front, database=database, key=json.loads(done.stdout)["secret"])


def test_while_the_database_is_gone_no_key_and_no_new_token_is_let_in_and_then_they_are(site: Site) -> None:
    """Mutation: a lost database counts as one without revocations."""
    token = site.front.token("ada", "read")
    assert (site.status(site.key), site.status(token)) == (200, 200)
    site.database.stop()
    try:
        answer: Any = site.front.call(site.key, "list_policies")
        assert answer.status_code == 503
        assert str(site.database.port) not in answer.text
        assert "127.0.0.1" not in answer.text
        until(lambda: site.status(token) == 503, "what was revoked meanwhile cannot be known")
        assert site.status("arcops_made_up_by_someone") in (401, 503)
    finally:
        site.database.start()
    until(lambda: site.status(site.key) == 200, "the key counts again")
    until(lambda: site.status(token) == 200, "the token counts again")


def test_while_the_issuer_is_gone_only_what_it_said_before_counts_and_then_it_is_asked_again() -> None:
    with issuing() as issuer:
        clock = [time.time()]
        tokens = _tokens(issuer, clock)

        def token(name: str) -> str:
            return issuer.token(aud=AUDIENCE, sub=name, iat=int(clock[0]), exp=int(clock[0]) + 7200, scope="arcops:read")

        known = token("ada")
        assert tokens.identity(known).id == "ada"
        issuer.down = True
        clock[0] += 500
        assert tokens.identity(known).id == "ada", "its keys are still fresh"
        clock[0] += 200
        for secret in (known, token("bob")):
            with pytest.raises(Unavailable):
                tokens.identity(secret)
        issuer.down = False
        clock[0] += 31
        assert (tokens.identity(known).id, tokens.identity(token("bob")).id) == ("ada", "bob")
        issuer.key = new_key("second")
        clock[0] += 31
        assert tokens.identity(token("eve")).id == "eve", "a key that was rotated while it was away"


def test_a_caller_is_not_told_which_file_of_keys_is_missing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with issuing() as issuer:
        own = {"ARCOPS_OIDC_ISSUER": issuer.url, "ARCOPS_OIDC_JWKS": str(tmp_path / "keys.json")}
        tokens = read_accepting(own, Tier.AIR_GAPPED, AUDIENCE, now=time.time, fetch=fetched)
        token = issuer.token(aud=AUDIENCE, sub="ada", iat=int(time.time()), exp=int(time.time()) + 60)
        with pytest.raises(Unavailable, match="ARCOPS_OIDC_JWKS") as told:
            tokens.identity(token)
        assert str(tmp_path) not in str(told.value)
        assert str(tmp_path) in caplog.text, "the operator is"


@pytest.mark.parametrize("ahead", [-3600, -31, -29, 0, 29, 31, 3600])
def test_a_clock_that_is_wrong_by_more_than_half_a_minute_lets_no_one_in(ahead: int) -> None:
    """The issuer's clock is *ahead* of ours when it issues a token for one second."""
    with issuing() as issuer:
        clock = [time.time()]
        tokens, then = _tokens(issuer, clock), int(clock[0]) + ahead
        token = issuer.token(aud=AUDIENCE, sub="ada", iat=then, nbf=then, exp=then + 1, scope="arcops:read")
        if abs(ahead) <= 29:
            assert tokens.identity(token).id == "ada"
        else:
            with pytest.raises(NotAccepted):
                tokens.identity(token)


def _tokens(issuer: Issuer, clock: list[float]) -> Accepting:
    own = {"ARCOPS_OIDC_ISSUER": issuer.url, "ARCOPS_OIDC_AUDIENCE": AUDIENCE}
    return read_accepting(own, Tier.AIR_GAPPED, AUDIENCE, now=lambda: clock[0], fetch=fetched)
