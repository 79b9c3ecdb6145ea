"""The vendor's published speeds: dense operations in each format that a kind has, and no format that it does not have."""

from __future__ import annotations

import pytest

from arcops.seen.gpu_profile import Profile
from tasks.gpu.gpu_profiles import shipped_profiles

pytestmark = pytest.mark.requirement("ARC-C2/figures-are-judged-by-baseline-and-kind")

PROFILES = [profile for profile, _ in shipped_profiles()]
WITHOUT_TENSOR_FIGURES = {
    "RTX 6000 Ada Generation", "RTX PRO 6000 Blackwell Server Edition", "RTX PRO 6000 Blackwell Workstation Edition",
    "RTX PRO 6000 Blackwell Max-Q Workstation Edition",
}  # fmt: skip
"""The vendor's page gives these with sparsity in one format alone."""
UNPUBLISHED = {"fp32": {"B300", "GB200"}, "tf32": {"GH200 96 GB"}, "bf16": {"A16"}, "fp8": {"H20 96 GB"}}
"""Formats that these have, and for which their page gives no figure of one device."""


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.sku)
def test_a_kind_has_figures_for_its_formats(profile: Profile) -> None:
    figures = {name for name in ("fp32", "tf32", "fp16", "bf16", "fp8") if getattr(profile, name)}
    if profile.sku == "GB10":
        assert figures == set(), "its page gives FP4 with sparsity alone"
        return
    if profile.sku in WITHOUT_TENSOR_FIGURES:
        assert figures == {"fp32"}
        return
    before_ampere = profile.sku.startswith(("T4", "V100"))
    hardware = {"fp32", "fp16"} | (set() if before_ampere else {"tf32", "bf16"})
    hardware |= {"fp8"} if profile.sku.startswith(("L4", "H", "B", "GB", "GH")) else set()
    assert figures == hardware - {name for name, skus in UNPUBLISHED.items() if profile.sku in skus}


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.sku)
def test_the_figures_stand_to_each_other_as_the_hardware_does(profile: Profile) -> None:
    """Half precision at twice the rate of TF32, and FP8 at twice that of half precision: a figure with sparsity breaks it."""
    if profile.tf32 and profile.fp16:
        assert profile.fp16.value == pytest.approx(2 * profile.tf32.value, rel=0.02)
    if profile.bf16 and profile.fp16:
        assert profile.bf16.value == profile.fp16.value
    if profile.fp8 and profile.fp16:
        assert profile.fp8.value == pytest.approx(2 * profile.fp16.value, rel=0.02)
    if profile.fp32:
        assert profile.fp32.value < 130e12
