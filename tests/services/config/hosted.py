"""Verdicts about hosted servers in a site's store, sealed by the real gate, as 'arcops host gate' leaves them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from arcops.policy import Policy
from arcops.request import Request
from arcops.seen.server import Installation, Launching, Packages, Pinned
from arcops.tier import Tier
from artifacts.bundle import seal
from artifacts.private_key import Signer
from artifacts.wire import canonical_bytes, digest
from flows.conclude import conclude
from flows.plan import make_plan
from flows.policies.reading import parse_policy
from flows.subjects.server import SERVER
from tests.evidence import evidence
from tests.services.config.place import DRAFT, Site

GOOD = b"""\
name: test-server
validFor: P7D
gates:
  server-origin: {}
"""
PACKAGE = "pypi:mcp-server-time==2026.10.10"
LOCK = f"sha256:{'8' * 64}"


def judge(
    here: Site,
    *,
    name: str = "clock",
    lock: str = LOCK,
    package: str = PACKAGE,
    allowed: str = "ann",
    policy: bytes = GOOD,
    signer: Signer | None = None,
    at: datetime | None = None,
    with_body: bool = True,
) -> str:
    """Put a verdict into the store of *here*; RED if no one *allowed* the server. Its digest."""
    now = at or here.now
    installed = Installation(
        package=package,
        source="pypi",
        runtime="python3.11",
        lock=lock,
        tree=f"sha256:{'1' * 64}",
        sealed=f"sha256:{'1' * 64}",
        launch=digest(Launching(package=package)),
        launching=Launching(package=package),
        allowed=allowed,
    )
    digests = (f"sha256:{'2' * 64}",)
    root = Pinned(
        purl="pkg:pypi/mcp-server-time@2026", name="mcp-server-time", version="2026", digests=digests, root=True, installed=True
    )
    bodies = tuple(evidence(one, at=now) for one in (installed, Packages(packages=(root,))))
    nowhere = Path("/nowhere")
    request = Request(
        target=nowhere, named=name, kind="mcp-server", tier=Tier.AIR_GAPPED, now=now, trust=nowhere, data=nowhere, cache=nowhere
    )
    read: Policy = parse_policy(policy, where="test")
    plan = make_plan(request, read, gates=SERVER.gates(read))
    report = conclude(replace(plan, collectors=()), {one.kind: one for one in bodies}, runner="direct")
    sealed = seal(report, signer or here.publisher_key)
    kept = {one.digest: canonical_bytes(one.body) for one in bodies} if with_body else {}
    here.store.put(sealed, kept, at=now, signer=here.publisher_key)
    return f"sha256:{hashlib.sha256(sealed).hexdigest()}"


def naming(name: str = "clock", lock: str = LOCK, draft: bytes = DRAFT) -> bytes:
    """*draft*, whose server ``time`` is the hosted server *name* as *lock* has it."""
    return draft.replace(
        b'package: "pypi:mcp-server-time==2026.10.10"}',
        f'package: "{PACKAGE}", hosted: {{name: {name}, lock: "{lock}"}}}}'.encode(),
    )
