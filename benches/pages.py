"""What a page costs over a store of many artifacts: the list, the subjects, one subject and one artifact.

    python -m benches.pages [--artifacts N] [--rounds N] [OTHER]

Each checkout serves a copy of the same store from a process of its own, and is asked over ASGI, without a socket. The first
request of a page is told apart, because a process remembers what the content of an artifact decides. OTHER is another checkout
with its own ``.venv``, asked in the same turns; if it has no page for the artifacts alone, its first page is asked.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

from artifacts.bundle import seal
from artifacts.store import Store
from benches.startup import Checkout, checkouts, environment
from tests.models import Bench, bench, good_model

AIM = 100.0
"""Milliseconds for the list of 2,000, after its first time."""
SUBJECTS = 150
SERVE = """
import json, os, sys, time
from datetime import UTC, datetime
from starlette.testclient import TestClient
from adapters.web.app import site
from flows.place import Place
from foundation.settings import read_settings
settings = read_settings(os.environ)
place = Place(settings=settings, now=lambda: datetime.now(UTC), signer=None, secret=None, own=True)
web = TestClient(site(lambda: place))
for line in sys.stdin:
    wall, cpu = time.perf_counter(), time.process_time()
    answer = web.get(line.strip())
    took = (time.perf_counter() - wall, time.process_time() - cpu)
    print(json.dumps([answer.status_code, *took]), flush=True)
"""


@dataclass(kw_only=True)
class Served:
    """A checkout that answers, and what each page took: pairs of seconds by the clock and of CPU."""

    tree: Checkout
    asking: IO[str]
    answering: IO[str]
    taken: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def ask(self, title: str, path: str) -> int:
        print(path, file=self.asking, flush=True)
        status, wall, cpu = json.loads(self.answering.readline())
        if status == 200:
            self.taken.setdefault(title, []).append((wall, cpu))
        return int(status)


def filled(folder: Path, count: int) -> tuple[Bench, str]:
    """A bench whose store has *count* artifacts about `SUBJECTS` models, one of seven RED; and the newest's digest."""
    here = bench(folder)
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2)
    model = good_model(here, now=begin)
    good = here.check(model, now=begin).report
    (model / "config.json").write_text("{}")
    bad = here.check(model, now=begin).report
    newest = ""
    with Store.at(here.settings) as store:
        for number in range(count - 2):
            said, at = bad if number % 7 == 3 else good, begin + timedelta(minutes=1 + number)
            subject = replace(said.subject, name=f"model-{number % SUBJECTS:04}")
            said = replace(said, subject=subject, judged_at=at, valid_until=at + timedelta(days=7))
            newest = store.put(seal(said, here.signer), {}, at=at).artifact
        store.checkpoint(here.signer)
    return here, newest


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benches.pages", description="time of a page", allow_abbrev=False)
    parser.add_argument("--artifacts", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("other", nargs="?", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="arcops-bench-") as name:
        here, newest = filled(Path(name), given.artifacts)
        processes, served = [], []
        for tree in checkouts(given.other):
            home = Path(name) / f"home-of-{tree.name}"
            shutil.copytree(here.home, home)
            (home / "store" / "index.sqlite").unlink(missing_ok=True)
            surroundings = {**environment(here), "ARCOPS_HOME": str(home), "PYTHONPATH": str(tree.folder)}
            one = subprocess.Popen(
                [tree.python, "-c", SERVE], env=surroundings, cwd="/", text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            processes.append(one)
            if one.stdin is None or one.stdout is None:
                raise SystemExit("the process has no pipes")
            served.append(Served(tree=tree, asking=one.stdin, answering=one.stdout))
        pages = {
            "the list": "/artifacts",
            "the subjects": "/",
            "one subject": "/subject?name=model-0003&kind=model",
            "one artifact": f"/artifacts/{newest}",
        }
        try:
            for one_served in served:
                one_served.ask("(index)", "/compare")
                if one_served.ask("(index)", "/?q=no-such-subject") != 200:  # makes the index, and shows nothing
                    raise SystemExit(f"{one_served.tree.name} does not answer")
            for _ in range(given.rounds + 1):
                for title, path in pages.items():
                    for one_served in served:
                        if one_served.ask(title, path) != 200 and path == "/artifacts":
                            one_served.ask(title, "/")
        finally:
            for one in processes:
                one.terminate()
                one.wait()
    print(
        f"{given.artifacts:,} artifacts; milliseconds of CPU (by the clock); medians of {given.rounds} rounds, after the first"
    )
    for title in pages:
        for one_served in served:
            if title != "the subjects" or "one subject" in one_served.taken:  # an older checkout has no such pages
                print(_line(title, one_served), flush=True)


def _line(title: str, served: Served) -> str:
    taken = served.taken.get(title)
    if not taken:
        return f"{title:14}{served.tree.name:>10}: there is no such page"
    wall, cpu = (statistics.median(values) * 1000 for values in zip(*taken[1:], strict=True))
    first = f"first {taken[0][1] * 1000:.1f} ({taken[0][0] * 1000:.1f})"
    aim = f"; aim: {AIM:.0f} at most" if title == "the list" and served.tree.name == "here" else ""
    return f"{title:14}{served.tree.name:>10}: {cpu:7.1f} ({wall:.1f}); {first}{aim}"


if __name__ == "__main__":
    main()
