"""Reports of any colour, put into a bench's store as if gates had judged."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from arcops.evidence import Missing
from arcops.finding import Finding, Outcome
from arcops.result import EvidenceRecord, GateResult, Report
from arcops.subject import Digest, Subject
from arcops.tier import Tier
from arcops.verdict import worst
from artifacts.bundle import seal
from artifacts.objects import digest_of
from artifacts.private_key import Signer
from artifacts.store import Store
from foundation.settings import read_settings
from tests.models import CLOCK, Bench


def fresh(here: Bench, folder: Path) -> Bench:
    """A copy of the bench *here*, home and all, in *folder*: making keys is slow, copying them is not."""
    home = folder / "home"
    shutil.copytree(here.home, home)
    settings = read_settings({"ARCOPS_HOME": str(home), "ARCOPS_WORKERS": "2"})
    return replace(here, home=home, settings=settings)


def emptied(here: Bench, folder: Path) -> Bench:
    """As `fresh`, with a store that nothing was kept in: a test whose clock is another than its neighbours' needs one."""
    own = fresh(here, folder)
    for kept in (own.settings.store, own.settings.memory):
        shutil.rmtree(kept, ignore_errors=True)
    return own


def finding(rule: str, outcome: Outcome = Outcome.PASS, text: str = "All is well.", **more: str) -> Finding:
    return Finding(rule=rule, outcome=outcome, text=text, **more)  # type: ignore[arg-type]  # the tests name real text fields


def result(gate: str, *findings: Finding) -> GateResult:
    return GateResult(gate=gate, verdict=worst(one.outcome.verdict for one in findings), findings=findings)


def report(
    name: str,
    *results: GateResult,
    digest: str = "",
    kind: str = "model",
    site: str = "",
    at: datetime = CLOCK,
    policy: str = "sovereign",
    evidence: Mapping[str, object] | None = None,
    missing: Sequence[Missing] = (),
) -> Report:
    """A report on *name* by *results*. ``evidence`` are bodies by kind; every finding cites all of them."""
    bodies = {kind: body_of(value) for kind, value in (evidence or {}).items()}
    digests = tuple(digest_of(body) for body in bodies.values())
    cited = tuple(replace(one, findings=tuple(replace(said, cites=digests) for said in one.findings)) for one in results)
    return Report(
        subject=Subject(
            name=name,
            kind=kind,
            digests=(Digest(algorithm="sha256", value=digest or hashlib.sha256(name.encode()).hexdigest()),),
        ),
        verdict=worst(one.verdict for one in results),
        results=cited,
        evidence=tuple(
            EvidenceRecord(
                kind=kind, digest=digest_of(body), collector=f"tasks.{kind}.look", version="1", at=at, tier=Tier.AIR_GAPPED,
                sources=(),
            )
            for kind, body in bodies.items()
        ),
        missing=tuple(missing),
        policy_name=policy,
        policy_digest=digest_of(policy.encode()),
        tier=Tier.AIR_GAPPED,
        runner="direct",
        judged_at=at,
        valid_until=at + timedelta(days=7),
        site=site,
    )  # fmt: skip


def body_of(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def keep(here: Bench, said: Report, *, evidence: Mapping[str, object] | None = None, signer: Signer | None = None) -> str:
    """Seal *said* and keep it with its evidence bodies, at the moment of judging or later; returns the artifact's digest."""
    sealed = seal(said, signer or here.signer)
    bodies = {digest_of(body_of(value)): body_of(value) for value in (evidence or {}).values()}
    with Store.at(here.settings) as store:
        newest = store.newest_time() or said.judged_at
        return store.put(sealed, bodies, at=max(said.judged_at, newest)).artifact


def checkpoint(here: Bench) -> None:
    with Store.at(here.settings) as store:
        store.checkpoint(here.signer)
