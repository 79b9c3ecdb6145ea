"""An artifact that claims a time before others were kept, or after it was kept, shows; long work and imports explain it."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from artifacts.backdated import MOST_WORK
from artifacts.bundle import seal
from artifacts.entries import Entry, read_line
from artifacts.mirror import export, import_mirror
from artifacts.objects import digest_of
from artifacts.private_key import create
from artifacts.store import Store
from artifacts.words import Said
from tests.artifacts.reports import AT, full_report

pytestmark = pytest.mark.requirement("ARC-1/kept-without-loss")
KEY = create()
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


def sealed(name: str, judged: datetime) -> bytes:
    base = full_report()
    subject = replace(base.subject, name=name)
    return seal(replace(base, subject=subject, judged_at=judged, valid_until=judged + timedelta(days=7)), KEY)


def found(store: Store) -> dict[str, str]:
    """What a listing says about the times of each subject, which is what a check says, too."""
    listed = {one.subject: one.untimely for one in store.list() if one.untimely}
    looked = store.look_through([KEY.public])
    assert looked.problems == ()
    assert len(looked.untimely) == len(listed)
    for one in looked.untimely:
        assert any(said in one.said for said in listed.values())
        assert f"objects/{one.artifact[7:9]}/{one.artifact[9:]}" in one.said
    return listed


@pytest.mark.parametrize(
    ("judged", "kept", "begun", "says"),
    [
        (AT, AT, None, ""),
        (AT - SECOND * 119, AT, None, ""),
        (AT - SECOND * 121, AT, None, "backdated"),
        (AT - HOUR, AT, None, "backdated"),
        (AT - HOUR * 9999, AT + HOUR, None, "backdated"),
        (AT - HOUR, AT + HOUR, AT - HOUR, ""),  # it took two hours, and the other was kept meanwhile
        (AT - HOUR * 3, AT + HOUR, AT - HOUR, "backdated"),
        (AT - HOUR, AT - HOUR + MOST_WORK, AT - HOUR, ""),
        (AT - HOUR, AT - HOUR + MOST_WORK + SECOND, AT - HOUR, "backdated"),
        (AT + HOUR, AT + HOUR * 99, None, ""),
        (AT + HOUR, AT + HOUR - SECOND * 120, None, ""),
        (AT + HOUR, AT + HOUR - SECOND * 121, None, "dated ahead"),
        (AT + HOUR, AT, AT + HOUR, "dated ahead"),
    ],
)
def test_times_that_cannot_be_show(tmp_path: Path, judged: datetime, kept: datetime, begun: datetime | None, says: str) -> None:
    with Store(tmp_path / "store") as store:
        store.put(sealed("first", AT), {}, at=AT)
        store.put(sealed("odd", judged), {}, at=kept, begun=begun, signer=KEY)
        said = found(store)
        assert set(said) == ({"odd"} if says else set())
        assert says in said.get("odd", "")


def test_the_first_artifact_of_a_store_may_be_old(tmp_path: Path) -> None:
    with Store(tmp_path / "store") as store:
        store.put(sealed("first", AT - HOUR), {}, at=AT, signer=KEY)
        assert found(store) == {}


def test_an_entry_with_a_time_before_an_earlier_one_shows(tmp_path: Path) -> None:
    """No writer of ours makes one; anyone who writes into the log can."""
    with Store(tmp_path / "store") as store:
        store.put(sealed("first", AT), {}, at=AT)
        entry = store.put(sealed("second", AT), {}, at=AT)
        lines = (tmp_path / "store" / "log").read_bytes().splitlines()
        lines[1] = replace(entry, at=AT - HOUR).line
        (tmp_path / "store" / "log").write_bytes(b"".join(line + b"\n" for line in lines))
    for file in (tmp_path / "store").glob("index.sqlite*"):
        file.unlink()
    with Store(tmp_path / "store") as store:
        store.checkpoint(KEY)
        assert list(found(store)) == ["second"]


def test_more_evidence_for_an_old_artifact_is_not_backdated(tmp_path: Path) -> None:
    base = full_report()
    body = b'{"seen":"something"}'
    records = (replace(base.evidence[0], digest=digest_of(body)), base.evidence[1])
    cited = replace(base.results[0].findings[0], cites=(digest_of(body),))
    report = replace(base, evidence=records, results=(replace(base.results[0], findings=(cited,)), base.results[1]))
    with Store(tmp_path / "store") as store:
        old = seal(report, KEY)
        store.put(old, {}, at=AT)
        store.put(sealed("later", AT + HOUR), {}, at=AT + HOUR)
        store.put(old, {digest_of(body): body}, at=AT + HOUR * 2, signer=KEY)
        assert len(store.entries()) == 3
        assert found(store) == {}


def test_what_is_imported_may_be_old_and_a_listing_says_from_where(tmp_path: Path) -> None:
    mirror = tmp_path / "mirror.tar"
    with Store(tmp_path / "there", origin="there.example/log") as there:
        there.put(sealed("old", AT - HOUR), {}, at=AT - HOUR, signer=KEY)
        with mirror.open("wb") as file:
            export(there, file, checkpoint=there.last_checkpoint() or b"", keys=[KEY.public])
    with Store(tmp_path / "here", origin="here.example/log") as here:
        here.put(sealed("mine", AT), {}, at=AT)
        import_mirror(mirror, here, [KEY.public], at=AT + HOUR)
        here.checkpoint(KEY)
        assert found(here) == {}
        assert {one.subject: one.brought for one in here.list()} == {"old": "there.example/log", "mine": ""}
        again = io.BytesIO()
        export(here, again, checkpoint=here.last_checkpoint() or b"", keys=[KEY.public])
    (tmp_path / "second.tar").write_bytes(again.getvalue())
    with Store(tmp_path / "third", origin="third.example/log") as third:
        import_mirror(tmp_path / "second.tar", third, [KEY.public], at=AT + HOUR)
        assert {one.subject: one.brought for one in third.list()} == {"old": "there.example/log", "mine": "here.example/log"}


def test_an_entry_without_the_new_words_is_as_before() -> None:
    entry = Entry(artifact="sha256:" + "0" * 64, evidence=(), at=AT)
    assert b"begun" not in entry.line
    assert b"brought" not in entry.line
    full = replace(entry, begun="2026-11-21T12:00:00Z", brought="a.example/log")
    assert read_line(full.line) == full


def test_a_time_that_is_none_says_nothing() -> None:
    from artifacts.backdated import untimely

    entry = Entry(artifact="sha256:" + "0" * 64, evidence=(), at=AT, begun="soon")
    assert untimely(entry, Said(predicate_type="x", subject="x", digests=()).judged_at, AT) == ""
    assert "backdated" in untimely(entry, "2026-11-20T12:00:00Z", AT)
