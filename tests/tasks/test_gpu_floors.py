"""The vendor's published speeds: dense operations in each format that a kind has, and no format that it does not have."""

from __future__ import annotations

import pytest

from arcops.seen.gpu_profile import Profile
from tasks.gpu.gpu_profiles import shipped_profiles

pytestmark = pytest.mark.requirement("ARC-C2/figures-are-judged-by-baseline-and-kind")

PROFILES = [profile for profile, _ in shipped_profiles()]
WITHOUT_TENSOR_FIGURES = {"RTX PRO 6000 Blackwell Server Edition"}
"""The vendor's page gives these with sparsity in FP4 alone."""


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.sku)
def test_a_kind_has_figures_for_its_formats(profile: Profile) -> None:
    figures = {name: figure for name in ("fp32", "tf32", "fp16", "bf16", "fp8") if (figure := getattr(profile, name))}
    assert "fp32" in figures
    if profile.sku in WITHOUT_TENSOR_FIGURES:
        assert set(figures) == {"fp32"}
        return
    turing, small = profile.sku == "T4", profile.sku == "A16"  # the data sheet of the A16 does not name BFLOAT16
    assert ("tf32" in figures, "bf16" in figures) == (not turing, not turing and not small)
    assert ("fp8" in figures) == profile.sku.startswith(("L4", "H", "B2"))


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.sku)
def test_the_figures_stand_to_each_other_as_the_hardware_does(profile: Profile) -> None:
    """Half precision at twice the rate of TF32, and FP8 at twice that of half precision: a figure with sparsity breaks it."""
    if profile.tf32 and profile.fp16:
        assert profile.fp16.value == pytest.approx(2 * profile.tf32.value, rel=0.02)
    if profile.bf16 and profile.fp16:
        assert profile.bf16.value == profile.fp16.value
    if profile.fp8 and profile.fp16:
        assert profile.fp8.value == pytest.approx(2 * profile.fp16.value, rel=0.02)
    assert profile.fp32.value < 130e12 if profile.fp32 else False
