"""What one more release costs among 10,000, and what a machine then fetches to know of it, beside the same among few.

CPU seconds first: the wall time is mostly the disk's, so the number of times that it was waited for stands beside it.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from artifacts.entries import Entry
from artifacts.store import Store
from capabilities.client.place import freshen, freshness_here, rows_here
from capabilities.client.publishing import PublishClientConfig, publish_client_config
from capabilities.place import Place
from services.config.fresh import newest
from services.config.reading import Reading
from services.config.rows import Released, Rows
from tests.services.config.folders import machine
from tests.services.config.place import DRAFT, version

MANY = 10_000
ROUNDS = 9


def grow(at: Place, rows: Rows, one: Released) -> None:
    """Let the log have `MANY` entries more, and the database a release like *one* for each, in a profile of its own.

    Their bytes are not in the store: nothing here opens them.
    """
    said, found = json.loads(one.document), []
    with Store.at(at.settings) as store, store.lock.held():
        held = store.log.read()
        for number in range(held.size, held.size + MANY):
            record = f"sha256:{number:064x}"
            entry = Entry(artifact=record, evidence=(), at=at.now(), subjects=(), begun="", brought="")
            held = store.log.append(held, entry.line, at=at.now())
            said["profile"] = profile = f"team-{number}"
            said["release"]["record"] = record
            document = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
            found.append(replace(one, position=number, record=record, profile=profile, document=document))
        store.log.sign(held, at.signer())
    with rows.database.writing() as connection:
        for copy in found:
            rows.release(connection, copy)


def spent(work: Callable[[], object]) -> tuple[float, float]:
    """The milliseconds of CPU and of the clock that *work* takes."""
    cpu, began = time.process_time(), time.perf_counter()
    work()
    return (time.process_time() - cpu) * 1000, (time.perf_counter() - began) * 1000


def middle(found: list[tuple[float, float]]) -> tuple[float, float]:
    """The middle of each of the two figures."""
    return sorted(one for one, _ in found)[len(found) // 2], sorted(one for _, one in found)[len(found) // 2]


@contextmanager
def unwaited() -> Iterator[None]:
    """Do not wait for the disk: what is made only to be there is not measured."""
    whole = os.fsync
    os.fsync = lambda _: None
    try:
        yield
    finally:
        os.fsync = whole


def publishing(at: Place, label: str) -> list[tuple[float, float]]:
    """Publish a few versions; what each cost. The number of waits for the disk is of the last one."""
    found, whole, waited = [], os.fsync, [0]

    def counting(descriptor: int) -> None:
        waited[0] += 1
        whole(descriptor)

    for number in range(ROUNDS):
        draft = version(f"{len(label)}.{number}.0", DRAFT).decode()
        waited[0], os.fsync = 0, counting
        try:
            found.append(
                spent(lambda draft=draft: publish_client_config(PublishClientConfig(draft=draft, changelog="More."), at))
            )  # type: ignore[misc]
        finally:
            os.fsync = whole
    cpu, wall = middle(found)
    print(f"one release among {label}: {cpu:.0f} ms CPU, {wall:.0f} ms, {waited[0]} waits for the disk")
    return found


def fetched(at: Place, home: Path) -> int:
    """The bytes that a machine fetches which knew the state before the last release."""
    made, sizes = freshness_here(at), [0]
    root = made.file("1.root.json")
    given = {
        "root": root,
        "known": home / "known",
        "now": at.now(),
        "client": "claude-code",
        "profile": "dev",
        "version": "1.0.0",
    }

    def fetch(name: str) -> bytes:
        data = made.file(name)
        sizes.append(len(data))
        return data

    newest(fetch, **given)  # type: ignore[arg-type]
    cold = sum(sizes)
    publish_client_config(PublishClientConfig(draft=version("99.0.0", DRAFT).decode(), changelog="More."), at)
    sizes.clear()
    newest(fetch, **given)  # type: ignore[arg-type]
    print(f"a machine fetches {cold / 1000:.1f} KB of metadata at first, and {sum(sizes) / 1000:.1f} KB for a change")
    return sum(sizes)


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as home:
        made = machine(Path(home))
        publish_client_config(PublishClientConfig(draft=DRAFT.decode(), changelog="First."), made.at)
        few = middle(publishing(made.at, "10"))
        with rows_here(made.at) as rows:
            (one,) = rows.after(rows.extent()[0] - 1, 1)
            with unwaited():
                grow(made.at, rows, one)
            cpu, wall = spent(lambda: freshen(made.at, rows))
            print(f"metadata of {MANY} more releases at once: {cpu / 1000:.2f} s CPU, {wall / 1000:.2f} s")
        many = middle(publishing(made.at, "10,000"))
        print(f"of 10,000 by of 10: {many[0] / few[0]:.2f}x CPU, {many[1] / few[1]:.2f}x the clock's time")
        fetched(made.at, Path(home))
        with rows_here(made.at) as rows:
            reading = Reading(rows)
            cpu, _ = spent(reading.refresh)
            size = sum(len(each.body) for each in reading.heads()) / 1e6
            print(f"a reader reads all: {cpu / 1000:.2f} s CPU for {size:.0f} MB of artifacts")


if __name__ == "__main__":
    main()
