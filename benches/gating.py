"""How long the gate of hosted servers takes: a lock of 300 packages judged, in processor time, and a verdict asked for before a
start, in wall time with everything read again. Bars: 5 s, and 20 ms.
"""

from __future__ import annotations

import hashlib
import os
import resource
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from artifacts.bundle import seal
from flows.conclude import conclude
from flows.plan import make_plan
from flows.policies.registered import registered_policy
from flows.runners import direct
from flows.subjects.server import UNSTARTED
from services.host.known_since import KnownSince
from services.host.lock import Lock
from services.host.rows import HostedRow, Judgement, Version
from services.host.spec import Spec, launching
from services.host.verdicts import Verdicts
from tasks.server.case import Case, Locked
from tasks.signing.grounds import grounds
from tests.signing import Key
from tests.tasks.server.made import Made, advisories

PACKAGES, FILES = 300, 12
POLICY = """\
name: bench
validFor: P7D
gates:
  server-origin: {packages: ["pypi:*"]}
  server-contents: {}
  server-licence: {allowed: [MIT]}
  server-advisories: {minAdvisories: 1, maxDataAgeDays: 3660}
"""


def spent() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


def server(folder: Path, data: Path) -> Made:
    names = [f"package-{number}" for number in range(PACKAGES)]
    lock = "".join(f"{name}==1.0 \\\n    --hash=sha256:{hashlib.sha256(name.encode()).hexdigest()}\n" for name in names)
    spec = Spec(package="pypi:package-0==1.0")
    locked = Locked(package=spec.package, runtime="cpython", text=lock)
    made = Made(folder, Case(lock=locked, launching=launching(spec)), data)
    for name in names:
        made.wheel(name, "1.0", {f"{name}/part_{one}.py": os.urandom(4000).hex().encode() for one in range(FILES)})
    made.put("venv/pyvenv.cfg")
    made.seal()
    return made


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        here = Path(scratch)
        data, trust, policies = advisories(here / "data"), here / "trust", here / "policies"
        key, now = Key(), datetime.now(UTC).replace(microsecond=0)
        for place, content in (
            (trust / "keys" / "bench.pub", key.pem),
            (policies / "bench.yaml", POLICY.encode()),
        ):
            place.parent.mkdir(parents=True, mode=0o700)
            place.write_bytes(content)
        made = server(here / "server", data)
        policy = registered_policy("bench", policies)
        request = replace(made.request, now=now)
        before, began = spent(), time.monotonic()
        plan = make_plan(request, policy, gates=UNSTARTED.gates(policy))
        report = conclude(plan, direct.collect(plan, stop=threading.Event()), runner=direct.RUNNER)
        bundle = seal(report, key)
        print(
            f"a lock of {PACKAGES} packages, {PACKAGES * (FILES + 3)} files: {report.verdict.value} in "
            f"{spent() - before:.2f} s of processor time, {time.monotonic() - began:.2f} s"
        )
        spec = Spec(package="pypi:package-0==1.0")
        lock = Lock(package=spec.package, runtime="cpython", text=made.case.lock.text)
        judged = Judgement(artifact=f"sha256:{hashlib.sha256(bundle).hexdigest()}", bundle=bundle.decode(), tools="")
        row = HostedRow(
            name="made",
            current=Version(number=1, spec=spec, lock=lock, author="bench", made=0),
            enabled=True,
            owner="bench",
            generation=0,
            allowed=True,
            judged=judged,
        )
        asked = Verdicts(lambda: grounds(trust), lambda _: registered_policy("bench", policies), lambda: now, KnownSince(data))
        times = []
        for _ in range(50):
            began = time.perf_counter()
            asked.standing(row)
            times.append(1000 * (time.perf_counter() - began))
        middle, late = statistics.median(times), sorted(times)[47]
        print(f"a verdict before a start: first {times[0]:.1f} ms, median {middle:.1f} ms, P95 {late:.1f} ms")


if __name__ == "__main__":
    main()
