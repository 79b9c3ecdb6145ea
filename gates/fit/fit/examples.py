"""Situations for the gate `fit`, in every colour."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from arcops.gate import Example
from arcops.seen.engine_profile import Between, EngineProfile, Instance, Keeps, Partition, Takes
from arcops.seen.fit import FitSeen, MeasuredModel, MeasuredRun
from arcops.seen.fit_model import (
    Architecture,
    CacheKind,
    CacheRun,
    HeaderForm,
    LayerRun,
    ModelSeen,
    PartKind,
    WeightPart,
    Weights,
)
from arcops.seen.fit_wanted import GpuGroup, Slo, Wanted, WantedModel
from arcops.seen.gpu_profile import DatasheetFigure, Profile, Publication, SourcedFact
from arcops.seen.inference_server import RoomKind, RoomLeft
from arcops.verdict import Verdict
from gates.fit.fit.policy import FitPolicy
from gates.fit.fit.sizes import GIB

_MIB = 1 << 20
_SHEET = (Publication(id="sheet", title="A datasheet", address="https://example.com/sheet"),)


def profile() -> Profile:
    """The profile of an H200, as far as a plan needs it."""

    def number(value: int) -> DatasheetFigure:
        return DatasheetFigure(value=value, source="sheet", where="Specifications")

    no = SourcedFact(value=False, source="sheet", where="Specifications")
    return Profile(
        sku="H200 SXM",
        names=("NVIDIA H200",),
        publications=_SHEET,
        memory=number(141_000_000_000),
        bandwidth=number(4_800_000_000_000),
        bf16=number(989_500_000_000_000),
        ecc=no,
        row_remapping=no,
        page_retirement=no,
        sram_threshold=no,
        nvlinks=number(0),
        fabric=no,
        pcie_generation=number(5),
        mig_instances=number(7),
        power=number(700_000),
    )


def _between(least: int, most: int) -> Between:
    return Between(least=least, most=most, source="sheet", where="here")


def vllm() -> EngineProfile:
    """An engine that takes a share of the whole GPU."""
    return EngineProfile(
        engine="vllm",
        publications=_SHEET,
        takes=Takes.SHARE,
        keeps=Keeps.PAGES,
        share=_between(900, 920),
        block=_between(16, 128),
        steps=_between(2048, 8192),
        sequences=_between(256, 1024),
        sampling=_between(37, 43),
        context=_between(133 * _MIB, 1833 * _MIB),
        group_context=_between(204 * _MIB, 3666 * _MIB),
        graphs=_between(0, 1055 * _MIB),
        halves=True,
        turning=True,
        measures=True,
    )


def llama_cpp() -> EngineProfile:
    """An engine that takes what it needs."""
    return EngineProfile(
        engine="llama.cpp",
        publications=_SHEET,
        takes=Takes.NEEDED,
        keeps=Keeps.CELLS,
        block=_between(256, 256),
        steps=_between(512, 512),
        logits=_between(4, 4),
        context=_between(133 * _MIB, 600 * _MIB),
        group_context=_between(133 * _MIB, 600 * _MIB),
        input_on_host=True,
        splits_tensors=False,
    )


def model(name: str, layers: int = 32, hidden: int = 4096, form: HeaderForm = HeaderForm.SAFETENSORS) -> ModelSeen:
    """A model of the Llama kind, in BF16."""
    heads, inner, vocabulary = hidden // 128, hidden * 7 // 2, 128_256

    def part(kind: PartKind, tensors: int, elements: int) -> WeightPart:
        return WeightPart(kind=kind, dtype="BF16", tensors=tensors, elements=elements, bytes=2 * elements)

    kv = max(1, heads // 4)
    return ModelSeen(
        name=name,
        weights=Weights(
            form=form,
            files=1,
            outside=(
                part(PartKind.COPIED, 1, hidden),
                part(PartKind.EMBEDDING, 1, vocabulary * hidden),
                part(PartKind.OUTPUT, 1, vocabulary * hidden),
            ),
            layers=(
                LayerRun(
                    first=0,
                    count=layers,
                    parts=(
                        part(PartKind.COPIED, 2, 2 * hidden),
                        part(PartKind.KEY_VALUE, 2, 2 * kv * 128 * hidden),
                        part(PartKind.SPLIT, 5, 2 * hidden * hidden + 3 * hidden * inner),
                    ),
                ),
            ),
            headers="5" * 64,
        ),
        architecture=Architecture(
            family="llama",
            source="config.json",
            layers=layers,
            hidden=hidden,
            heads=heads,
            inner=inner,
            vocabulary=vocabulary,
            positions=131_072,
            cache=(CacheRun(kind=CacheKind.FULL, first=0, count=layers, heads=kv, key=128, value=128),),
            dtype="bf16",
            turned=128,
        ),
    )


def asks(name: str, **more: object) -> WantedModel:
    """A model of a description: 8,192 tokens, 16 requests, with vLLM, whose share the plan chooses."""
    given: dict[str, object] = {"engine": "vllm", "context": 8192, "concurrency": 16, "share": -1, **more}
    return WantedModel(name=name, path=f"./{name}", **given)  # type: ignore[arg-type]  # each is a field of it


def seen(*wanted: WantedModel, gpus: tuple[GpuGroup, ...] = (), models: tuple[ModelSeen, ...] = ()) -> FitSeen:
    """What was seen for these models, by default on one H200."""
    return FitSeen(
        description="6" * 64,
        wanted=Wanted(name="edge", gpus=gpus or (GpuGroup(name="edge", sku="H200 SXM", memory=143_771 * _MIB),), models=wanted),
        models=models or tuple(model(one.name) for one in wanted),
        profiles=(profile(),),
        partitions=(),
        engines=(llama_cpp(), vllm()),
    )


CHAT, CODE = asks("chat"), asks("code", after=("chat",), concurrency=8)
PREDICTED = FitPolicy(unmeasured=True, spare=5)


def measured(used: int, whole: int = 16, requests: int = 16) -> MeasuredModel:
    """What was measured of the model ``chat``: bytes of the GPU that were taken, and how many requests got whole answers."""
    left = 140 * GIB - used
    percent = left * 100 // (140 * GIB)
    room = RoomLeft(kind=RoomKind.DEVICE, name="GPU 0", total=140 * GIB, least=left, percent=percent, samples=20, said="")
    return MeasuredModel(
        model="chat",
        artifact=f"sha256:{'7' * 64}",
        rooms=(room,),
        served=("chat",),
        runs=(MeasuredRun(concurrency=16, requests=requests, whole=whole),),
    )


def examples() -> Iterator[Example[FitPolicy]]:
    def example(name: str, verdict: Verdict, body: FitSeen, policy: FitPolicy = PREDICTED) -> Example[FitPolicy]:
        return Example(name=name, verdict=verdict, evidence=(body,), policy=policy)

    both = seen(CHAT, CODE)
    yield example("two models share a GPU", Verdict.GREEN, both)
    yield example("the same, but a plan alone does not count", Verdict.AMBER, both, FitPolicy())
    small = GpuGroup(name="edge", sku="H200 SXM", memory=42 * GIB)
    yield example("it fits, with less left than the policy wants", Verdict.AMBER, seen(CHAT, gpus=(small,)))
    three = (asks(f"m{number}", engine="llama.cpp", concurrency=64) for number in range(3))
    yield example("the models are too large together", Verdict.RED, seen(*three))
    yield example("each engine takes nine tenths", Verdict.RED, seen(replace(CHAT, share=900), replace(CODE, share=900)))
    yield example("the engines start at the same time", Verdict.RED, seen(CHAT, replace(CODE, after=())))
    lost = replace(model("chat"), problems=("model-00002-of-00004.safetensors is missing, which the index names",))
    yield example("a part of the weights is missing", Verdict.RED, seen(CHAT, models=(lost,)))
    differs = replace(model("chat"), contradictions=("config.json says 32 layers, and the headers have layer 40",))
    yield example("configuration and headers differ", Verdict.RED, seen(CHAT, models=(differs,)))
    yield example("more context than the model has", Verdict.RED, seen(replace(CHAT, context=200_000, concurrency=1)))
    quick = replace(CHAT, slo=Slo(tpot=1000))
    yield example("a token in a millisecond is not possible", Verdict.RED, seen(quick))
    yield example("a token in six is hardly possible", Verdict.AMBER, seen(replace(CHAT, slo=Slo(tpot=10_000), concurrency=16)))
    served = replace(CHAT, endpoint="http://127.0.0.1:8000", served="chat", share=900)
    plan = seen(served, gpus=(GpuGroup(name="edge", sku="H200 SXM", memory=140 * GIB),))
    yield example("measured as predicted", Verdict.GREEN, replace(plan, measured=(measured(126 * GIB),)))
    yield example("half as much was taken as predicted", Verdict.RED, replace(plan, measured=(measured(60 * GIB),)))
    yield example("not all requests were answered", Verdict.RED, replace(plan, measured=(measured(126 * GIB, whole=9),)))
    nothing = MeasuredModel(model="chat", problem="no artifact that counts measured it")
    yield example("nothing was measured at its endpoint", Verdict.RED, replace(plan, measured=(nothing,)))
    instances = Partition(
        skus=("H200 SXM",),
        publications=_SHEET,
        slices=8,
        instances=(
            Instance(name="3g.71gb", memory=69 * GIB, slices=4, starts=(0, 4), source="sheet", where="here"),
            Instance(name="1g.18gb", memory=16 * GIB, slices=1, starts=(0, 1, 2, 3, 4, 5, 6), source="sheet", where="here"),
        ),
    )
    for name, verdict, mig in (("an instance of 69 GiB", Verdict.GREEN, "3g.71gb"), ("one of 16 GiB", Verdict.RED, "1g.18gb")):
        group = GpuGroup(name="edge", sku="H200 SXM", mig=(mig,))
        yield example(name, verdict, replace(seen(CHAT, gpus=(group,)), partitions=(instances,)))
