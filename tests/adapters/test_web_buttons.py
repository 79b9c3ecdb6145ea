"""Buttons of pages for each role: what a person may not do is not shown, with the reason, and is refused when it is sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from adapters.http.accounts import Accounts
from arcops.tier import Tier
from foundation.audit.audit import Audit
from foundation.database.migrating import ready
from services.host.catalog.catalog import Catalog
from services.host.rows import Rows
from services.host.spec import Spec
from tests.adapters.logging_in import Front, fronted, word_of
from tests.adapters.test_login import NOW, OWN, Clock
from tests.adapters.test_web_acting import Kept
from tests.foundation.database.open_here import at_server, hurried
from tests.models import bench
from tests.services.host.catalog.documents import NAME, document
from tests.simulators.provider import providing

pytestmark = [pytest.mark.requirement("HOST-OPS/buttons-by-role"), pytest.mark.xdist_group("login")]

SERVER, ENTRY, FEEDBACK = "/server?name=echo", f"/catalog/entry?name={NAME}", "/feedback?about=page:/servers"
ACTS = {
    SERVER: ("/server/act", {"name": "echo"}, ("restart", "rollback", "remove", "stop")),
    ENTRY: ("/catalog/act", {"name": NAME, "version": "1.0.0", "stars": "3"}, ("approve", "refuse", "rate")),
    FEEDBACK: ("/feedback/act", {"about": "page:/servers", "text": "x"}, ("give",)),
}
SHOWN = {
    ("arcops:read",): {},
    ("arcops:read", "arcops:check"): {FEEDBACK: {"give"}},
    ("arcops:read", "arcops:publish"): {ENTRY: {"rate"}},
    ("arcops:read", "approver"): {ENTRY: {"approve", "refuse"}},
    ("arcops:read", "arcops:publish", "approver"): {ENTRY: {"approve", "refuse", "rate"}},
    ("arcops:read", "arcops:trust"): {SERVER: {"stop", "restart", "rollback", "remove"}},
    ("arcops:read", "arcops:waive", "arcops:connect"): {},
}
"""Which buttons are on which page, by the roles of a person."""


@pytest.fixture(params=[True, False], ids=["trusting", "untrusting"])
def front(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Front, bool]]:
    clock, told, here = Clock(NOW), Kept(), bench(tmp_path / "here")
    address = f"sqlite:///{tmp_path / 'database' / 'a.sqlite'}"
    with providing(now=clock) as provider, hurried(at_server(address)) as database:
        accounts = Accounts(audit=cast(Audit, told), tier=Tier.AIR_GAPPED)
        Catalog(ready(database)).take([document()], author="bob", source="registry.json")
        rows = Rows(database)
        for version in ("1", "2"):
            rows.put("echo", Spec(package=f"pypi:echo=={version}"), author="ann")
        environment = {"ARCOPS_DATABASE": address}
        yield fronted(here, provider, clock, accounts=accounts, environment=environment, trust=request.param), request.param


def buttons(answer: Any) -> set[str]:
    assert answer.status_code == 200, answer.text
    return set(re.findall(r'<button name="do" value="([a-z]+)"', answer.text))


@pytest.mark.parametrize("roles", SHOWN, ids=" ".join)
def test_a_role_is_shown_what_it_may_and_refused_the_rest(front: tuple[Front, bool], roles: tuple[str, ...]) -> None:
    site, trusting = front
    site.provider.claims = {"roles": list(roles)}
    browser = site.logged_in()
    word = word_of(browser.get("/"))
    refused = 0
    for page, (act, fields, every) in ACTS.items():
        expected = SHOWN[roles].get(page, set()) if trusting or page != SERVER else set()
        answer = browser.get(page)
        assert buttons(answer) == expected, page
        assert ("not shown to you" in answer.text or "You may not give feedback" in answer.text) == (expected != set(every))
        for do in set(every) - expected:
            sent = browser.post(act, data={"form": word, "do": do, **fields}, headers={"origin": site.url, **OWN})
            assert sent.status_code in (403, 409), (do, sent.text)
            refused += 1
        for do in sorted(expected, key=every.index):
            sent = browser.post(act, data={"form": word, "do": do, **fields}, headers={"origin": site.url, **OWN})
            assert sent.status_code in (303, 409), (do, sent.text)
            assert "may not" not in sent.text
            assert "ARCOPS_REMOTE_TRUST" not in sent.text
    assert refused
