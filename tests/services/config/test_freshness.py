"""Freshness: the newest state is shown as such, and an old, mixed or foreign one is refused."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from arcops.errors import Refused
from artifacts.private_key import Algorithm, create
from services.config import freshness
from services.config.fresh import Newest, Stale, newest
from services.config.freshness import Freshness
from services.config.heads import heads_after, heads_of
from services.config.metadata_files import KEPT
from services.config.reading import Reading
from services.config.rows import Chosen
from tests.services.config.place import DRAFT, Site, site, version

pytestmark = pytest.mark.requirement("CONF-9-10-11/changes-can-be-followed", "CONF-TOP/topologies-work")


@pytest.fixture(autouse=True)
def few_bins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer bins than are usual, because each is a signature."""
    monkeypatch.setattr(freshness, "BITS", 3)


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


def test_green_stands_ready_beside_blue_and_the_switch_is_metadata_alone(here: Site, tmp_path: Path) -> None:
    """Blue/green: both are released, approved and in the log; which of them a machine gets is switched, there and back."""
    publish(here)
    (blue,) = here.rows.list(Chosen())
    green_record = publish(here, "1.1.0", percent=1)
    green = here.rows.list(Chosen())[0]
    made = written(here, tmp_path / "tuf")
    tester = next(one for one in map(str, range(1000)) if seen(here, made, tmp_path / "t", machine=one).record == green_record)

    def shown() -> tuple[str, str]:
        made = written(here, tmp_path / "tuf")
        records = {one.record: one.artifact for one in here.rows.list(Chosen())}
        first, second = (seen(here, made, tmp_path / "known", machine=one).record for one in ("", tester))
        return records[first], records[second]

    assert shown() == (blue.artifact, green.artifact)
    here.publisher().widen("claude-code", "dev", green.artifact, percent=100, signer=here.publisher_key)
    assert shown() == (green.artifact, green.artifact)
    here.publisher().revert("claude-code", "dev", blue.artifact, reason="green is slow", signer=here.publisher_key)
    assert shown() == (blue.artifact, blue.artifact)
    assert {one.artifact for one in here.rows.list(Chosen())} == {blue.artifact, green.artifact}, "no new bytes"


class TestKeys:
    """The keys of the metadata change, and machines follow from the root that they were given once."""

    def heads(self, here: Site) -> dict[str, bytes]:
        return heads_after(here.rows, -1)

    def test_machines_follow_a_rotation_and_the_old_key_is_out(self, here: Site, tmp_path: Path) -> None:
        first = publish(here)
        made = written(here, tmp_path / "tuf")
        given, old, new = made.file("1.root.json"), here.publisher_key, here.other_key
        assert seen(here, made, tmp_path / "before", given).record == first
        both, alone = (old.public, new.public), (new.public,)
        assert made.rekey(both, both, old, here.now) == 2
        for key in (old, new):  # mid-flight, either signs: a service and a publisher change at different times
            made.write(self.heads(here), key, here.now)
            for known in ("before", f"cold-{key.public.id[-4:]}"):
                assert seen(here, made, tmp_path / known, given).record == first
        assert made.rekey(alone, alone, new, here.now) == 3
        second = publish(here, "1.1.0")
        with pytest.raises(Refused, match="another key"):
            made.write(self.heads(here), old, here.now)
        made.write(self.heads(here), new, here.now)
        for known in ("before", "cold"):
            assert seen(here, made, tmp_path / known, given).record == second
        for name in made.files():  # nothing that counts is signed by the old key any more
            if name.startswith("heads") or name == "timestamp.json":
                assert old.public.id[7:] not in made.file(name).decode()

    def test_a_key_that_was_taken_out_cannot_show_anything(self, here: Site, tmp_path: Path) -> None:
        """Someone has the old key and the old metadata, and makes newer metadata of it."""
        publish(here)
        made = written(here, tmp_path / "tuf")
        given, old, new = made.file("1.root.json"), here.publisher_key, here.other_key
        shutil.copytree(tmp_path / "tuf", tmp_path / "stolen")
        both = (old.public, new.public)
        made.rekey(both, both, old, here.now)
        made.rekey((new.public,), (new.public,), new, here.now)
        seen(here, made, tmp_path / "known", given)
        stolen = Freshness(tmp_path / "stolen")
        for _ in range(9):
            stolen.write(self.heads(here), old, here.now)
        with pytest.raises(Refused, match="does not hold"):
            seen(here, stolen, tmp_path / "known", given)
        with pytest.raises(Refused, match="among those that sign the next root"):
            made.rekey((old.public,), (old.public,), old, here.now)

    def test_a_key_that_is_kept_away_names_the_next_ones(self, here: Site, tmp_path: Path) -> None:
        """The online key is lost or stolen: the offline one, which signs nothing else, puts another in its place."""
        first = publish(here)
        made = written(here, tmp_path / "tuf")
        given, online, offline, next_one = made.file("1.root.json"), here.publisher_key, here.approver_key, here.other_key
        made.rekey((online.public,), (online.public, offline.public), online, here.now)
        made.rekey((online.public,), (offline.public,), offline, here.now)
        assert seen(here, made, tmp_path / "known", given).record == first
        with pytest.raises(Refused, match="among those"):
            made.rekey((online.public,), (online.public,), online, here.now)
        made.rekey((next_one.public,), (offline.public,), offline, here.now)
        with pytest.raises(Refused, match="does not hold"):
            seen(here, made, tmp_path / "known", given)  # until the next online key signs
        made.write(self.heads(here), next_one, here.now)
        assert seen(here, made, tmp_path / "known", given).record == first

    @pytest.mark.parametrize("algorithm", list(Algorithm))
    def test_the_new_key_may_be_of_another_algorithm(self, here: Site, tmp_path: Path, algorithm: Algorithm) -> None:
        first = publish(here)
        made = written(here, tmp_path / "tuf")
        new = create(algorithm)
        both = (here.publisher_key.public, new.public)
        made.rekey(both, both, here.publisher_key, here.now)
        made.rekey(both[1:], both[1:], new, here.now)
        assert seen(here, made, tmp_path / "known").record == first

    def test_the_root_is_renewed_long_before_it_ends(self, here: Site, tmp_path: Path) -> None:
        first = publish(here)
        made = written(here, tmp_path / "tuf")
        given = made.file("1.root.json")
        for _ in range(10):  # two years and a half, signed again each quarter
            here.later(days=90)
            made.write(self.heads(here), here.publisher_key, here.now)
            assert seen(here, made, tmp_path / "known", given).record == first
        assert made.holds("4.root.json")
        assert not made.holds("5.root.json"), "and not each time"


class TestGrowing:
    def test_some_targets_leave_the_others_as_they_are(self, here: Site, tmp_path: Path) -> None:
        stable = publish(here)
        made = written(here, tmp_path / "tuf")
        here.publisher().publish(DRAFT.replace(b"[claude-code]", b"[codex, vscode]"), changelog="x", signer=here.publisher_key)
        position, count = here.rows.extent()
        wrote = made.write(heads_after(here.rows, 0), here.publisher_key, here.now, position=position, count=count, some=True)
        assert wrote in (5, 6), "two heads, their bins, the snapshot and the timestamp"
        assert seen(here, made, tmp_path / "known").record == stable
        assert not made.due(heads_after(here.rows, -1), here.now)
        covered = made.covered()
        assert covered is not None
        assert (covered.position, covered.count) == (position, 3)

    def test_metadata_that_was_begun_with_other_bins_keeps_them(
        self, here: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Their number is part of the delegation."""
        publish(here)
        made = written(here, tmp_path / "tuf")
        assert sum(".heads-" in one for one in made.files()) == 8
        monkeypatch.setattr(freshness, "BITS", 5)
        second = publish(here, "1.1.0")
        made = written(here, tmp_path / "tuf")
        assert sum(".heads-" in one for one in made.files()) == 9
        assert seen(here, made, tmp_path / "known").record == second

    def test_old_versions_do_not_pile_up(self, here: Site, tmp_path: Path) -> None:
        publish(here)
        made = written(here, tmp_path / "tuf")
        for _ in range(KEPT + 8):
            made.write({}, here.publisher_key, here.now, some=True)
        assert sum(one.endswith(".snapshot.json") for one in made.files()) == KEPT
        seen(here, made, tmp_path / "known")


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
        with pytest.raises(Refused, match="among those that sign"):
            made.rekey((create().public,), (create().public,), create(), here.now)

    @pytest.mark.parametrize("name", ["../secret", ".hidden", "none.json", ""])
    def test_no_other_file_is_served(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "secret").write_text("x")
        (tmp_path / "tuf").mkdir()
        with pytest.raises(Refused):
            Freshness(tmp_path / "tuf").file(name or "..")
