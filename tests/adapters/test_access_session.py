"""``arcops access session`` as it is typed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from arcops.identity import Identity
from foundation.database.opening import opened
from foundation.login.id_token import LoggedIn
from foundation.login.sessions import Sessions
from foundation.settings import read_settings
from tests.adapters.typed import typed
from tests.foundation.login.signed import Signing

pytestmark = pytest.mark.requirement("BASE-2/people-log-in")


def test_an_operator_sees_who_is_logged_in_and_ends_it(tmp_path: Path) -> None:
    environment = {"ARCOPS_HOME": str(tmp_path / "home"), "COLUMNS": "200"}
    assert typed("access", "session", "list", environment=environment).stdout == ""
    assert typed("access", "session", "end", "https://i,,ada", environment=environment).stdout == "0 sessions ended\n"
    assert not (tmp_path / "home" / "database").exists(), "no database is made to look into it"
    settings = read_settings(environment)
    with opened(settings) as database:
        sessions = Sessions(database, Signing(folder=tmp_path).settings())
        tokens = [
            sessions.begin(
                LoggedIn(identity=Identity(issuer="https://i", tenant="acme", id=id_), name="A\u202eda"), datetime.now(UTC)
            )
            for id_ in ("ada", "ada", "bob")
        ]
        listed = typed("access", "session", "list", environment=environment).stdout
        assert listed.count("https://i,acme,ada since ") == 2
        assert "\u202e" not in listed
        assert not any(token in listed for token in tokens)
        ended = typed("access", "session", "end", "https://i,acme,ada", environment=environment)
        assert (ended.returncode, ended.stdout) == (0, "2 sessions ended\n")
        assert [sessions.find(token, datetime.now(UTC)) is None for token in tokens] == [True, True, False]


@pytest.mark.parametrize("person", ["ada", "https://i,ada", ",,ada", "https://i,,"])
def test_what_names_no_person_is_refused(tmp_path: Path, person: str) -> None:
    done = typed("access", "session", "end", person, environment={"ARCOPS_HOME": str(tmp_path)})
    assert done.returncode != 0
    assert "use ISSUER,TENANT,ID" in done.stderr
