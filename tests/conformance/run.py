"""``make conformance``: the official suite for both revisions, the tasks extension, and the inspector; then what was counted.

There is no list of failures that are expected. It ends with 1 if anything is wrong, or if nothing ran.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from adapters.http.serve import reserved_port
from benches.relay import started
from tests.adapters.serving import served
from tests.conformance.inspector import drive
from tests.conformance.kit import Kit
from tests.conformance.relay import relayed
from tests.conformance.suite import Outcome, some, tasks_scenarios, whole
from tests.deep.test_hosting_real import SERVERS, add, arcops, prepared, serving
from tests.models import bench, good_model

OF_ANY_SERVER = {
    "2025-11-25": (
        "server-initialize", "server-session-lifecycle", "ping", "tools-list", "server-sse-multiple-streams",
        "dns-rebinding-protection",
    ),
    "2026-07-28": ("tools-list", "http-header-validation", "server-sse-multiple-streams", "dns-rebinding-protection"),
}  # fmt: skip
"""The scenarios in which a server with tools of its own takes part."""
REVISIONS = ("2025-11-25", "2026-07-28")
OF_THE_REAL_SERVER = {
    "2025-11-25": (
        "server-initialize", "server-session-lifecycle", "ping", "tools-list", "resources-list", "prompts-list",
        "server-sse-multiple-streams", "dns-rebinding-protection",
    ),
    "2026-07-28": (
        "tools-list", "resources-list", "prompts-list", "sep-2164-resource-not-found", "caching", "http-header-validation",
        "server-sse-multiple-streams", "dns-rebinding-protection", "input-required-result-unsupported-methods",
    ),
}  # fmt: skip
"""The scenarios that need no tool of the fixture, and so can look at what is shipped."""


def main() -> int:
    """Run everything, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kit", type=Path, required=True, help="the folder that npm installed the suite into")
    parser.add_argument("--hosted", action="store_true", help="only what goes through the relay")
    given = parser.parse_args()
    kit_folder = given.kit.resolve()
    out = kit_folder / "results"
    shutil.rmtree(out, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        kit = Kit(folder=kit_folder, home=Path(folder))
        print(f"Node {kit.check()}; what each check said is in {out}", flush=True)
        outcomes = _all(kit, out, Path(folder), hosted=given.hosted)
    good = bool(outcomes) and all(one.good for one in outcomes)
    print("conformance: all passed" if good else "conformance: NOT passed")
    return 0 if good else 1


def _all(kit: Kit, out: Path, folder: Path, *, hosted: bool) -> list[Outcome]:
    outcomes: list[Outcome] = []

    def told(outcome: Outcome) -> None:
        outcomes.append(outcome)
        print("\n".join(outcome.lines()), flush=True)

    if not hosted:
        with served(module="tests.conformance.everything", env={}) as fixture:
            for revision in REVISIONS:
                told(whole(kit, fixture.mcp, revision, out / revision))
            told(some(kit, fixture.mcp, "tasks extension, everything", tasks_scenarios(kit), "", out / "tasks"))
        here = bench(folder)
        model = good_model(here, now=datetime.now(UTC).replace(microsecond=0))
        with served("mcp", "--http", env=here.environment) as real, relayed(real) as url:
            for revision, names in OF_THE_REAL_SERVER.items():
                told(some(kit, url, f"{revision}, arcops mcp --http", names, revision, out / f"real-{revision}"))
            told(drive(kit, here, model, url))
    for one in _hosted(kit, out, folder):
        told(one)
    return outcomes


def _hosted(kit: Kit, out: Path, folder: Path) -> Iterator[Outcome]:
    """Through the relay: the fixture as a hosted server, and servers of others, from the site's indexes."""
    with reserved_port() as port:
        command = [sys.executable, "-m", "tests.conformance.hosted", "--port", str(port)]
        with started("the relay", command, "/everything/mcp", port):
            for revision in REVISIONS:
                found = whole(kit, f"http://127.0.0.1:{port}/everything/mcp", revision, out / f"hosted-{revision}")
                yield replace(found, title=f"{found.title}, through the relay")
    (folder / "real").mkdir()
    home = prepared(folder / "real")
    for name in SERVERS:
        add(home, name)
        arcops(home / "home", "host", "gate", name)
    with serving(home) as host, relayed(host) as url:
        for name in SERVERS:
            at = url.removesuffix("/mcp") + f"/{name}/mcp"
            for revision, names in OF_ANY_SERVER.items():
                yield some(kit, at, f"{revision}, {name} through the relay", names, revision, out / f"{name}-{revision}")


if __name__ == "__main__":
    raise SystemExit(main())
