"""What the gate ``fit`` says that its examples do not show: arithmetic, placements, goals, and that more never fits better."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused
from arcops.finding import Outcome
from arcops.result import GateResult
from arcops.seen.engine_profile import EngineProfile, Takes
from arcops.seen.fit import FitSeen
from arcops.seen.fit_model import Architecture, CacheKind, CacheRun, PartKind, WeightPart
from arcops.seen.fit_wanted import GpuGroup, Slo, WantedModel
from arcops.verdict import Verdict
from gates.fit.fit.demand import claim, demands
from gates.fit.fit.devices import Device, devices
from gates.fit.fit.examples import CHAT, PREDICTED, asks, model, profile, seen
from gates.fit.fit.gate import fit
from gates.fit.fit.keeping import needed
from gates.fit.fit.loading import loaded, stages
from gates.fit.fit.placing import Copy, Level, TooMany, copies, placement
from gates.fit.fit.policy import FitPolicy
from gates.fit.fit.sizes import GIB, Span
from tasks.fit.profiles import engine_profile, gpu_profile, shipped_engines, shipped_partitions
from tests.evidence import judged
from tests.examples import share

pytestmark = pytest.mark.requirement("ARC-R3/models-fit-together")

VLLM, CPP = engine_profile("vllm"), engine_profile("llama.cpp")
ALL = tuple(one for one, _ in shipped_engines())


def verdict(body: FitSeen, policy: FitPolicy = PREDICTED) -> GateResult:
    return judged(fit, policy, (body,), subject_name="fit.yaml")  # type: ignore[arg-type]  # any gate


def said(result: GateResult, rule: str) -> list[str]:
    return [one.text for one in result.findings if one.rule == f"fit/{rule}"]


def cache(kind: CacheKind = CacheKind.FULL, count: int = 32, **more: int) -> CacheRun:
    return CacheRun(**{"kind": kind, "first": 0, "count": count, "heads": 8, "key": 128, "value": 128, **more})


def with_cache(*runs: CacheRun, **more: Any) -> Architecture:
    whole = model("m").architecture
    assert whole is not None
    return replace(whole, cache=runs, **more)


def kept(said: Architecture, engine: EngineProfile = VLLM, dtype: str = "bf16", requests: int = 1, **more: Any) -> Span:
    wanted = asks("m", **{"engine": engine.engine, "block": 16, "concurrency": 1, **more})
    return needed(said, wanted, engine, 0, dtype, requests)


class TestCache:
    def test_keys_and_values_of_every_layer_in_whole_blocks(self) -> None:
        assert kept(with_cache(cache()), context=8192) == Span.exactly(32 * 8192 * 2 * 8 * 128 * 2)
        assert kept(with_cache(cache()), context=8193) == Span.exactly(32 * (8192 + 16) * 2 * 8 * 128 * 2)

    def test_a_latent_is_one_and_is_copied_to_each_gpu(self) -> None:
        """Mutation: it is taken twice, as keys and values are; or shared by the GPUs of a group."""
        said = with_cache(cache(CacheKind.LATENT, 61, heads=1, key=512, value=64), layers=61, heads=128)
        one = Span.exactly(61 * 4096 * 576 * 2)
        assert kept(said, context=4096) == one
        assert kept(said, context=4096, tensor=8) == one

    def test_heads_are_shared_by_gpus_and_copied_if_there_are_too_few(self) -> None:
        whole = kept(with_cache(cache()), context=4096).least
        assert kept(with_cache(cache()), context=4096, tensor=4) == Span.exactly(whole // 4)
        assert kept(with_cache(cache()), context=4096, tensor=16) == Span.exactly(whole // 8)

    def test_stages_have_their_own_layers(self) -> None:
        assert stages(32, 4) == ((0, 8), (8, 16), (16, 24), (24, 32))
        assert stages(10, 4) == ((0, 2), (2, 5), (5, 8), (8, 10))
        whole = kept(with_cache(cache()), context=4096).least
        assert kept(with_cache(cache()), context=4096, pipeline=2) == Span.exactly(whole // 2)

    def test_windows_are_a_range_because_pages_may_count_in_full(self) -> None:
        said = with_cache(cache(CacheKind.WINDOW, 16, window=128), replace(cache(count=16), first=16))
        found = kept(said, context=32768, steps=1024)
        page = 16 * 2 * 8 * 128 * 2
        assert found == Span(16 * page * (2048 + (127 + 1024 + 15) // 16 + 1), 32 * page * 2048)

    def test_llama_cpp_pads_cells_and_keeps_a_window_and_a_step(self) -> None:
        assert kept(with_cache(cache()), CPP, "f16", context=100) == Span.exactly(32 * 256 * 2 * 8 * 128 * 2)
        window = with_cache(cache(CacheKind.WINDOW, 12, key=64, value=64, window=128))
        assert kept(window, CPP, "f16", context=4096, steps=512) == Span.exactly(18 << 20)

    def test_types_of_the_cache_have_their_blocks(self) -> None:
        whole = kept(with_cache(cache()), CPP, "f16", context=4096).least
        for dtype, size, of in (("f32", 4, 2), ("q8_0", 34, 64), ("q4_0", 18, 64), ("fp8", 1, 2), ("nvfp4", 9, 32)):
            assert kept(with_cache(cache()), CPP, dtype, context=4096).least == whole * size // of
        assert kept(with_cache(cache()), VLLM, "int8", context=4096).least == whole // 2 + 32 * 4096 * 8 * 2 * 4

    def test_a_recurrent_state_has_a_fixed_size(self) -> None:
        said = with_cache(cache(CacheKind.STATE, 48, heads=1, conv=30_720, state=786_432), states="f32", layers=64)
        for context in (4096, 262_144):
            assert kept(said, CPP, "f16", context=context, requests=4) == Span.exactly(4 * 48 * 4 * 817_152)

    def test_blocks_of_attention_grow_to_the_size_of_a_state_in_sixteens(self) -> None:
        """As vLLM logged it: 1568 tokens a block, and 90 pages of 16 layers for 131,072 tokens."""
        state = CacheRun(kind=CacheKind.STATE, first=0, count=48, heads=48, conv=30_720, state=786_432)
        full = CacheRun(kind=CacheKind.FULL, first=48, count=16, heads=4, key=256, value=256)
        said = with_cache(state, full, layers=64, states="f32")
        page = 1568 * 2 * 2 * 256
        found = kept(said, VLLM, "fp8", context=131_072, tensor=2)
        assert found == Span((84 + 3) * 16 * page, (84 + 3 * 2) * 16 * page)

    def test_an_encoder_is_kept_beside_the_decoder(self) -> None:
        said = with_cache(cache(count=4), cache(CacheKind.CROSS, 4, positions=1500), layers=4)
        assert kept(said, CPP, "f16", context=256).least == 4 * (256 + 1500) * 2 * 8 * 128 * 2

    @share(0.5)
    @given(
        st.lists(
            st.builds(
                cache,
                st.sampled_from(tuple(CacheKind)),
                st.integers(1, 40),
                heads=st.sampled_from((1, 2, 8)),
                key=st.sampled_from((64, 128, 512)),
                value=st.sampled_from((64, 128)),
                window=st.sampled_from((128, 1024, 4096)),
                conv=st.integers(1, 40_000),
                state=st.integers(1, 800_000),
                positions=st.integers(1, 3000),
            ),
            min_size=1,
            max_size=4,
        ),
        st.sampled_from(ALL),
        st.sampled_from(("f32", "bf16", "fp8", "q4_0", "nvfp4")),
        st.integers(1, 200_000),
        st.integers(1, 200_000),
        st.integers(1, 64),
    )
    def test_more_tokens_or_requests_never_take_less(
        self, runs: list[CacheRun], engine: EngineProfile, dtype: str, one: int, other: int, requests: int
    ) -> None:
        said = with_cache(*runs, layers=40)
        short, long = sorted((one, other))
        few = kept(said, engine, dtype, requests=requests, context=short, block=0)
        for more in (
            kept(said, engine, dtype, requests=requests, context=long, block=0),
            kept(said, engine, dtype, requests=requests + 1, context=short, block=0),
        ):
            assert few.least <= more.least
            assert few.most <= more.most
        assert 0 <= few.least <= few.most


class TestWeights:
    def test_single_precision_is_loaded_in_half_of_it(self) -> None:
        """Mutation: the bytes of the file are taken."""
        found = model("m")
        assert found.weights is not None
        wide = replace(
            found,
            weights=replace(found.weights, outside=tuple(
                replace(part, dtype="F32", bytes=4 * part.elements) for part in found.weights.outside
            )),
        )  # fmt: skip
        assert loaded(wide, asks("m"), VLLM, 0).least == loaded(found, asks("m"), VLLM, 0).least

    def test_a_tied_table_counts_once(self) -> None:
        found = model("m")
        assert found.architecture is not None
        tied = replace(found, architecture=replace(found.architecture, tied=True))
        table = 128_256 * 4096 * 2
        assert loaded(found, asks("m"), VLLM, 0).least - loaded(tied, asks("m"), VLLM, 0).least == table

    def test_the_table_of_input_tokens_stays_on_the_host_with_llama_cpp(self) -> None:
        found = model("m")
        assert found.weights is not None
        assert found.weights.bytes - loaded(found, asks("m"), CPP, 0).least == 128_256 * 4096 * 2

    def test_run_time_fp8_halves_matrices_and_not_tables(self) -> None:
        plain, halved = loaded(model("m"), asks("m"), VLLM, 0), loaded(model("m"), asks("m", loads="fp8"), VLLM, 0)
        tables = 2 * 128_256 * 4096 * 2
        assert (plain.least - tables) / (halved.least - tables) == pytest.approx(2, rel=0.01)

    def test_parts_of_a_group_together_are_no_less_than_the_whole(self) -> None:
        whole = loaded(model("m"), asks("m"), VLLM, 0).least
        for tensor, pipeline in ((2, 1), (8, 1), (1, 4), (2, 2)):
            parts = [
                loaded(model("m"), asks("m", tensor=tensor, pipeline=pipeline), VLLM, number).least
                for number in range(pipeline)
            ]
            assert whole <= tensor * sum(parts) < whole * 1.05

    def test_norms_and_routers_are_whole_on_each_gpu_of_a_group(self) -> None:
        found = model("m")
        assert found.weights is not None
        router = WeightPart(kind=PartKind.COPIED, dtype="BF16", tensors=1, elements=10**6, bytes=2 * 10**6)
        more = replace(found, weights=replace(found.weights, outside=(*found.weights.outside, router)))
        wanted = asks("m", tensor=4)
        assert loaded(more, wanted, VLLM, 0).least - loaded(found, wanted, VLLM, 0).least == 2 * 10**6

    def test_scales_are_loaded_in_single_precision(self) -> None:
        found = model("m")
        assert found.weights is not None
        scales = WeightPart(kind=PartKind.SCALES, dtype="BF16", tensors=1, elements=1000, bytes=2000)
        more = replace(found, weights=replace(found.weights, outside=(*found.weights.outside, scales)))
        assert loaded(more, asks("m"), VLLM, 0).least - loaded(found, asks("m"), VLLM, 0).least == 4000


class TestClaims:
    @pytest.mark.parametrize("engine", ALL, ids=lambda one: one.engine)
    def test_an_engine_takes_as_it_decides(self, engine: EngineProfile) -> None:
        body = replace(seen(replace(CHAT, engine=engine.engine, share=900)), engines=ALL)
        (stage,) = demands(body)["chat"]
        found, memory = claim(stage, 140 * GIB, cautious=True), 140 * GIB
        if engine.takes is Takes.NEEDED:
            assert (found.share, found.pool) == (0, stage.cache.most)
            assert found.taken >= stage.loaded.most + stage.cache.most
            return
        if engine.takes is Takes.SHARE:
            assert found.pool == memory * 900 // 1000 - stage.loaded.most
        if engine.takes is Takes.STATIC:
            assert found.pool == memory * 900 // 1000 - stage.weights.most
        if engine.takes is Takes.FREE:
            assert found.pool == (memory - stage.loaded.most) * 900 // 1000
        assert claim(stage, memory, cautious=False).pool >= found.pool

    @pytest.mark.parametrize("engine", ALL, ids=lambda one: one.engine)
    def test_the_least_share_that_is_chosen_is_enough(self, engine: EngineProfile) -> None:
        body = replace(seen(replace(CHAT, engine=engine.engine, share=-1)), engines=ALL)
        (stage,) = demands(body)["chat"]
        found = claim(stage, 140 * GIB, cautious=True)
        assert found.pool >= stage.cache.most
        if found.share > 10:
            lower = replace(stage, wanted=replace(stage.wanted, share=found.share - 10))
            assert claim(lower, 140 * GIB, cautious=True).pool < stage.cache.most


def rack(count: int, gib: int = 80) -> tuple[GpuGroup, ...]:
    return (GpuGroup(name="rack", sku="H200 SXM", count=count, memory=gib * GIB),)


class TestPlacement:
    def test_engines_without_an_order_are_put_apart_if_there_is_room(self) -> None:
        """Mutation: devices are only filled, and the plan is RED though another device is free."""
        both = (CHAT, asks("code"))
        assert verdict(seen(*both, gpus=rack(2))).verdict is Verdict.GREEN
        assert verdict(seen(*both, gpus=rack(1))).verdict is Verdict.RED
        assert verdict(seen(*both, gpus=rack(1)), replace(PREDICTED, ordered=False)).verdict is Verdict.AMBER

    def test_a_goal_decides_which_device_it_is(self) -> None:
        slow = replace(profile(), sku="Slow", bandwidth=replace(profile().bandwidth, value=10**11))
        body = seen(replace(CHAT, slo=Slo(tpot=30_000)), gpus=(GpuGroup(name="a", sku="Slow", memory=60 * GIB), *rack(1)))
        body = replace(body, profiles=(profile(), slow))
        result = verdict(body)
        assert result.verdict is Verdict.GREEN
        assert "chat is on rack/0." in said(result, "placed")

    def test_a_device_with_enough_to_spare_is_taken_before_a_tight_one(self) -> None:
        """Mutation: the search does not count what must stay free, and takes the smallest device that is large enough."""
        tight = GpuGroup(name="a", sku="H200 SXM", memory=42 * GIB)
        assert said(verdict(seen(CHAT, gpus=(tight, *rack(1)))), "placed") == ["chat is on rack/0."]
        assert verdict(seen(CHAT, gpus=(tight,))).verdict is Verdict.AMBER

    def test_what_was_not_read_as_a_whole_is_not_planned(self) -> None:
        half = replace(model("chat"), problems=("a shard is missing",))
        result = verdict(seen(CHAT, models=(half,)))
        assert said(result, "placed") == ["Not all models are known, so no placement was searched."]

    def test_what_is_pinned_stays(self) -> None:
        result = verdict(seen(replace(CHAT, on=("rack/1",)), gpus=rack(3)))
        assert said(result, "placed") == ["chat is on rack/1."]
        lost = verdict(seen(replace(CHAT, on=("rack/1",)), asks("big", concurrency=64, on=("rack/1",)), gpus=rack(3)))
        assert lost.verdict is Verdict.RED

    def test_a_copy_is_split_over_gpus_of_one_kind_and_never_over_instances(self) -> None:
        other = replace(profile(), sku="Other")
        half = (GpuGroup(name="a", sku="H200 SXM", memory=45 * GIB), GpuGroup(name="b", sku="Other", memory=45 * GIB))
        split = asks("chat", tensor=2, concurrency=24)
        assert verdict(replace(seen(split, gpus=half), profiles=(profile(), other))).verdict is Verdict.RED
        assert verdict(seen(split, gpus=rack(2, 45))).verdict is Verdict.GREEN

    def test_instances_cannot_work_as_a_group(self) -> None:
        partition, _ = next(one for one in shipped_partitions() if "H200 SXM" in one[0].skus)
        group = GpuGroup(name="a", sku="H200 SXM", mig=("3g.71gb", "3g.71gb"))
        for wanted, expected in ((asks("chat", tensor=2), Verdict.RED), (replace(CHAT, replicas=2), Verdict.GREEN)):
            assert verdict(replace(seen(wanted, gpus=(group,)), partitions=(partition,))).verdict is expected

    def test_without_a_look_a_gpu_has_less_than_its_name_says(self) -> None:
        """Mutation: GB are taken for GiB, and a GPU of 24 GB has room for 23."""
        whole = replace(profile(), sku="L4", memory=replace(profile().memory, value=24 * 10**9))
        (device,) = devices(replace(seen(CHAT, gpus=(GpuGroup(name="a", sku="L4"),)), profiles=(whole,)))
        assert device.memory.least < 22.5 * GIB < device.memory.most  # what a process sees of an L4

    def test_memory_that_is_shared_with_the_processor_must_be_said(self) -> None:
        gb10 = gpu_profile("NVIDIA GB10")
        assert gb10 is not None
        for memory, expected in ((0, Verdict.RED), (100 * GIB, Verdict.GREEN)):
            body = replace(seen(CHAT, gpus=(GpuGroup(name="a", sku=gb10.sku, memory=memory),)), profiles=(gb10,))
            assert verdict(body).verdict is expected

    def test_replicas_have_devices_of_their_own(self) -> None:
        result = verdict(seen(replace(CHAT, replicas=3), gpus=rack(3)))
        assert result.verdict is Verdict.GREEN
        assert len(said(result, "placed")) == 3
        assert verdict(seen(replace(CHAT, replicas=4), gpus=rack(3))).verdict is Verdict.RED

    def test_what_cannot_start_is_said(self) -> None:
        for wanted, text in (
            (asks("chat", tensor=3), "its 32 heads do not divide by 3 GPUs"),
            (asks("chat", pipeline=64, tensor=1), "it has 32 layers, fewer than the 64 stages"),
        ):
            result = verdict(seen(wanted, gpus=rack(8)))
            assert result.verdict is Verdict.RED
            assert text in said(result, "read")[0]

    def test_a_type_of_the_cache_that_no_one_says_is_not_guessed(self) -> None:
        found = model("chat")
        assert found.architecture is not None
        quiet = replace(found, architecture=replace(found.architecture, dtype=""))
        result = verdict(seen(CHAT, models=(quiet,)))
        assert result.verdict is Verdict.RED
        assert "says the type of its cache" in said(result, "read")[0]
        assert verdict(seen(replace(CHAT, cache="bf16"), models=(quiet,))).verdict is Verdict.GREEN

    def test_a_gpu_with_more_memory_than_its_kind_has_is_not_believed(self) -> None:
        result = verdict(seen(CHAT, gpus=(GpuGroup(name="a", sku="H200 SXM", memory=300 * GIB),)))
        assert result.verdict is Verdict.RED
        assert "300.00 GiB of memory is more than any H200 SXM has" in said(result, "placed")[0]
        lost = replace(seen(CHAT), profiles=())
        assert "There is no profile of H200 SXM" in said(verdict(lost), "placed")[0]

    def test_a_search_that_does_not_end_is_not_known(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("gates.fit.fit.placing.MOST_STEPS", 1)
        body = seen(CHAT, asks("code", after=("chat",)), gpus=rack(2))
        with pytest.raises(TooMany):
            placement(copies(demands(body)), devices(body), 5)
        result = verdict(body)
        assert result.verdict is Verdict.RED
        assert "did not end" in said(result, "placed")[0]

    def test_the_order_of_the_description_changes_nothing(self) -> None:
        many = [asks(f"m{number}", concurrency=4 * number + 4) for number in range(4)]
        names = [set(said(verdict(seen(*those, gpus=rack(4))), "placed")) for those in (many, many[::-1])]
        assert names[0] == names[1]

    @share(0.5)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from((4, 16, 32)),
                st.sampled_from(("vllm", "llama.cpp", "sglang")),
                st.integers(1, 40),
                st.sampled_from((-1, 300)),
            ),
            min_size=1,
            max_size=4,
        ),
        st.lists(st.sampled_from((8, 12, 16, 24, 48)), min_size=1, max_size=3),
        st.sampled_from((0, 5, 20)),
    )
    def test_it_finds_a_placement_if_trying_all_of_them_does(
        self, chosen: list[tuple[int, str, int, int]], sizes: list[int], spare: int
    ) -> None:
        """Mutation: what failed once is remembered by the room of one device alone, or of devices only one is tried."""
        wanted = [
            asks(f"m{number}", engine=engine, concurrency=requests, context=2048, share=part)
            for number, (_, engine, requests, part) in enumerate(chosen)
        ]
        models = tuple(model(f"m{number}", layers, 2048) for number, (layers, *_) in enumerate(chosen))
        gpus = tuple(GpuGroup(name=f"g{number}", sku="H200 SXM", memory=gib * GIB) for number, gib in enumerate(sizes))
        body = replace(seen(*wanted, gpus=gpus, models=models), engines=ALL)
        those, there = copies(demands(body)), devices(body)
        found = placement(those, there, spare)
        best = next(
            (level for level in Level if any(holds(those, on, level, spare) for on in product(there, repeat=len(those)))), None
        )
        assert (found.level if found is not None else None) is best
        if found is not None:
            assert holds([copy for copy, _ in found.copies], [on[0] for _, on in found.copies], found.level, spare)


def holds(those: Sequence[Copy], on: Sequence[Device], level: Level, spare: int) -> bool:
    """Does every copy have room on its device at this *level*, by adding up?"""
    cautious, left = level is not Level.HOPEFUL, {}
    for device in on:
        memory = device.memory.least if cautious else device.memory.most
        left[device.name] = memory - (memory * spare // 100 if level is Level.SPARE else 0)
    for copy, device in zip(those, on, strict=True):
        (part,) = copy.parts
        found = claim(part, device.memory.least if cautious else device.memory.most, cautious=cautious)
        left[device.name] -= found.taken
        if found.pool < (part.cache.most if cautious else part.cache.least):
            return False
    return min(left.values()) >= 0


class TestGoals:
    def test_the_cost_of_a_goal_is_said_in_requests(self) -> None:
        (text,) = said(verdict(seen(replace(CHAT, slo=Slo(tpot=10_000)))), "goals")
        assert "of the 16 requests that have room, 10 ms a token leaves 8 (it costs 8) at 50 % of the bandwidth" in text

    def test_models_that_share_a_gpu_share_its_bandwidth(self) -> None:
        quick = replace(CHAT, slo=Slo(tpot=16_000))
        assert verdict(seen(quick)).verdict is Verdict.GREEN
        assert verdict(seen(quick, asks("code", after=("chat",)))).verdict is Verdict.AMBER

    def test_a_prompt_takes_its_operations(self) -> None:
        for ttft, expected in ((50_000, Verdict.RED), (150_000, Verdict.AMBER), (400_000, Verdict.GREEN)):
            asked = replace(CHAT, slo=Slo(ttft=ttft, prompt=8000))
            assert verdict(seen(asked)).verdict is expected, said(verdict(seen(asked)), "goals")
        blind = replace(profile(), bf16=None)
        lost = verdict(replace(seen(replace(CHAT, slo=Slo(ttft=10**6, prompt=1))), profiles=(blind,)))
        assert lost.verdict is Verdict.RED
        assert "has no figure" in said(lost, "goals")[0]


MODELS = st.lists(
    st.tuples(
        st.sampled_from((4, 16, 32)),
        st.sampled_from((1024, 2048, 4096)),
        st.sampled_from(("vllm", "llama.cpp", "sglang", "tensorrt-llm", "onnxruntime")),
        st.integers(1, 200_000),
        st.integers(1, 64),
        st.sampled_from((-1, 0, 200, 500, 900)),
        st.sampled_from((0, 20_000, 200_000)),
    ),
    min_size=1,
    max_size=3,
)


class TestMoreNeverFitsBetter:
    def body(
        self, chosen: Iterable[tuple[int, int, str, int, int, int, int]], gpus: tuple[GpuGroup, ...], ordered: bool
    ) -> FitSeen:
        wanted, models = [], []
        for number, (layers, hidden, engine, context, concurrency, part, tpot) in enumerate(chosen):
            wanted.append(
                WantedModel(
                    name=f"m{number}",
                    path="m",
                    engine=engine,
                    context=context,
                    concurrency=concurrency,
                    share=part,
                    after=tuple(f"m{earlier}" for earlier in range(number)) if ordered else (),
                    slo=Slo(tpot=tpot),
                )
            )
            models.append(model(f"m{number}", layers, hidden))
        return replace(seen(*wanted, gpus=gpus, models=tuple(models)), engines=ALL)

    @share(0.6)
    @given(MODELS, st.integers(1, 2), st.sampled_from((8, 24, 80)), st.booleans(), st.data())
    def test_of_models_context_or_requests(
        self, chosen: list[Any], count: int, gib: int, ordered: bool, data: st.DataObject
    ) -> None:
        """Mutation: `_pages` forgets that a window is no longer than the context; devices are only filled and never chosen."""
        gpus = (*rack(count, gib), GpuGroup(name="small", sku="H200 SXM", memory=16 * GIB))
        before = verdict(self.body(chosen, gpus, ordered)).verdict
        one_more = [*chosen, data.draw(MODELS.filter(lambda some: len(some) == 1))[0]]
        assert verdict(self.body(one_more, gpus, ordered)).verdict >= before
        which = data.draw(st.integers(0, len(chosen) - 1))
        for place, more in ((3, data.draw(st.integers(1, 100_000))), (4, data.draw(st.integers(1, 64)))):
            grown = [list(one) for one in chosen]
            grown[which][place] += more
            assert verdict(self.body(map(tuple, grown), gpus, ordered)).verdict >= before  # type: ignore[arg-type]  # as they were

    @share(0.3)
    @given(MODELS, st.integers(20, 130), st.integers(1, 60))
    def test_and_less_memory_never_does(self, chosen: list[Any], gib: int, less: int) -> None:
        large = verdict(self.body(chosen, rack(1, gib), True)).verdict
        assert verdict(self.body(chosen, rack(1, max(1, gib - less)), True)).verdict >= large


def test_every_finding_says_bytes_and_not_only_that_it_does_not_fit() -> None:
    result = verdict(seen(asks("chat", context=131_072, concurrency=64, engine="llama.cpp")))
    assert result.verdict is Verdict.RED
    (text,) = [one.text for one in result.findings if one.rule == "fit/placed" and one.outcome is Outcome.FAIL]
    assert "chat fits nowhere: it needs at least 1,038" in text
    assert "the largest has 140.40 GiB" in text


def test_a_policy_that_cannot_be_meant_is_refused() -> None:
    for more in ({"spare": 91}, {"reach": 0}, {"error": -1}):
        with pytest.raises(Refused, match="percentage"):
            FitPolicy(**more)  # type: ignore[arg-type]  # each is a field of it
