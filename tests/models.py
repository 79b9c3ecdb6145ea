"""A bench to check models at: a home of its own with a key that is trusted there, and small models that are good."""

from __future__ import annotations

import hashlib
import json
import struct
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from arcops.request import Request
from arcops.result import Report
from artifacts.bundle import open_sealed
from artifacts.private_key import Algorithm, Signer, load_signer
from artifacts.public_key import load_public_key
from capabilities.keys.keys import NewKey, TrustKey, new_key, trust_key
from capabilities.model.check import Check, CheckedModel, check_model
from capabilities.model.sbom import MakeSbom, make_model_sbom
from capabilities.model.sign import Sign, sign_model_files
from flows.place import Place
from flows.plan import Plan, make_plan
from flows.policies.reading import load_policy
from foundation.settings import Settings, read_settings

CLOCK = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PASSPHRASE = "for the tests alone"
BUILDER = "https://arcops.dev/builders/local"
SOURCE = "https://models.example/tiny"

POLICY = f"""
name: bench
validFor: P7D
gates:
  integrity: {{}}
  weights: {{}}
  signatures: {{signers: [{{key: "*"}}], requireRevocations: false}}
  provenance:
    signers: [{{key: "*"}}]
    builders: [{{id: "{BUILDER}", level: 1}}]
    minimumBuildLevel: 1
    buildTypes: [https://arcops.dev/build-types/signed-as-found/v1]
    sources: [https://models.example]
  sbom: {{}}
  licence: {{allowed: [MIT], componentLicences: root-only, requiredCardFacts: [licence]}}
"""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Everything that a check needs, below one folder."""

    home: Path
    settings: Settings
    signer: Signer
    public: Path
    policy: Path
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def admission(self) -> Path:
        """An admission policy by which answers of this bench's own policy and key count."""
        path = self.home.parent / "admission.yaml"
        digest = hashlib.sha256(self.policy.read_bytes()).hexdigest()
        path.write_text(
            "name: bench-admission\nvalidFor: PT1H\ngates:\n  admission:\n"
            f"    signers: [{{key: '{self.signer.public.id}'}}]\n    policies: ['sha256:{digest}']\n"
        )
        return path

    @property
    def environment(self) -> dict[str, str]:
        return {"ARCOPS_HOME": str(self.home), "ARCOPS_PASSPHRASE": PASSPHRASE, "ARCOPS_TIER": "air-gapped"}

    def check(self, model: Path, *, policy: str = "", attached: tuple[Path, ...] = (), now: datetime = CLOCK) -> CheckedModel:
        return check_model(Check(target=model, policy=policy or str(self.policy), attached=attached), self.place(now=now))

    def place(self, *, now: datetime = CLOCK) -> Place:
        return Place(
            settings=self.settings,
            now=lambda: now,
            signer=lambda: self.signer,
            secret=lambda path: PASSPHRASE,
            stop=self.stop,
            own=True,
        )

    def plan(self, model: Path, *, now: datetime = CLOCK) -> Plan:
        request = Request(
            target=model, kind="model", tier=self.settings.tier, now=now, trust=self.settings.trust,
            data=self.settings.data, cache=self.settings.cache, workers=2,
        )  # fmt: skip
        return make_plan(request, load_policy(str(self.policy)))

    def sign(self, model: Path, *, now: datetime = CLOCK) -> None:
        sign_model_files(Sign(target=model, builder=BUILDER, source=SOURCE), self.place(now=now))

    def open(self, artifact: Path) -> Report:
        return open_sealed(artifact.read_bytes(), [load_public_key(self.public.read_bytes(), where="bench")]).report


def bench(folder: Path) -> Bench:
    home = folder / "home"
    home.mkdir(mode=0o700, parents=True)
    settings = read_settings({"ARCOPS_HOME": str(home), "ARCOPS_WORKERS": "2"})
    bare = Place(settings=settings, now=lambda: CLOCK, signer=_no_signer, secret=lambda path: PASSPHRASE, own=True)
    made = new_key(NewKey(algorithm=Algorithm.ED25519), bare)
    trust_key(TrustKey(public=made.public.read_text()), bare)
    policy = folder / "policy.yaml"
    policy.write_text(POLICY)
    settings.policies.mkdir()
    (settings.policies / "bench.yaml").write_text(POLICY)  # for remote callers, and for workers
    signer = load_signer(settings.key, lambda what: PASSPHRASE)
    return Bench(home=home, settings=settings, signer=signer, public=made.public, policy=policy)


def _no_signer() -> Signer:
    raise AssertionError("making and trusting a key signs nothing")


def safetensors(**tensors: int) -> bytes:
    """A model file with tensors of so many float32 zeros."""
    offset, header = 0, {}
    for name, count in tensors.items():
        header[name] = {"dtype": "F32", "shape": [count], "data_offsets": [offset, offset + 4 * count]}
        offset += 4 * count
    raw = json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + bytes(offset)


def good_model(here: Bench, *, signed: bool = True, now: datetime = CLOCK) -> Path:
    """A small model that the bench's policy finds GREEN: weights, card, licence, SBOM, provenance and signature."""
    model = here.home.parent / "tiny"
    model.mkdir()
    (model / "model.safetensors").write_bytes(safetensors(weight=1000, bias=10))
    (model / "config.json").write_text('{"model_type": "tiny"}')
    (model / "README.md").write_text("---\nlicense: mit\nlanguage: en\n---\n# Tiny\n\nFor tests.\n")
    make_model_sbom(MakeSbom(target=model, version="1.0", supplier="Tests", licence="MIT"), here.place(now=now))
    if signed:
        here.sign(model, now=now)
    return model
