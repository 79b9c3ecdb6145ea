"""A server is shared with a role or a caller: the share adds to what roles allow, and ends when it is revoked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from arcops.errors import Refused
from arcops.identity import Identity
from foundation.authorization.authorizing import Authorization, decide
from foundation.authorization.objects import CALL, Objects
from foundation.authorization.sharing import Share, read_share
from foundation.database.migrating import ready
from services.host.rows import Rows
from services.host.sharing import MOST_SHARES, Sharing
from services.host.spec import Spec
from tests.foundation.database.open_here import at_server, hurried

ANN = Identity(issuer="https://login.example.org", tenant="acme", id="ann", roles=frozenset(("analysts",)))
EVE = Identity(issuer="https://login.example.org", tenant="acme", id="eve")
OBJECTS = Objects(actions={}, beneath={"servers/": frozenset((CALL,))})


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[tuple[Rows, Sharing]]:
    with hurried(at_server(f"sqlite:///{tmp_path}/database/arcops.sqlite")) as found:
        ready(found)
        rows = Rows(found)
        rows.put("echo", Spec(package="pypi:echo==1"), author="ann", owner="team")
        yield rows, Sharing(found)


def allowed(who: Identity, *shares: Share, at: Authorization | None = None) -> bool:
    return decide(who, CALL, "servers/echo/echo", None, at or Authorization(None, OBJECTS), shared=shares).allowed


@pytest.mark.requirement("HOST-018/shares-count-at-each-call")
def test_a_share_is_with_a_role_or_with_one_caller(tmp_path: Path) -> None:
    role, user = read_share("role:analysts"), read_share("user:https://login.example.org,acme,eve")
    assert [allowed(one, role) for one in (ANN, EVE)] == [True, False]
    assert [allowed(one, user) for one in (ANN, EVE)] == [False, True]
    assert not allowed(ANN)
    assert [allowed(one, role, user) for one in (ANN, EVE)] == [True, True]


@pytest.mark.requirement("HOST-018/shares-count-at-each-call")
def test_what_a_role_denies_or_has_not_proven_stays_denied(tmp_path: Path) -> None:
    (tmp_path / "roles.yaml").write_text(
        "roles:\n  analysts: {allows: ['servers/other/*:call'], amr: [mfa]}\n  barred: {denies: ['servers/echo/*:call']}\n"
        "callers: [{issuer: 'https://login.example.org', tenant: acme, id: eve, roles: [barred]}]\n"
    )
    (tmp_path / "roles.yaml").chmod(0o600)
    tmp_path.chmod(0o700)
    at = Authorization(tmp_path, OBJECTS)
    role, user = read_share("role:analysts"), read_share("user:https://login.example.org,acme,eve")
    assert not allowed(ANN, role, at=at)  # the policy asks for a second factor
    assert not allowed(EVE, user, at=at)


@pytest.mark.requirement("HOST-018/shares-count-at-each-call")
def test_shares_are_granted_revoked_and_read_again_with_the_row(shared: tuple[Rows, Sharing]) -> None:
    rows, sharing = shared
    role = read_share("role:analysts")
    seen = {rows.changed()}
    sharing.change("echo", grant=(role,), author="ann")
    assert rows.there("echo").shares == (role,)
    assert [(one.share, one.author) for one in sharing.of("echo")] == [(role, "ann")]
    seen.add(rows.changed())
    sharing.change("echo", grant=(role,), author="eve")  # it stays ann's
    assert sharing.of("echo")[0].author == "ann"
    sharing.change("echo", revoke=(role,), author="ann")
    assert rows.there("echo").shares == ()
    seen.add(rows.changed())
    assert len(seen) == 3
    with pytest.raises(Refused, match="is not shared with role:analysts"):
        sharing.change("echo", revoke=(role,), author="ann")
    with pytest.raises(Refused, match="there is no hosted server"):
        sharing.change("other", grant=(role,), author="ann")


def test_a_removed_server_is_shared_no_more(shared: tuple[Rows, Sharing]) -> None:
    rows, sharing = shared
    sharing.change("echo", grant=(read_share("role:analysts"),), author="ann")
    rows.remove("echo")
    rows.put("echo", Spec(package="pypi:echo==1"), author="eve")
    assert rows.there("echo").shares == ()


def test_there_is_a_most(shared: tuple[Rows, Sharing]) -> None:
    _, sharing = shared
    sharing.change("echo", grant=tuple(read_share(f"role:r{number}") for number in range(MOST_SHARES)), author="ann")
    with pytest.raises(Refused, match="share it with a role"):
        sharing.change("echo", grant=(read_share("role:more"),), author="ann")


@pytest.mark.parametrize(
    "text",
    ["", "role:", "team:x", "user:ann", "user:a,b", "user:,t,id", "user:i,t,", "role:a,b", "role:a\nb", "role: a"],
)
def test_what_names_no_one_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="names no one to share with"):
        read_share(text)
