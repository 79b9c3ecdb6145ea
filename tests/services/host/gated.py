"""Verdicts for hosted servers of tests: the real gate on what is there, sealed by a key of the test, at a fixed time."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from arcops.evidence import Body
from arcops.policy import Policy
from arcops.request import Request
from arcops.seen.server import Installation, Packages
from arcops.seen.server_tools import ServerTools
from arcops.tier import Tier
from artifacts.bundle import seal
from artifacts.vouch import Grounds
from artifacts.wire import canonical_bytes, digest
from flows.conclude import conclude
from flows.plan import make_plan
from flows.policies.reading import parse_policy
from flows.subjects.server import SERVER
from services.host.known_since import KnownSince
from services.host.rows import HostedRow, Judgement, Rows
from services.host.spec import launching
from services.host.verdicts import Verdicts
from tasks.server.installed_tree import seen
from tests.evidence import NOW, evidence
from tests.signing import Key

POLICY = b"""\
name: test-server
validFor: P7D
amberPasses: true
gates:
  server-origin: {sources: [folder], foldersWarn: true, network: true, reads: [/], writes: [/]}
"""


class Judges:
    """What judges here: a key that is trusted, a policy and a clock, which tests change."""

    def __init__(self, policy: bytes = POLICY) -> None:
        self.key = Key()
        self.ground = Grounds(keys=(self.key.public,))
        self.policy: Policy = parse_policy(policy, where="test")
        self.now: datetime = NOW
        self.data = Path("/nonexistent")

    @property
    def verdicts(self) -> Verdicts:
        return Verdicts(lambda: self.ground, lambda spec: self.policy, lambda: self.now, KnownSince(self.data))

    def judge(self, rows: Rows, row: HostedRow, source: Path, *, allowed: str = "ann", key: Key | None = None) -> HostedRow:
        """Keep a verdict about *row*, whose folder is *source*."""
        return self.keep(rows, row, self.sealed(row, content_of(source), allowed=allowed, key=key))

    def policy_sources(self, *sources: str) -> None:
        """From now on the policy permits these *sources*."""
        self.policy = parse_policy(POLICY.replace(b"[folder]", f"[{', '.join(sources)}]".encode()), where="test")

    def judge_tree(self, rows: Rows, row: HostedRow, tree: Path, *, source: str) -> HostedRow:
        """As `judge`, for what is installed in *tree* from another *source* than a folder."""
        return self.keep(rows, row, self.sealed(row, seen(tree).content, source=source))

    def with_tools(self, rows: Rows, row: HostedRow, source: Path, tools: ServerTools) -> HostedRow:
        """As `judge`, by a policy that asks what the server offers too."""
        self.policy = parse_policy(POLICY + b"  server-tools: {}\n", where="test")
        bundle = self.sealed(row, content_of(source), more=(tools,))
        return self.keep(rows, row, bundle, tools=canonical_bytes(tools).decode())

    def keep(self, rows: Rows, row: HostedRow, bundle: bytes, *, artifact: str = "", tools: str = "") -> HostedRow:
        assert row.current.lock is not None
        launch = digest(launching(row.current.spec))
        artifact = artifact or f"sha256:{hashlib.sha256(bundle).hexdigest()}"
        found = Judgement(artifact=artifact, bundle=bundle.decode(), tools=tools)
        return rows.judge(row.name, row.current.lock.digest, launch, found)

    def sealed(
        self,
        row: HostedRow,
        content: str,
        *,
        allowed: str = "ann",
        key: Key | None = None,
        named: str = "",
        kind: str = "",
        more: tuple[Body, ...] = (),
        source: str = "folder",
    ) -> bytes:
        """The sealed verdict about *row* with the files *content*."""
        lock, start = row.current.lock, launching(row.current.spec)
        assert lock is not None
        installed = Installation(
            package=lock.package,
            source=source,
            runtime=lock.runtime,
            lock=lock.digest,
            tree=content,
            sealed=content,
            launch=digest(start),
            launching=start,
            allowed=allowed,
        )
        found = {one.KIND: evidence(one) for one in (installed, Packages(packages=(), listed=False), *more)}
        nowhere = Path("/nowhere")
        request = Request(
            target=nowhere,
            named=named or row.name,
            kind=kind or "mcp-server",
            tier=Tier.AIR_GAPPED,
            now=self.now,
            trust=nowhere,
            data=nowhere,
            cache=nowhere,
        )
        plan = make_plan(request, self.policy, gates=SERVER.gates(self.policy))
        report = conclude(replace(plan, collectors=()), found, runner="direct")
        return seal(report, key or self.key)


def content_of(source: Path) -> str:
    """The digest of what is installed of the folder *source*."""
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copytree(source, Path(scratch) / "copy", symlinks=True)
        return seen(Path(scratch)).content
