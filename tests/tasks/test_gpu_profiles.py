"""Capability profiles: each figure has its source, each device that is as its profile says is healthy, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from arcops.errors import Refused
from arcops.evidence import Evidence
from arcops.finding import Outcome
from arcops.seen.gpu_profile import Area, GpuProfiles, Profile
from arcops.verdict import Verdict
from tasks.gpu.gpu_profiles import parse_profile, shipped_profiles
from tests.gpu import bad, check_here, folder, outcome
from tests.simulators.nvml import H100, Driver

pytestmark = pytest.mark.requirement("ARC-C1/thresholds-are-by-kind")

PROFILES = [profile for profile, _ in shipped_profiles()]
_NVML_GENERATIONS = {20: 2, 30: 4, 31: 5, 40: 6, 50: 7}

_ANSWERS: dict[Area, tuple[str, ...]] = {
    Area.MEMORY_SIZE: ("memory",),
    Area.HEAT: ("temperature", "slows-at", "margin", "field.82"),
    Area.CLOCKS: ("reasons",),
    Area.POWER: ("power.",),
    Area.PCIE_LINK: ("pcie.generation", "pcie.slot", "pcie.own", "pcie.width", "pcie.most-width"),
    Area.PCIE_ERRORS: ("pcie.replays", "field.180", "field.179"),
    Area.FIRMWARE: ("vbios", "inforom"),
}
"""The simulator's answers in each area."""


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Driver:
    made = folder(tmp_path)
    for name, value in made.environment().items():
        monkeypatch.setenv(name, value)
    return made


def device(profile: Profile) -> dict[str, object]:
    """What a healthy device answers that can do what *profile* says, and nothing else."""
    told: dict[str, object] = {**H100, "name": profile.names[0], "memory": profile.memory.value}
    lacks: list[str] = []
    if not profile.row_remapping.value:
        lacks.append("rows.")
    if not profile.sram_threshold.value:
        lacks.append("sram.")
    if not profile.fabric.value:
        lacks.append("fabric.")
    if not profile.mig_instances.value:
        lacks.append("mig")
    if not profile.nvlinks.value:
        lacks += ["nvlink.", "field.91"]
    if not profile.ecc.value:
        lacks += ["ecc", "errors."]
    told = {key: value for key, value in told.items() if not key.startswith(tuple(lacks))}
    if profile.page_retirement.value:
        told |= {"pages.0": 0, "pages.1": 0, "pages.pending": 0}
    if profile.nvlinks.value:
        assert profile.nvlink_generation is not None
        told |= {"field.91": profile.nvlinks.value, "nvlink.version": _NVML_GENERATIONS[profile.nvlink_generation.value]}
    if profile.mig_instances.value:
        told |= {"mig.most": profile.mig_instances.value}
    generation, width = profile.pcie_generation.value, profile.pcie_width.value if profile.pcie_width else 16
    told |= {f"pcie.{what}": generation for what in ("generation", "slot", "own")}
    told |= {"pcie.width": width, "pcie.most-width": width}
    for one in profile.inapplicable:  # it answers nothing there, as such devices do
        told = {key: value for key, value in told.items() if not key.startswith(_ANSWERS[one.area])}
    if profile.lacks(Area.POWER):
        return told
    power = profile.power.value
    return told | {"power.limit": power, "power.standard": power, "power.least": power // 2, "power.most": power}


def test_every_kind_that_we_promised_has_a_profile() -> None:
    skus = {profile.sku for profile in PROFILES}
    promised: tuple[str, ...] = (
        "T4",
        "A2",
        "A16",
        "A10",
        "A30",
        "A40",
        "L4",
        "L40",
        "L40S",
        "V100",
        "A100",
        "H100",
        "H200",
        "GH200",
        "B200",
    )
    promised += ("GB200", "B300", "GB10", "RTX 6000 Ada", "RTX PRO", "A10G", "H20", "H800")
    assert not [kind for kind in promised if not any(sku == kind or sku.startswith(f"{kind} ") for sku in skus)]


ELSEWHERE = {"A10G": "d1.awsstatic.com", "H800 SXM 80 GB": "chaoqing-i.com", "H20 96 GB": "arthurchiao.art"}
"""NVIDIA's own pages say little or nothing of these kinds, so another host is named: the first two have the vendor's data
sheet, the third a table of somebody else, and its title says so.
"""


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.sku)
class TestEach:
    def test_every_figure_leads_to_a_publication_of_the_vendor(self, profile: Profile) -> None:
        publications = {publication.id: publication for publication in profile.publications}
        for name, figure in profile.figures():
            source = publications[figure.source]
            host = source.address.split("/")[2]
            assert figure.where, name
            if not host.endswith("nvidia.com"):
                assert host == ELSEWHERE.get(profile.sku), name
                assert source.title.startswith("NVIDIA ") or "not the vendor's" in source.title, name

    def test_a_device_that_is_as_its_profile_says_is_healthy(
        self, node: Driver, monkeypatch: pytest.MonkeyPatch, profile: Profile
    ) -> None:
        node.device = device(profile)
        report, _ = check_here(node, monkeypatch)
        assert report.verdict is Verdict.GREEN, bad(report)

    def test_what_its_profile_gives_it_must_be_there(
        self, node: Driver, monkeypatch: pytest.MonkeyPatch, profile: Profile
    ) -> None:
        whole = device(profile)
        short = {**whole, "memory": profile.memory.value * 9 // 10, "pcie.slot": profile.pcie_generation.value - 1}
        short = {key: value for key, value in short.items() if not key.startswith(("ecc", "rows.", "pages.", "mig"))}
        if profile.nvlinks.value:
            short["nvlink.0.active"] = 0
        node.device = short
        broken = set(bad(check_here(node, monkeypatch)[0]))
        wanted = {"memory-size", "pcie-link"} - {one.area.value for one in profile.inapplicable}
        wanted |= {"ecc-mode"} if profile.ecc.value else set()
        wanted |= {"spares"} if profile.row_remapping.value or profile.page_retirement.value else set()
        wanted |= {"nvlink"} if profile.nvlinks.value else set()
        wanted |= {"mig"} if profile.mig_instances.value else set()
        assert {f"gpu-health/{rule}" for rule in wanted} <= broken


GOOD = b"""
sku: Tiny 1 GB
names: ["NVIDIA H100 80GB HBM3"]
publications: [{id: sheet, title: Sheet, address: "https://example.org"}]
memory: {value: 1, source: sheet, where: "page 1"}
bandwidth: {value: 1, source: sheet, where: "page 1"}
ecc: {value: false, source: sheet, where: "page 1"}
rowRemapping: {value: false, source: sheet, where: "page 1"}
pageRetirement: {value: false, source: sheet, where: "page 1"}
sramThreshold: {value: false, source: sheet, where: "page 1"}
nvlinks: {value: 0, source: sheet, where: "page 1"}
fabric: {value: false, source: sheet, where: "page 1"}
pcieGeneration: {value: 1, source: sheet, where: "page 1"}
migInstances: {value: 0, source: sheet, where: "page 1"}
power: {value: 1, source: sheet, where: "page 1"}
"""


def test_a_profile_is_read() -> None:
    assert parse_profile(GOOD, what="test").sku == "Tiny 1 GB"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"memory: {value: 1, source: sheet", b"memory: {value: 1, source: hearsay"),
        (b'power: {value: 1, source: sheet, where: "page 1"}', b'power: {value: 1, source: sheet, where: ""}'),
        (b"memory: {value: 1,", b"memory: {value: -1,"),
        (b'power: {value: 1, source: sheet, where: "page 1"}', b""),
        (b"ecc: {value: false", b"ecc: {value: perhaps"),
        (b"memory: {value: 1,", b'memory: {value: "1",'),
        (b'["NVIDIA H100 80GB HBM3"]', b"[]"),
        (b"sku: Tiny 1 GB", b"sku: Tiny 1 GB\ncolour: green"),
        (b"sku: Tiny 1 GB", b"sku: Tiny 1 GB\nsku: Tiny 2 GB"),
    ],
)
def test_a_profile_without_a_source_or_with_a_slip_is_refused(before: bytes, after: bytes) -> None:
    assert before in GOOD
    with pytest.raises(Refused):
        parse_profile(GOOD.replace(before, after, 1), what="test")


class TestOfThePolicy:
    """A policy may bring profiles for kinds without a shipped one; they win, and their figures count."""

    def policy(self, profile: bytes) -> str:
        indented = profile.decode().strip().replace("\n", "\n          ")
        return f"name: own\nvalidFor: P1D\ngates:\n  gpu-health:\n    profiles:\n      -   {indented}\n"

    def test_an_unknown_kind_is_judged_by_the_profile_that_the_policy_brings(
        self, node: Driver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        node.device["name"] = "NVIDIA Some New GPU"
        own = self.policy(GOOD.replace(b"NVIDIA H100 80GB HBM3", b"NVIDIA Some New GPU"))
        report, _ = check_here(node, monkeypatch, policy=own)
        assert outcome(report, "gpu-health/profile") is Outcome.PASS
        report, collected = check_here(node, monkeypatch)
        assert outcome(report, "gpu-health/profile") is Outcome.UNKNOWN
        found = collected["gpu-profiles"]
        assert isinstance(found, Evidence)
        assert isinstance(found.body, GpuProfiles)
        assert found.body.profiles == ()

    def test_it_wins_over_the_one_that_ships(self, node: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
        bigger = GOOD.replace(b"memory: {value: 1,", b"memory: {value: 999000000000,")
        report, _ = check_here(node, monkeypatch, policy=self.policy(bigger))
        assert "Tiny 1 GB has 999.0 GB" in bad(report)["gpu-health/memory-size"]
