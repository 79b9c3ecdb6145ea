"""Files that only together are a model, and models that are elsewhere: whole sets pass, every gap in one is RED."""

from __future__ import annotations

import json
import struct

import pytest

from arcops.errors import Refused
from arcops.finding import Outcome
from arcops.seen.tree import FileSeen, Tree
from arcops.verdict import Verdict
from flows.policies.reading import parse_policy
from gates.model.weights.bases import AllowedBase
from gates.model.weights.gate import SAFE_FORMATS, TORCH_TENSOR_IMPORTS, WeightsPolicy, weights
from tasks.model.content import describe
from tasks.model.content.window import Window
from tests.evidence import judged
from tests.tasks.test_readers import archive, gguf, pair, tensor, tensors, text

pytestmark = pytest.mark.requirement("ARC-A5/headers-that-lie-are-red")

PICKLED = WeightsPolicy(formats=(*SAFE_FORMATS, "torch-zip"), imports=TORCH_TENSOR_IMPORTS)


def judge(files: dict[str, bytes], policy: WeightsPolicy | None = None) -> tuple[Verdict, set[str], str]:
    """The colour, the rules that are not passed, and all that is said of them."""
    seen = tuple(
        FileSeen(path=path, size=len(data), sha256="5" * 64, executable=False, content=describe(Window.over(data), path))
        for path, data in sorted(files.items())
    )
    result = judged(weights, policy or WeightsPolicy(), [Tree(root="9" * 64, files=seen)])
    bad = [finding for finding in result.findings if finding.outcome is not Outcome.PASS]
    return result.verdict, {finding.rule for finding in bad}, "\n".join(finding.text for finding in bad)


def shard(*names: str) -> bytes:
    header = {name: {"dtype": "U8", "shape": [1], "data_offsets": [at, at + 1]} for at, name in enumerate(names)}
    return tensors(header, bytes(len(names)))


def pickled(*names: str) -> bytes:
    items = b"".join(b"X" + struct.pack("<I", len(name)) + name.encode() + b"N" for name in names)
    return archive({"a/data.pkl": b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01(" + items + b"u.", "a/version": b"3\n"})


def index(**shards: str) -> bytes:
    return json.dumps({"metadata": {"total_size": 3}, "weight_map": shards}).encode()


ONE, TWO = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
INDEX = "model.safetensors.index.json"
GOOD = {ONE: shard("a", "b"), TWO: shard("c"), INDEX: index(a=ONE, b=ONE, c=TWO)}


def without(*paths: str) -> dict[str, bytes]:
    return {path: data for path, data in GOOD.items() if path not in paths}


@pytest.mark.parametrize("folder", ["", "unet/"])
def test_whole_shards_pass(folder: str) -> None:
    assert judge({folder + path: data for path, data in GOOD.items()}) == (Verdict.GREEN, set(), "")


BROKEN: dict[str, tuple[dict[str, bytes], str]] = {
    "one shard alone": ({ONE: GOOD[ONE]}, "weights/complete"),
    "one shard and the index": (without(TWO), "weights/complete"),
    "no index": (without(INDEX), "weights/complete"),
    "a tensor that is not in its shard": ({**GOOD, TWO: shard("d")}, "weights/complete"),
    "a tensor in the other shard": ({**GOOD, INDEX: index(a=ONE, b=TWO, c=TWO)}, "weights/complete"),
    "a tensor in two shards": ({**GOOD, TWO: shard("a", "c")}, "weights/complete"),
    "a tensor that no one named": ({**GOOD, ONE: shard("a", "b", "x")}, "weights/complete"),
    "a shard that is not there": ({**GOOD, INDEX: index(a=ONE, b=ONE, c="other.safetensors")}, "weights/external"),
    "a shard that the index does not name": ({**GOOD, INDEX: index(a=ONE, b=ONE)}, "weights/complete"),
    "a third of two": ({**GOOD, "model-00003-of-00002.safetensors": shard("z")}, "weights/complete"),
    "another count": ({**GOOD, "model-00001-of-00003.safetensors": shard("z")}, "weights/complete"),
    "a part twice": ({**GOOD, "model-1-of-2.safetensors": shard("z")}, "weights/complete"),
    "an empty index": ({**GOOD, "b.safetensors.index.json": index()}, "weights/readable"),
    "another index that is wrong": ({**GOOD, "model.safetensors.index.fp16.json": index(q=ONE)}, "weights/complete"),
    "one of two by another sign": ({"model_00001_of_00002.safetensors": GOOD[ONE]}, "weights/complete"),
    "one of two in capitals": ({"MODEL-00001-OF-00002.safetensors": GOOD[ONE]}, "weights/complete"),
    "one part of two": ({"model.part1of2.safetensors": GOOD[ONE]}, "weights/complete"),
    "a gap in Llama's parts": ({"consolidated.00.safetensors": shard("a"), "consolidated.02.safetensors": shard("a")},
                              "weights/complete"),
    "a gap in MLX's parts": ({"a/weights.01.safetensors": shard("a"), "a/weights.03.safetensors": shard("b")},
                             "weights/complete"),
    "a gap in vLLM's ranks": ({"model-rank-1-part-0.safetensors": shard("a"), "model-rank-3-part-0.safetensors": shard("a")},
                              "weights/complete"),
    "an index under another name": ({**GOOD, "shards_config.json": index(q=ONE)}, "weights/complete"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_every_gap_in_a_set_of_shards_is_red(case: str) -> None:
    files, rule = BROKEN[case]
    verdict, rules, said = judge(files)
    assert verdict is Verdict.RED
    assert rule in rules, said


@pytest.mark.parametrize("name", ["diffusion_pytorch_model.safetensors", "tower.safetensors", "model.fp16.safetensors"])
def test_every_index_is_held_against_its_shards(name: str) -> None:
    stem = name.removesuffix(".safetensors")
    parts = [f"{stem}-0000{number}-of-00002.safetensors" for number in (1, 2)]
    good = {parts[0]: shard("a"), parts[1]: shard("b"), f"{name}.index.json": index(a=parts[0], b=parts[1])}
    assert judge(good)[0] is Verdict.GREEN
    assert judge({**good, parts[0]: shard("b")})[0] is Verdict.RED


def test_shards_of_pytorch_are_held_against_their_index() -> None:
    one, two = "pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"
    good = {one: pickled("a", "b"), two: pickled("c"), "pytorch_model.bin.index.json": index(a=one, b=one, c=two)}
    assert judge(good, PICKLED) == (Verdict.GREEN, set(), "")
    assert judge({**good, two: pickled("d")}, PICKLED)[1] == {"weights/complete"}
    unseen = archive({"a/data.pkl": b"\x80\x02]q\x00.", "a/version": b"3\n"})
    assert "cannot be seen" in judge({**good, two: unseen}, PICKLED)[2]


def test_one_of_one_needs_no_index() -> None:
    assert judge({"model-00001-of-00001.safetensors": shard("a")})[0] is Verdict.GREEN


@pytest.mark.parametrize(
    "names",
    [
        ("consolidated.00.safetensors", "consolidated.01.safetensors"),
        ("weights.01.safetensors", "weights.02.safetensors"),
        ("model-rank-0-part-0.safetensors", "model-rank-1-part-0.safetensors"),
        ("lora-rank-16.safetensors",),
        ("lora_rank-64-fp16.safetensors",),
        ("weights.safetensors",),
        ("best_of_3.safetensors",),
    ],
)
def test_numbers_without_a_gap_and_other_numbers_are_no_fault(names: tuple[str, ...]) -> None:
    assert judge({name: shard(str(place)) for place, name in enumerate(names)})[0] is Verdict.GREEN


def test_numbered_words_are_no_set() -> None:
    assert judge({"model.safetensors": shard("a"), "part-1-of-9.md": b"words"})[0] is Verdict.GREEN


# GGUF


def split(number: int, count: int, total: int, *names: str, more: tuple[bytes, ...] = ()) -> bytes:
    pairs = (
        pair("split.no", 2, struct.pack("<H", number)),
        pair("split.count", 2, struct.pack("<H", count)),
        pair("split.tensors.count", 5, struct.pack("<i", total)),
        *more,
    )
    return gguf(pairs, tuple(tensor(name, (8,), 0, 32 * at) for at, name in enumerate(names)), 32 * len(names))


def name(number: int, count: int, stem: str = "m") -> str:
    return f"{stem}-{number:05}-of-{count:05}.gguf"


THREE = {name(1, 3): split(0, 3, 4, "a"), name(2, 3): split(1, 3, 4, "b", "c"), name(3, 3): split(2, 3, 4, "d")}


def test_a_whole_split_gguf_passes() -> None:
    assert judge(THREE) == (Verdict.GREEN, set(), "")


SPLITS: dict[str, dict[str, bytes]] = {
    "one of three": {name(1, 3): THREE[name(1, 3)]},
    "two of three": {path: data for path, data in THREE.items() if path != name(2, 3)},
    "one of three under a plain name": {"model.gguf": THREE[name(1, 3)]},
    "a name of three and no word of it inside": {name(1, 3): gguf((), (tensor("a", (8,), 0, 0),), 32)},
    "another number inside": {**THREE, name(2, 3): split(2, 3, 4, "b", "c")},
    "another count inside": {**THREE, name(2, 3): split(1, 4, 4, "b", "c")},
    "another total": {**THREE, name(2, 3): split(1, 3, 5, "b", "c")},
    "too few tensors": {**THREE, name(2, 3): split(1, 3, 4, "b")},
    "a tensor twice": {**THREE, name(2, 3): split(1, 3, 4, "b", "a")},
    "a number past the count": {name(1, 1): split(1, 1, 1, "a")},
    "no count": {"m.gguf": gguf((pair("split.no", 2, b"\x01\x00"),), (tensor("a", (8,), 0, 0),), 32)},
    "a count that is a text": {"m.gguf": gguf((pair("split.count", 8, text("3")),), (tensor("a", (8,), 0, 0),), 32)},
    "a part of another set": {**THREE, name(2, 2): split(1, 2, 1, "z")},
}


@pytest.mark.parametrize("case", SPLITS)
def test_every_gap_in_a_split_gguf_is_red(case: str) -> None:
    verdict, _, said = judge(SPLITS[case])
    assert verdict is Verdict.RED
    assert said


# Bases

LLAMA = "meta-llama/Llama-3.1-8B"
DIGEST = "sha256:" + "a" * 64
LORA = shard("base_model.model.q.lora_A.weight", "base_model.model.q.lora_B.weight")
CONFIG = {"peft_type": "LORA", "base_model_name_or_path": LLAMA, "revision": None, "auto_mapping": None}


def adapter(**changed: object) -> dict[str, bytes]:
    return {"adapter_model.safetensors": LORA, "adapter_config.json": json.dumps(CONFIG | changed).encode()}


def allowing(*bases: AllowedBase) -> WeightsPolicy:
    return WeightsPolicy(bases=bases)


def test_an_adapter_passes_only_if_its_base_is_allowed_with_a_digest() -> None:
    assert judge(adapter())[:2] == (Verdict.RED, {"weights/external"})
    assert judge(adapter(), allowing(AllowedBase(name=LLAMA, digest=DIGEST))) == (Verdict.GREEN, set(), "")
    assert judge(adapter(), allowing(AllowedBase(name=LLAMA)))[0] is Verdict.AMBER
    for other in (LLAMA.lower(), LLAMA + "-Instruct", "Llama-3.1-8B", "*"):
        assert judge(adapter(), allowing(AllowedBase(name=other, digest=DIGEST)))[0] is Verdict.RED


def test_a_revision_that_the_policy_wants_must_be_pinned() -> None:
    wanted = allowing(AllowedBase(name=LLAMA, digest=DIGEST, revision="1" * 40))
    assert judge(adapter(revision="1" * 40), wanted)[0] is Verdict.GREEN
    assert judge(adapter(revision="2" * 40), wanted)[0] is Verdict.RED
    assert judge(adapter(), wanted)[0] is Verdict.RED


@pytest.mark.parametrize("changed", [{"base_model_name_or_path": None}, {"base_model_name_or_path": ""}])
def test_an_adapter_that_names_no_base_is_red(changed: dict[str, object]) -> None:
    any_base = allowing(AllowedBase(name=LLAMA, digest=DIGEST))
    assert judge(adapter(**changed), any_base)[0] is Verdict.RED


def test_weights_of_an_adapter_without_settings_are_red() -> None:
    assert "adapter" in judge({"lora.safetensors": LORA})[2]
    assert "adapter" in judge({"m.pt": pickled("x.lora_A.weight", "x.lora_B.weight")}, PICKLED)[2]
    assert judge({"m.safetensors": shard("q.lora_A.weight", "q.weight")})[0] is Verdict.GREEN
    control = gguf((pair("general.architecture", 8, text("controlvector")),))
    assert judge({"m.gguf": control})[1] == {"weights/external"}
    assert judge({"m.safetensors": shard("a"), "x/adapter_config.json": b"{}"})[1] == {"weights/external"}
    named = gguf((pair("general.type", 8, text("adapter")), pair("general.base_model.0.name", 8, text(LLAMA))))
    assert judge({"m.gguf": named})[1] == {"weights/external"}
    assert judge({"m.gguf": named}, allowing(AllowedBase(name=LLAMA, digest=DIGEST)))[0] is Verdict.GREEN


NAMING: dict[str, tuple[str, object]] = {
    "peft": ("a/adapter_config.json", {"base_model_name_or_path": LLAMA}),
    "mlx": ("adapter_config.json", {"fine_tune_type": "lora", "model": LLAMA}),
    "adapterhub": ("adapter_config.json", {"adapter_type": "text_task", "model_name": LLAMA}),
    "adapterhub, an old one": ("a/adapter_config.json", {"config": {}, "model_name": LLAMA}),
    "a tokenizer": ("config.json", {"tokenizer": LLAMA}),
    "a processor's part": ("processor_config.json", {"image_processor": LLAMA}),
    "an encoder": ("config.json", {"model": {"text_encoder": LLAMA}}),
    "llava": ("config.json", {"mm_vision_tower": LLAMA}),
    "ultravox": ("config.json", {"text_model_id": LLAMA, "audio_model_id": None}),
    "timm": ("config.json", {"backbone": LLAMA, "use_pretrained_backbone": True}),
    "timm in an inner setting": ("config.json", {"vision_config": {"pretrained_cfg": {"hf_hub_id": LLAMA}}}),
    "open_clip": ("open_clip_config.json", {"model_cfg": {"text_cfg": {"hf_model_name": LLAMA}}}),
    "speculators": ("config.json", {"speculators_config": {"verifier": {"name_or_path": LLAMA}}}),
    "vllm": ("config.json", {"speculative_config": {"model": LLAMA}}),
    "diffusers": ("modular_model_index.json", {"vae": ["diffusers", "AutoencoderKL", {"repo": LLAMA}]}),
    "diffusers by path": ("modular_model_index.json", {"vae": ["diffusers", "V", {"pretrained_model_name_or_path": LLAMA}]}),
    "a tokenizer by name": ("config.json", {"tokenizer_name": LLAMA}),
    "a text encoder by name": ("config.json", {"text_encoder_name": LLAMA}),
    "speculative decoding": ("speculative_config.json", {"method": "eagle", "model": LLAMA, "num_speculative_tokens": 4}),
    "prompt tuning": ("adapter_config.json", {"tokenizer_name_or_path": LLAMA}),
    "gliner": ("gliner_config.json", {"model_name": LLAMA}),
    "bertopic": ("config.json", {"embedding_model": LLAMA}),
}  # fmt: skip


@pytest.mark.parametrize("case", NAMING)
def test_what_a_loader_fetches_by_name_is_a_base(case: str) -> None:
    path, settings = NAMING[case]
    files = {"model.safetensors": shard("a"), path: json.dumps(settings).encode()}
    assert "weights/external" in judge(files)[1]
    assert LLAMA in judge(files)[2]
    assert judge(files, allowing(AllowedBase(name=LLAMA, digest=DIGEST)))[:2] == (Verdict.GREEN, set())


def test_a_pipeline_in_yaml_names_its_models() -> None:
    config = b"pipeline:\n  name: Diarization\n  params:\n    segmentation: pyannote/segmentation-3.0\n"
    assert "weights/external" in judge({"model.safetensors": shard("a"), "config.yaml": config})[1]


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("auto_map", {"AutoModel": "other/code--modeling.Model"}),
        ("auto_map", {"AutoTokenizer": ["other/code--tokenizer.Slow", None]}),
        ("custom_pipeline", "other/code"),
        ("custom_generate", "other/code"),
    ],
)
def test_code_of_another_repository_is_external_even_if_the_policy_accepts_code(key: str, said: object) -> None:
    files = {"model.safetensors": shard("a"), "config.json": json.dumps({key: said}).encode()}
    code = WeightsPolicy(code=True)
    assert judge(files, code)[:2] == (Verdict.RED, {"weights/code", "weights/external"})
    own = {**files, "config.json": json.dumps({"auto_map": {"AutoModel": "modeling.Model"}}).encode()}
    assert judge(own, code)[0] is Verdict.AMBER


@pytest.mark.parametrize(
    ("path", "settings"),
    [
        ("config.json", {"_name_or_path": LLAMA, "text_config": {"_name_or_path": LLAMA}}),
        ("tokenizer_config.json", {"name_or_path": LLAMA}),
        ("training_args.json", {"model_name_or_path": LLAMA, "teacher_model_name_or_path": LLAMA}),
        ("quantize_config.json", {"model_name_or_path": LLAMA}),
        ("config.json", {"backbone": "resnet50", "use_pretrained_backbone": False}),
        ("config.json", {"mm_vision_tower": None, "model_type": "llava"}),
        ("config.json", {"tokenizer_name": "LlamaTokenizer", "model_name": LLAMA, "text_encoder_name": "bert"}),
        ("config.json", {"tokenizer": "bpe", "vae": "AutoencoderKL", "text_encoder": {"_name_or_path": LLAMA}}),
    ],
)
def test_where_a_model_came_from_is_no_base(path: str, settings: object) -> None:
    files = {"model.safetensors": shard("a"), path: json.dumps(settings).encode()}
    assert "weights/external" not in judge(files)[1]


def test_a_policy_names_bases_strictly() -> None:
    def policy(bases: str) -> bytes:
        return f"name: mine\nvalidFor: P1D\ngates:\n  weights:\n    bases: {bases}\n".encode()

    read = parse_policy(policy(f"[{{name: {LLAMA}, digest: '{DIGEST}'}}]"), where="it").gates["weights"]
    assert isinstance(read, WeightsPolicy)
    assert read.bases == (AllowedBase(name=LLAMA, digest=DIGEST),)
    for bad in ("[{name: a, digest: abc}]", "[{name: ''}]", "[{digest: ''}]", "[{name: a, url: b}]"):
        with pytest.raises(Refused):
            parse_policy(policy(bad), where="it")
