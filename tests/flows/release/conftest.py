"""A model with the description of its release, and the policy that judges releases."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pytest

from artifacts.store import Store
from capabilities.release.check import CheckedRelease, CheckRelease, check_release
from flows.place import Place
from tests.models import CLOCK, Bench, bench, good_model

SITE = "edge-07"


@dataclass(frozen=True, kw_only=True)
class World:
    """A bench with a model, the description of its release, and the policy that judges releases."""

    here: Bench
    model: Path
    file: Path
    policy: Path

    def at(self, now: datetime = CLOCK, site: str = SITE) -> Place:
        place = self.here.place(now=now)
        return replace(place, settings=replace(place.settings, site=site))

    def check(self, now: datetime = CLOCK, **more: bool) -> CheckedRelease:
        return check_release(CheckRelease(description=self.file, policy=str(self.policy), **more), self.at(now))

    def kept(self) -> int:
        with Store(self.here.settings.store) as store:
            return len(store.entries())


@pytest.fixture
def world(tmp_path: Path) -> World:
    here = bench(tmp_path)
    model = good_model(here)
    short = tmp_path / "short.yaml"
    short.write_text("name: short\nvalidFor: P2D\ngates: {integrity: {}}\n")
    digests = [f"sha256:{hashlib.sha256(one.read_bytes()).hexdigest()}" for one in (here.policy, short)]
    policy = tmp_path / "release.policy.yaml"
    policy.write_text(
        "name: ours\nvalidFor: P7D\ngates:\n  release:\n    margin: PT1H\n    parts:\n"
        f"      - {{flow: readiness, policies: ['{digests[0]}'], signers: [{{key: own}}], gates: [weights], says: [model]}}\n"
        f"      - {{flow: supply-chain, policies: ['{digests[1]}'], signers: [{{key: own}}]}}\n"
    )
    file = tmp_path / "release.yaml"
    file.write_text(
        f"name: tiny-at-{SITE}\nsite: {SITE}\nparts:\n"
        "  chain: {flow: readiness, target: tiny, policy: policy.yaml}\n"
        "  files: {flow: supply-chain, target: tiny, policy: short.yaml}\n".replace("policy: ", f"policy: {tmp_path}/")
    )
    return World(here=here, model=model, file=file, policy=policy)
