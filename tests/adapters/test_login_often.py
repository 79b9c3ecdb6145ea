"""One address that begins to log in again and again has to wait; what it shows does not matter."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.adapters.logging_in import fronted
from tests.adapters.test_login import NOW, Clock
from tests.models import bench
from tests.simulators.provider import providing

pytestmark = [pytest.mark.requirement("HOST-025/beginnings-by-address"), pytest.mark.xdist_group("login")]


def test_to_log_in_and_to_come_back_are_bounded(tmp_path: Path) -> None:
    clock, here = Clock(NOW), bench(tmp_path / "here")
    environment = {
        "ARCOPS_DATABASE": f"sqlite:///{tmp_path / 'database' / 'a.sqlite'}",
        "ARCOPS_LOGINS_PER_ADDRESS": "1",  # on this machine all have one address, so 20 together
    }
    with providing(now=clock, claims={"roles": ["arcops:read"]}) as provider:
        front = fronted(here, provider, clock, environment=environment)
        browser = front.logged_in()  # begins, and comes back
        for _ in range(9):
            assert front.browser().get("/login").status_code == 303
            assert front.browser().get("/login/callback?code=x&state=y").status_code == 400
        for path in ("/login", "/login/callback?code=x&state=y"):
            answer = front.browser().get(path)
            assert answer.status_code == 429, answer.text
            assert 1 <= int(answer.headers["retry-after"]) <= 3
            assert "too often" in answer.text
        assert browser.get("/").status_code == 200, "one who is logged in goes on"
