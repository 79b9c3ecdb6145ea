"""What became known about a server's packages since it was judged: the advisories of today, by the gate and policy that count.

The verdict itself is sealed, and a host has no key to seal another. It needs none: a known vulnerability takes a verdict away,
and only a new one, which someone signs, gives it back.
"""

from __future__ import annotations

import os
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from arcops.errors import ArcOpsError
from arcops.evidence import Evidence
from arcops.finding import Outcome
from arcops.judge import judge
from arcops.policy import Policy
from arcops.seen.server import Packages, ServerAdvisories
from arcops.tier import Tier
from artifacts.wire import digest
from flows.plan import gate_named
from services.host.lock import Lock
from tasks.model.osv.database import NAME
from tasks.server.locks import UNLISTED, read_lock
from tasks.server.server_advisories import compared

_GATE = "server-advisories"
_RULES = (f"{_GATE}/known", f"{_GATE}/decided")
"""The rules that new advisories can break. How old the data may be was judged with the verdict, whose own term counts now."""

Identity = tuple[int, int, int]


class KnownSince:
    """Asks the advisories in the folder *data*. An answer is kept until they, the lock or the policy are others."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def against(self, name: str, lock: Lock, policy: Policy, at: datetime) -> str:
        """Which advisory speaks against the lock of the server *name* now, as a clause; empty if none does."""
        if _GATE not in policy.gates or lock.package.startswith(UNLISTED):
            return ""
        try:
            status = os.stat(self._data / NAME)  # noqa: PTH116
        except OSError:
            return "no advisory data is on this host, so it is not known what was found since; import it (arcops data import)"
        identity = (status.st_ino, status.st_mtime_ns, status.st_size)
        return _against(self._data, identity, name, lock, policy.digest, _Judged(policy=policy, at=at))


class _Judged:
    """A policy and a moment, which do not tell two questions apart: the policy's digest does."""

    def __init__(self, *, policy: Policy, at: datetime) -> None:
        self.policy, self.at = policy, at

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Judged)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=2048)
def _against(data: Path, identity: Identity, name: str, lock: Lock, policy: str, judged: _Judged) -> str:
    gate = gate_named(_GATE)
    if gate is None:
        return f"this version has no gate {_GATE!r}"
    packages = Packages(packages=read_lock(lock.package, lock.text).packages)
    try:
        found = ServerAdvisories(found=compared(packages, digest(packages), data, tick=bool))
    except ArcOpsError as error:
        return f"the advisories cannot be asked: {error}"
    collected = {
        body.KIND: Evidence(
            kind=body.KIND,
            body=body,
            digest=digest(body),
            collector="known-since",
            version="1",
            at=judged.at,
            tier=Tier.AIR_GAPPED,
        )
        for body in (packages, found)
    }
    result = judge(
        gate,
        judged.policy.gates[_GATE],
        collected,
        at=judged.at,
        subject_name=name,
        waivers=judged.policy.waivers,
        skew=judged.policy.clock_skew,
    )
    bad = (Outcome.FAIL, Outcome.UNKNOWN) if judged.policy.amber_passes else (Outcome.FAIL, Outcome.UNKNOWN, Outcome.WARN)
    wrong = [one.text for one in result.findings if one.rule in _RULES and one.outcome in bad and one.waiver is None]
    return " ".join(wrong)[:1000].rstrip(".")
