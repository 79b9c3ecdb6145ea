"""A description is read strictly: what is wrong is one clear sentence, and nothing is done by halves."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused
from tasks.fit.description import parse_description
from tasks.fit.profiles import partition_of, shipped_engines, shipped_partitions

pytestmark = pytest.mark.requirement("ARC-R3/models-fit-together")

MODEL = "path: m, engine: vllm, context: 4096"
CIRCLE = ("ab", "bc", "ca")


def told(models: str = f"chat: {{{MODEL}}}", gpus: str = "edge: {sku: L4}", more: str = "") -> bytes:
    return f"name: edge\ngpus: {{{gpus}}}\nmodels: {{{models}}}\n{more}".encode()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (told(more="colour: red"), "'colour' is not a known field"),
        (told(f"chat: {{{MODEL}, speed: 3}}"), r"models\['chat'\]: 'speed' is not a known field"),
        (told(gpus="edge: {sku: NVIDIA GeForce RTX 9999}"), "no profile of a GPU 'NVIDIA GeForce RTX 9999'"),
        (told("chat: {path: m, engine: hal, context: 1}"), "knows no engine 'hal'; it knows llama.cpp, onnxruntime"),
        (told("chat: {path: m, engine: vllm, context: 0}"), "models.chat.context is 0; a figure from 1 to 134,217,728"),
        (told("chat: {path: m, engine: vllm, context: 999999999999}"), "context is 999,999,999,999"),
        (told(f"chat: {{{MODEL}, concurrency: -1}}"), "concurrency is -1"),
        (told(f"chat: {{{MODEL}, replicas: 1000}}"), "replicas is 1,000"),
        (told(gpus="edge: {sku: L4, count: 1000}"), "gpus.edge.count is 1,000"),
        (told(gpus="edge: {sku: L4, memory: 99TiB}"), "gpus.edge.memory is 108,851,651,149,824"),
        (told(gpus="edge: {sku: L4, memory: much}"), "'much' is not a size"),
        (told(f"chat: {{{MODEL}, memoryFraction: 1.5}}"), "memoryFraction: '1.5' is no share"),
        (told(f"chat: {{{MODEL}, memoryFraction: 0}}"), "memoryFraction: '0' is no share"),
        (told(f"chat: {{{MODEL}, cache: q3}}"), "'q3' is no type of a cache"),
        (told(f"chat: {{{MODEL}, slo: {{tpot: fast}}}}"), "slo.tpot: 'fast' is not a time"),
        (told(f"chat: {{{MODEL}, slo: {{ttft: 1s}}}}"), "slo.prompt is 0; a time to the first token needs a prompt"),
        (told("chat: {path: m, engine: llama.cpp, context: 1, tensorParallel: 2}"), "splits a model by layers"),
        (told(f"chat: {{{MODEL}, endpoint: 'http://127.0.0.1:1'}}"), "'endpoint' and 'served'"),
        (told(", ".join(f"{a}: {{{MODEL}, after: [{b}]}}" for a, b in CIRCLE)), r"circle \(a after b after c after a\)"),
        (told(f"a: {{{MODEL}, after: [a]}}"), r"circle \(a after a\)"),
        (told(f"a: {{{MODEL}, after: [b]}}"), "after names 'b', which is no model"),
        (told(f"a: {{{MODEL}, on: [edge/7]}}"), "on names 'edge/7'; the devices are edge/0"),
        (told(f"a: {{{MODEL}, replicas: 2, on: [edge/0]}}"), "on names 1 device"),
        (told(f"a: {{{MODEL}, tensorParallel: 2, on: [edge/0, edge/0]}}"), "the same device twice"),
        (told(gpus="edge: {sku: L4, mig: [1g.5gb]}"), "which instances L4 can have"),
        (told(gpus="edge: {sku: NVIDIA H200, mig: [1g.5gb]}"), "has no instance '1g.5gb' that ArcOps knows, only 1g.18gb"),
        (told(gpus="edge: {sku: NVIDIA H200, mig: [4g.71gb, 4g.71gb]}"), "cannot be divided into 4g.71gb, 4g.71gb at once"),
        (told(models=""), "'models' names 0"),
        (told(models=f"'a b': {{{MODEL}}}"), "models.a b is not a plain name"),
        (b"[]", "one mapping"),
        (b"{", "cannot be read"),
        (b"name: &a [*a]", "aliases are not allowed"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_sentence(text: bytes, said: str) -> None:
    with pytest.raises(Refused, match=said) as refused:
        parse_description(text, about="fit.yaml")
    assert str(refused.value).startswith("fit.yaml")
    assert "\n" not in str(refused.value)


def test_what_is_right_is_read() -> None:
    wanted = parse_description(
        told(
            f"chat: {{{MODEL}, memoryFraction: 0.92, slo: {{tpot: 50ms, ttft: 2s, prompt: 100}}, after: [code]}}, "
            "code: {path: c.gguf, engine: ollama, context: 8192, cache: q8_0, on: [edge/1/0]}",
            "edge: {sku: NVIDIA H200, count: 2, mig: [3g.71gb, 3g.71gb], reserved: 0.5GiB}",
        ),
        about="fit.yaml",
    )
    chat, code = wanted.models
    assert (chat.share, chat.slo.tpot, chat.slo.ttft, chat.slo.prompt) == (920, 50_000, 2_000_000, 100)
    assert (code.engine, code.cache, code.on) == ("llama.cpp", "q8_0", ("edge/1/0",))
    assert (wanted.gpus[0].sku, wanted.gpus[0].reserved) == ("H200 SXM", 512 << 20)


@given(st.binary(max_size=400))
def test_bytes_of_any_kind_are_read_or_refused(data: bytes) -> None:
    with suppress(Refused):
        parse_description(data, about="fit.yaml")


def test_every_engine_and_instance_names_its_source() -> None:
    """Each figure of the data files has a publication and a place; a file without would not load."""
    assert {one.engine for one, _ in shipped_engines()} >= {"vllm", "sglang", "tgi", "tensorrt-llm", "llama.cpp", "onnxruntime"}
    assert all(list(one.figures()) for one, _ in shipped_engines())
    for partition, _ in shipped_partitions():
        for one in partition.instances:
            assert partition.holds((one.name,))


@pytest.mark.parametrize(
    ("names", "fit"),
    [
        (("3g.71gb", "3g.71gb"), True),
        (("4g.71gb", "3g.71gb"), True),
        (("1g.18gb",) * 7, True),
        (("1g.18gb",) * 8, False),
        (("2g.35gb", "2g.35gb", "2g.35gb", "1g.18gb"), True),
        (("2g.35gb",) * 4, False),
        (("7g.141gb", "1g.18gb"), False),
        (("1g.35gb",) * 4, True),
    ],
)
def test_a_gpu_is_divided_as_its_slices_allow(names: tuple[str, ...], fit: bool) -> None:
    partition = partition_of("H200 SXM")
    assert partition is not None
    assert partition.holds(names) is fit
