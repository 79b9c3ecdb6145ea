"""The catalog with 10,000 entries: what a search takes, against the same search without an index; and the list of all servers
together, against that of one. Prints ratios of one run.

    python benches/catalog.py
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sqlalchemy import text

from foundation.database.migrating import ready
from services.host.catalog.catalog import Catalog
from services.host.catalog.document import Document, Kind
from tests.adapters.relay.talking import serving
from tests.adapters.relay.test_together import Fixed, fixed
from tests.foundation.database.open_here import at_server
from tests.simulators.hosting import Hosting, trivial
from tests.simulators.trivial_server import TOOLS

ENTRIES, TIMES = 10_000, 300
VOCABULARY = 5_000
"""Different words of all entries together; the n-th is as frequent as 1/n, as words of a language are (Zipf)."""
SYLLABLES = ("ba", "ce", "di", "fo", "gu", "ha", "ki", "lo", "mu", "ne")
WORDS = tuple(syllable + str(number) for number in range(VOCABULARY // 10) for syllable in SYLLABLES)
OFTEN = tuple(1 / rank for rank in range(1, VOCABULARY + 1))
COMMON = tuple(f"{syllable}{number}x" for number in range(5) for syllable in SYLLABLES)
"""So few different words that each is in more than a quarter of all entries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """Words, and how often each is used."""

    words: tuple[str, ...]
    often: tuple[float, ...] | None = None

    def some(self, chance: random.Random, count: int) -> list[str]:
        """Words as a text has them."""
        return chance.choices(self.words, weights=self.often, k=count)


def main() -> None:
    """Print what was measured."""
    for name, language in (
        ("words as frequent as in a language", Language(words=WORDS, often=OFTEN)),
        ("each word in more than a quarter of the entries", Language(words=COMMON)),
    ):
        with tempfile.TemporaryDirectory() as folder:
            print(name)
            search(Path(folder), language)
    asyncio.run(together())


def search(folder: Path, language: Language) -> None:
    chance = random.Random(7)  # noqa: S311  # the same words each time
    database = ready(at_server(f"sqlite:///{folder}/database/arcops.sqlite"))
    catalog = Catalog(database)
    documents = [document(number, chance, language) for number in range(ENTRIES)]
    began = time.perf_counter()
    catalog.take(documents, author="bench", source="bench")
    print(f"import of {ENTRIES:,} documents: {time.perf_counter() - began:.1f} s")
    questions = [" ".join(language.some(chance, chance.randint(1, 3))) for _ in range(TIMES)]
    found = measured(lambda words: catalog.found(words, every=True, most=20), questions)

    def scanned(words: str) -> object:
        like = " AND ".join(f"(name || title || description || more) LIKE '%{one}%'" for one in words.split())
        with database.reading() as connection:
            return connection.execute(text(f"SELECT name FROM arcops_catalog_entry WHERE {like} LIMIT 20")).all()  # noqa: S608

    peer = measured(scanned, questions)
    print(f"search of {ENTRIES:,} entries: P50 {found[0]:.1f} ms, P95 {found[1]:.1f} ms (bar: P95 20 ms)")
    with database.writing() as connection:
        connection.execute(text("UPDATE arcops_catalog_entry SET offered = '1.0.0' WHERE id % 2 = 0"))
    offered = measured(lambda words: catalog.found(words, every=False, most=20), questions)
    print(f"of those that are offered, a half: P50 {offered[0]:.1f} ms, P95 {offered[1]:.1f} ms")
    lacking = measured(lambda words: catalog.found(f"{words} nowhere", every=True, most=20), questions)
    print(f"if no entry has all words: P50 {lacking[0]:.1f} ms, P95 {lacking[1]:.1f} ms")
    print(f"against LIKE over the same rows (P95 {peer[1]:.1f} ms): {found[1] / peer[1]:.2f}")
    database.close()


def document(number: int, chance: random.Random, language: Language) -> Document:
    some = language.some
    name = f"io.example.{some(chance, 1)[0]}/{some(chance, 1)[0]}-{number}"
    said = " ".join(some(chance, 12))
    value = {"name": name, "version": "1.0.0", "description": said}
    return Document(
        kind=Kind.SERVER,
        name=name,
        version="1.0.0",
        title=f"{some(chance, 1)[0].title()} {number}",
        description=f"A server that does: {said}",
        text=json.dumps(value, separators=(",", ":"), sort_keys=True),
        words=f"pypi mcp-{some(chance, 1)[0]}",
    )


def measured(work: Callable[[str], object], questions: list[str]) -> tuple[float, float]:
    """P50 and P95 in milliseconds of CPU."""
    took = []
    for one in questions:
        began = time.process_time()  # what other processes do does not count
        work(one)
        took.append((time.process_time() - began) * 1000)
    return statistics.median(took), sorted(took)[int(len(took) * 0.95)]


async def together() -> None:
    """``tools/list`` of 100 servers together, of which none runs, against that of one that does: front and child."""
    names = [f"s{number}" for number in range(100)]
    hosting = Hosting(commands={one: trivial() for one in names}, stateless=frozenset(names))
    offers: Fixed = fixed(**dict.fromkeys(names, TOOLS[:1]))
    async with serving(hosting, offers=offers) as here:
        one, every = await here.opened("s0"), await here.opened("all")
        times: dict[str, list[float]] = {"one": [], "all": []}
        for _ in range(TIMES):
            for name, client in (("one", one), ("all", every)):
                began = time.perf_counter()
                message = await (await client.request("tools/list")).last()
                times[name].append(time.perf_counter() - began)
                assert message["result"]["tools"]
        left, right = (statistics.median(times[name]) * 1000 for name in ("one", "all"))
        print(f"tools/list: one server {left:.2f} ms, 100 together {right:.2f} ms: {right / left:.2f} (bar: 2)")
        print(f"servers that were started for it: {hosting.started - 1}")


if __name__ == "__main__":
    main()
