"""An evaluation from request to sealed artifact, whichever runner collects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from arcops.evidence import Evidence
from arcops.policy import Policy
from arcops.result import Report
from artifacts.bundle import seal
from artifacts.private_key import Signer
from artifacts.store import Store
from artifacts.wire import canonical, to_json
from flows.runners.looking import Found
from foundation.telemetry.spans import learned, span


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A report as it was signed and kept: ``bundle`` is the artifact's bytes, ``digest`` its name in the store."""

    report: Report
    bundle: bytes
    digest: str


def seal_and_keep(
    report: Report, collected: Mapping[str, Found], *, policy: Policy, signer: Signer, store: Store, now: Callable[[], datetime]
) -> Sealed:
    """Sign *report*, and put it into *store* with the evidence that it names and the *policy* that judged it.

    So whoever has the store can judge again (`flows.rejudge`). Nothing counts as kept unless everything is. The log says when
    it was kept, by the clock *now*, and not when it was judged. Raises as `artifacts.store.Store.put` does.
    """
    with span("seal and keep"):
        bundle = seal(report, signer)
        bodies = {found.digest: canonical(to_json(found.body)) for found in collected.values() if isinstance(found, Evidence)}
        if policy.written:
            bodies[policy.digest] = policy.written
        entry = store.put(bundle, bodies, at=now(), signer=signer)
        learned(artifact=entry.artifact, verdict=report.verdict.value)
    return Sealed(report=report, bundle=bundle, digest=entry.artifact)
