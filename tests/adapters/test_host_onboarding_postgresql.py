"""Joining by an invitation when the database is PostgreSQL: the same way, and whole or not at all there, too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from arcops.errors import Refused
from capabilities.server.joining import HostJoinFinish, host_join_finish
from foundation.authorization.sharing import named
from foundation.database.opening import opened
from foundation.identity.api_keys import ApiKeys
from services.host import sharing
from services.host.onboarding.invitations import Invitations
from services.host.sharing import Sharing
from tests.adapters.test_host_onboarding import RECORD, accepted, asked, guests, invited, live, opens_once
from tests.adapters.test_host_onboarding import names as names
from tests.adapters.test_host_runbooks import Site
from tests.foundation.database.open_here import Server
from tests.postgres import postgres
from tests.simulators.names_and_mail import Names

pytestmark = [pytest.mark.requirement("HOST-024/guided-onboarding"), pytest.mark.site]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with postgres() as url:
        server = Server(url.replace("asyncpg", "psycopg").removesuffix("/prefect"))
        with guests(tmp_path, ARCOPS_DATABASE=server.new()) as made:
            yield made


def test_from_an_invitation_to_a_key(site: Site, names: Names) -> None:
    opens_once(site, invited(site))
    begun = accepted(site)
    names.records[RECORD] = [begun["value"]]
    assert "example.org is verified" in site.home.arcops("host", "join", "verify", begun["ticket"])
    before = live(site)
    with mock.patch.object(sharing, "MOST_SHARES", 0), pytest.raises(Refused, match="are the most"):
        host_join_finish(HostJoinFinish(ticket=begun["ticket"]), site.place)
    assert live(site) == before
    joined = asked(site, "host", "join", "finish", begun["ticket"])
    with opened(site.place.settings) as database:
        assert database.kind == "postgresql"
        caller = ApiKeys(database).caller(str(joined["key"]), site.place.now())
        assert (Invitations(database).mapped(caller) or ("",))[0] == "example.org"
        assert named(caller) in [one.share.who for one in Sharing(database).of("small")]
    assert "joined by dns: ann@example.org" in site.home.arcops("host", "invitation", "list")
    assert "finished already" in site.home.arcops("host", "join", "finish", begun["ticket"], expect=2)
