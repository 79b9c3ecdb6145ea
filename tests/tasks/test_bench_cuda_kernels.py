"""Every kernel is compiled by NVIDIA's own compiler for every architecture that we promise; that needs no GPU."""

from __future__ import annotations

import re
from functools import cache

import pytest

from arcops.errors import Broken, Refused
from tasks.gpu.bench.cuda.compiler import Compiled, Compiler
from tasks.gpu.bench.cuda.multiply import tensor_options
from tasks.gpu.bench.cuda.numbers import FORMATS, FP32, NumberFormat

pytest.importorskip("cuda.bindings.nvrtc", reason="NVRTC is not installed (extra 'gpu'), so no kernel is compiled")
pytestmark = pytest.mark.requirement("ARC-C2/every-kernel-compiles")

ARCHITECTURES = ("sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_90a", "sm_100", "sm_120")
PLAIN = ("spread", "whole", "copy", "triad", "compare", "canary")
MOST_REGISTERS = {"plain.cu": 64, "single.cu": 128, "tensor.cu": 255}
"""Two blocks of 256 threads of single.cu fit a multiprocessor, one of tensor.cu."""


@cache
def compiler() -> Compiler:
    return Compiler()


def capability(architecture: str) -> int:
    return int(architecture.removeprefix("sm_").rstrip("a"))


def compiled(source: str, architecture: str, **given: str | int) -> Compiled:
    return compiler().compile(source, architecture, given, more=("--ptxas-options=-v",))


def hold(made: Compiled, source: str) -> None:
    """Nothing goes through local memory, and the registers stay within bounds."""
    spills = [int(number) for number in re.findall(r"(\d+) bytes (?:stack frame|spill stores|spill loads)", made.said)]
    assert spills, made.said
    assert not any(spills), made.said
    assert max(int(number) for number in re.findall(r"Used (\d+) registers", made.said)) <= MOST_REGISTERS[source]
    assert made.image[:4] == b"\x7fELF"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_plain_kernels(architecture: str) -> None:
    made = compiled("plain.cu", architecture)
    hold(made, "plain.cu")
    assert [name for name in PLAIN if f".entry {name}(" in made.ptx] == list(PLAIN)
    copy = made.ptx.partition(".entry copy(")[2].partition(".entry")[0]
    assert copy.count("ld.global.cs.v4") == copy.count("st.global.cs.v4") == 4  # four loads of 16 bytes in flight
    canary = made.ptx.partition(".entry canary(")[2]
    assert canary.count("mad.lo") >= 16  # the compiler has not folded the steps into one
    assert canary.count("shr.u32") >= 16


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_single_precision(architecture: str) -> None:
    made = compiled("single.cu", architecture, multiply="multiply_fp32")
    hold(made, "single.cu")
    assert "mma" not in made.ptx
    assert made.ptx.count("fma.rn.f32") >= 8 * 8 * 8


INSTRUCTION = {
    "tf32": "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32",
    "fp16": "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32",
    "bf16": "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32",
    "fp8": "mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e4m3.f32",
}


@pytest.mark.parametrize(
    ("architecture", "made"),
    [
        (architecture, made)
        for architecture in ARCHITECTURES
        for made in FORMATS
        if made is not FP32 and made.capability <= capability(architecture)
    ],
    ids=lambda value: value.name if isinstance(value, NumberFormat) else str(value),
)
def test_tensor_cores(architecture: str, made: NumberFormat) -> None:
    options = tensor_options(made, capability(architecture))
    result = compiled("tensor.cu", architecture, **options)
    hold(result, "tensor.cu")
    old = capability(architecture) < 80
    instruction = "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32" if old else INSTRUCTION[made.name]
    # 64 bytes of depth are two steps; in each a warp makes 4 x WIDE / 32 sums of 16 x 8; Turing needs two for each.
    assert result.ptx.count(instruction) == 2 * 4 * int(options["WIDE"]) // 32 * (2 if old else 1)
    assert result.ptx.count("ldmatrix.sync.aligned.m8n8.x4") >= 2 * 4
    assert ("cp.async" in result.ptx) != old


def test_a_format_that_came_later_does_not_compile() -> None:
    with pytest.raises(Broken, match="does not compile for sm_75"):
        compiled("tensor.cu", "sm_75", **tensor_options(FORMATS[-1], 89))


class TestTheArchitecture:
    def test_of_a_device_that_the_compiler_knows(self) -> None:
        assert compiler().architecture(90).option == "sm_90"

    def test_of_a_newer_one_is_portable(self) -> None:
        chosen = compiler().architecture(999)
        assert not chosen.binary
        made = compiler().compile("plain.cu", chosen.option, {})
        assert made.image.startswith(b"//")
        assert made.image.rstrip(b"\0").decode() == made.ptx

    def test_of_an_older_one_is_refused(self) -> None:
        with pytest.raises(Refused, match=r"capability 5\.2; NVRTC .* supports 7\.5 and newer"):
            compiler().architecture(52)
