"""Versions that are proposed count only when someone switched to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from arcops.errors import Refused
from foundation.database.migrating import ready
from services.host.lock import Lock
from services.host.rows import Rows
from services.host.spec import Spec
from tests.foundation.database.open_here import at_server, hurried

ONE, TWO = Spec(package="pypi:echo==1"), Spec(package="pypi:echo==2")


@pytest.fixture
def rows(tmp_path: Path) -> Iterator[Rows]:
    with hurried(at_server(f"sqlite:///{tmp_path}/database/arcops.sqlite")) as found:
        yield Rows(ready(found))


@pytest.mark.requirement("HOST-001-004/rows-have-versions")
def test_a_proposed_version_counts_when_it_is_switched_to(rows: Rows) -> None:
    rows.put("echo", ONE, author="ann")
    proposed = rows.propose("echo", TWO, author="eve")
    assert proposed.current.spec == TWO
    assert rows.there("echo").current.spec == ONE
    assert [(one.number, bool(one.served)) for one in rows.versions("echo")] == [(2, False), (1, True)]
    assert rows.propose("echo", TWO, author="ann").current.number == 2  # one that was interrupted goes on
    lock = Lock(package=TWO.package, runtime="r", text="t")
    rows.lock("echo", 2, lock)
    rows.allow("echo", lock.digest, author="ann", number=2)
    assert not rows.there("echo").allowed
    assert rows.switch("echo", 2, author="ann").allowed
    assert rows.there("echo").current.number == 2
    assert rows.propose("echo", TWO, author="ann").current.number == 3  # one that counted before is not one that waits


def test_what_is_not_there_is_refused(rows: Rows) -> None:
    with pytest.raises(Refused, match="there is no hosted server"):
        rows.propose("echo", ONE, author="ann")
    rows.put("echo", ONE, author="ann")
    with pytest.raises(Refused, match="has no version 7"):
        rows.switch("echo", 7, author="ann")
    assert rows.at("other", 1) is None
