"""What the audit log costs a caller, how fast it writes, and how long verifying a million records takes.

Run: ``python -m benches.audit [records]``. The caller's side is CPU of its own thread for making a record and telling it,
amortised; the peer is `logging` with a file, which syncs nothing and signs nothing. Verifying is CPU time of `arcops audit
verify`'s work; the peer is SHA-256 over the same bytes. Fails if a bound of the requirement is passed: 5 microseconds a record,
and 10 seconds for a million.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from foundation.audit.asking import Wanted, newest
from foundation.audit.audit import Audit
from foundation.audit.keys import open_keys, public_half
from foundation.audit.place import AuditPlace, this_host
from foundation.audit.record import Actor, Outcome, Record
from foundation.audit.seals import MOST_BATCH
from foundation.audit.verifying import read_logs
from foundation.audit.writing import open_next
from foundation.settings import read_settings

MICROSECONDS, SECONDS = 5.0, 10.0
MILLION = 1_000_000
TOLD, ROUNDS = 2000, 30
ACTOR = Actor(issuer="https://login.example.org/tenant/v2.0", tenant="7d3c-41", id="0f1e2d3c-4b5a")
ARGUMENTS = {"target": "/models/tiny", "policy": "sovereign", "attached": ["/models/tiny.sig"]}
KNOWN = frozenset(ARGUMENTS)


def made(at: datetime, number: int) -> Record:
    return Record(
        at=at,
        action="tools/call",
        outcome=Outcome.DONE,
        actor=ACTOR,
        door="mcp",
        tool="check_model",
        object="sha256:" + "2c" * 32,
        verdict="GREEN",
        latency_us=number,
        trace="00-" + "a" * 32 + "-" + "b" * 16 + "-01",
        request="5e0c1c62a1a94a0a8a1f5a54e6c0aa01",
        tier="air-gapped",
        source="127.0.0.1",
    )


def each(count: int, work: Callable[[int], object]) -> float:
    """Microseconds of this thread's CPU for each of *count* calls."""
    began = time.thread_time()
    for number in range(count):
        work(number)
    return (time.thread_time() - began) / count * 1e6


def told(folder: Path) -> float:
    """The caller's side, the best of some rounds, and the peers'."""
    audit = Audit.open(read_settings({"ARCOPS_HOME": str(folder)}))
    logger = logging.getLogger("bench")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(logging.FileHandler(folder / "peer.log"))
    at = datetime.now(UTC)
    costs: dict[str, list[float]] = {"tell": [], "mask": [], "logging": []}
    for _ in range(ROUNDS):
        costs["tell"].append(each(TOLD, lambda number: audit.tell(made(at, number))))
        if not audit.flush(60):
            raise SystemExit("the log was not written within a minute")
        costs["mask"].append(each(TOLD, lambda _: audit.masked(ARGUMENTS, KNOWN)))
        costs["logging"].append(each(TOLD, lambda number: logger.info("%s", json.dumps({"tool": "check_model", "us": number}))))
    audit.close()
    best = {name: min(took) for name, took in costs.items()}
    print(
        f"made and told {best['tell']:.2f} µs a record, {best['tell'] / best['logging']:.2f} of logging's {best['logging']:.2f}"
    )
    print(f"arguments masked {best['mask']:.2f} µs")
    return best["tell"]


def written(folder: Path, count: int) -> AuditPlace:
    """Logs of *count* records, and how fast they were written."""
    settings = read_settings({"ARCOPS_HOME": str(folder)})
    place = AuditPlace.at(settings.audit, settings.memory)
    keys, first = open_keys(place), made(datetime.now(UTC), 0)
    writer = open_next(place, this_host(), keys.signer)
    began = time.process_time()
    for start in range(0, count, MOST_BATCH):
        if writer.full:
            following = open_next(place, this_host(), keys.signer)
            writer.close()
            writer = following
        batch = [
            replace(first, latency_us=number, at=first.at + timedelta(milliseconds=number))
            for number in range(start, min(start + MOST_BATCH, count))
        ]
        writer.append([one.line for one in batch], newest=batch[-1].at)
    writer.close()
    took = time.process_time() - began
    print(f"wrote {count:,} records, a checkpoint for each {MOST_BATCH:,}: {took / count * 1e6:.1f} µs of CPU a record")
    return place


def verified(place: AuditPlace) -> float:
    """Seconds for a million records, and the peer's for the same bytes."""
    keys = [public_half(place)]
    began = time.process_time()
    count = problems = 0
    for log in read_logs(place, keys):
        count += log.records
        problems += len(log.problems)
    took = (time.process_time() - began) * MILLION / count
    if problems:
        raise SystemExit(f"{problems} problems in what was just written")
    began = time.process_time()
    for path in sorted(place.logs.glob("*/log")):
        hashlib.sha256(path.read_bytes()).digest()
    hashed = (time.process_time() - began) * MILLION / count
    print(f"verified {MILLION:,} records in {took:.1f} s of CPU, {took / hashed:.1f} times one SHA-256 over the same bytes")
    for what, wanted in (("one tool", Wanted(tools=("trust_key",))), ("the newest", Wanted())):
        began = time.process_time()
        found, _ = newest(read_logs(place, keys), wanted, 50)
        took_query = time.process_time() - began
        print(f"a query for {what} finds {len(found)} of {count:,}, with verification, in {took_query:.1f} s of CPU")
    return took


def main(count: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        microseconds = told(Path(folder) / "told")
    with tempfile.TemporaryDirectory() as folder:
        seconds = verified(written(Path(folder) / "written", count))
    late = [f"{microseconds:.1f} µs a record, more than {MICROSECONDS}"] if microseconds > MICROSECONDS else []
    late += [f"{seconds:.1f} s for a million records, more than {SECONDS}"] if seconds > SECONDS else []
    for one in late:
        print(f"TOO SLOW: {one}")
    return 1 if late else 0


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]) if len(sys.argv) > 1 else MILLION))
