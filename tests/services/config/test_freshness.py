"""Freshness: the newest state is shown as such, and an old, mixed or foreign one is refused."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from arcops.errors import Refused
from artifacts.private_key import Algorithm, create
from services.config.fresh import Newest, Stale, newest
from services.config.freshness import Freshness
from services.config.heads import heads_of
from services.config.reading import Reading
from tests.services.config.place import DRAFT, Site, site, version

pytestmark = pytest.mark.requirement("CONF-9-10-11/changes-can-be-followed", "CONF-TOP/topologies-work")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    made = site(tmp_path)
    yield made
    made.database.close()
    made.store.close()


def written(here: Site, folder: Path) -> Freshness:
    """The metadata of what is released, in *folder*."""
    reading = Reading(here.rows)
    reading.refresh()
    made = Freshness(folder)
    made.write(heads_of(reading.heads()), here.publisher_key, here.now)
    return made


def seen(here: Site, made: Freshness, known: Path, root: bytes | None = None, machine: str = "") -> Newest:
    first = root if root is not None else made.file("1.root.json")
    return newest(made.file, first, known, here.now, client="claude-code", profile="dev", version="1.0.0", machine=machine)


def publish(here: Site, number: str = "1.0.0", percent: int = 100) -> str:
    draft = DRAFT if number == "1.0.0" else version(number)
    here.publisher().publish(draft, changelog="It changes.", signer=here.publisher_key, percent=percent)
    found = here.rows.newest
    with here.database.reading() as connection:
        one = found(connection, "claude-code", "dev", "https://arcops.dev/schemas/client/claude-code/1.0.0")
    assert one is not None
    return one.record


def test_the_newest_release_is_named(here: Site, tmp_path: Path) -> None:
    first = publish(here)
    made = written(here, tmp_path / "tuf")
    assert seen(here, made, tmp_path / "known").record == first
    second = publish(here, "1.1.0")
    made = written(here, tmp_path / "tuf")
    assert seen(here, made, tmp_path / "known").record == second


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_it_is_signed_by_keys_of_each_algorithm(here: Site, tmp_path: Path, algorithm: Algorithm) -> None:
    first = publish(here)
    here.publisher_key = create(algorithm)
    assert seen(here, written(here, tmp_path / "tuf"), tmp_path / "known").record == first


def test_a_change_writes_one_bin_and_the_way_to_it(here: Site, tmp_path: Path) -> None:
    publish(here)
    made = written(here, tmp_path / "tuf")
    before = set(made.files())
    publish(here, "1.1.0")
    written(here, tmp_path / "tuf")
    new = sorted(one for one in set(made.files()) - before)
    assert len(new) == 3, new  # the head, its bin and the snapshot; the timestamp is replaced
    fetched: list[int] = []

    def counting(name: str) -> bytes:
        data = made.file(name)
        fetched.append(len(data))
        return data

    root = made.file("1.root.json")
    newest(counting, root, tmp_path / "k", here.now, client="claude-code", profile="dev", version="1.0.0")
    assert sum(fetched) < 20_000


def test_it_is_due_when_something_changed_or_half_its_time_is_over(here: Site, tmp_path: Path) -> None:
    publish(here)
    made = written(here, tmp_path / "tuf")
    reading = Reading(here.rows)
    reading.refresh()
    assert not made.due(heads_of(reading.heads()), here.now)
    assert made.due(heads_of(reading.heads()), here.now + timedelta(days=4))
    publish(here, "1.1.0")
    reading.refresh()
    assert made.due(heads_of(reading.heads()), here.now)


def test_a_canary_is_the_newest_for_its_cohort(here: Site, tmp_path: Path) -> None:
    stable = publish(here)
    canary = publish(here, "1.1.0", percent=50)
    made = written(here, tmp_path / "tuf")
    got = {seen(here, made, tmp_path / "known", machine=f"m{number}").record for number in range(30)}
    assert got == {stable, canary}
    assert seen(here, made, tmp_path / "known").record == stable


class TestAttacks:
    def test_a_rolled_back_state_is_refused(self, here: Site, tmp_path: Path) -> None:
        publish(here)
        written(here, tmp_path / "tuf")
        shutil.copytree(tmp_path / "tuf", tmp_path / "old")
        publish(here, "1.1.0")
        made = written(here, tmp_path / "tuf")
        root = made.file("1.root.json")
        seen(here, made, tmp_path / "known")
        with pytest.raises(Refused, match="does not hold"):
            seen(here, Freshness(tmp_path / "old"), tmp_path / "known", root)

    def test_a_frozen_state_is_stale(self, here: Site, tmp_path: Path) -> None:
        publish(here)
        made = written(here, tmp_path / "tuf")
        here.later(days=8)
        with pytest.raises(Stale, match="STALE"):
            seen(here, made, tmp_path / "known")
        assert seen(here, written(here, tmp_path / "tuf"), tmp_path / "known").record, "signed again"

    def test_mixed_and_changed_files_are_refused(self, here: Site, tmp_path: Path) -> None:
        publish(here)
        written(here, tmp_path / "tuf")
        publish(here, "1.1.0")
        made = written(here, tmp_path / "tuf")
        for name in made.files():
            if name == "1.root.json":
                continue
            used: list[str] = []

            def fetch(asked: str, name: str = name, used: list[str] = used) -> bytes:
                data = bytearray(made.file(asked))
                if asked == name:
                    used.append(asked)
                    data[len(data) // 2] ^= 1
                return bytes(data)

            known = tmp_path / f"known-{name}"
            root = made.file("1.root.json")
            try:
                newest(fetch, root, known, here.now, client="claude-code", profile="dev", version="1.0.0")
            except Refused:
                continue
            assert not used, f"{name} was changed and taken"

    def test_another_key_is_refused(self, here: Site, tmp_path: Path) -> None:
        publish(here)
        made = written(here, tmp_path / "tuf")
        other = Freshness(tmp_path / "other")
        reading = Reading(here.rows)
        reading.refresh()
        other.write(heads_of(reading.heads()), create(Algorithm.ECDSA_P256), here.now)
        with pytest.raises(Refused, match="does not hold"):
            seen(here, other, tmp_path / "known", made.file("1.root.json"))
        with pytest.raises(Refused, match="another key"):
            made.write({}, create(), here.now)

    @pytest.mark.parametrize("name", ["../secret", ".hidden", "none.json", ""])
    def test_no_other_file_is_served(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "secret").write_text("x")
        (tmp_path / "tuf").mkdir()
        with pytest.raises(Refused):
            Freshness(tmp_path / "tuf").file(name or "..")
