"""Weights that are no whole model: adapters of every kind, models that settings name, parts that an index of folders names."""

from __future__ import annotations

import json

import pytest

from arcops.verdict import Verdict
from gates.model.weights.bases import AllowedBase
from gates.model.weights.gate import WeightsPolicy
from tests.gates.test_weights_sets import DIGEST, LLAMA, LORA, PICKLED, allowing, judge, pickled, shard
from tests.tasks.test_readers import SIMPLE, archive, field, gguf, npy, onnx, pair, tensor, tensors, text

pytestmark = pytest.mark.requirement("ARC-A5/headers-that-lie-are-red")

EXTERNAL = {"weights/external"}
CONFIG = json.dumps({"model_type": "llama", "architectures": ["LlamaForCausalLM"]}).encode()

ONLY_ADAPTERS = {
    "kohya": ("lora_unet_a.lora_down.weight", "lora_unet_a.alpha"),
    "diffusers": ("unet.a.lora.down.weight",),
    "lycoris": ("lycoris_a.diff", "lycoris_a.diff_b"),
    "differences": ("diffusion_model.a.diff", "diffusion_model.a.diff_b"),
    "boft": ("a.boft_R", "a.boft_s"),
    "fourier": ("a.fourierft_spectrum",),
    "bottleneck": ("a.adapters.sst.adapter_down.0.weight", "a.adapters.sst.adapter_up.weight"),
    "ip-adapter": ("image_proj.proj.weight", "ip_adapter.1.to_k_ip.weight"),
    "an embedding": ("emb_params",),
    "an embedding of a token": ("<cat>",),
    "embeddings for two encoders": ("clip_l", "clip_g"),
    "reft": ("comp.output.rotate_layer", "comp.output.learned_source.weight"),
    "with an embedding beside": ("a.lora_A.weight", "a.lora_B.weight", "bundle_emb.x.string_to_param"),
    "with a whole layer": ("a.lora_A.weight", "a.lora_B.weight", "lm_head.weight"),
}


@pytest.mark.parametrize("case", ONLY_ADAPTERS)
def test_tensors_that_only_change_another_model_are_no_model(case: str) -> None:
    assert judge({"model.safetensors": shard(*ONLY_ADAPTERS[case]), "config.json": CONFIG})[1] == EXTERNAL


@pytest.mark.parametrize(
    "names",
    [
        ("a.weight", "a.lora_A.weight", "a.lora_B.weight"),
        ("a.base_layer.weight", "a.lora_A.x.weight", "a.lora_B.x.weight"),
        ("att.w_lora.lora.0.weight", "att.r.weight", "att.k.weight", "ffn.k.weight"),
        ("snake.alpha", "conv.weight"),
        ("adapter_layer.weight", "a.weight"),
    ],
)
def test_a_whole_model_may_carry_what_adapters_have(names: tuple[str, ...]) -> None:
    assert judge({"model.safetensors": shard(*names), "config.json": CONFIG})[0] is Verdict.GREEN


def test_metadata_and_the_name_of_a_file_say_what_it_is() -> None:
    def said(**metadata: str) -> bytes:
        return tensors({"__metadata__": metadata, "a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}, b"\0")

    for metadata in (
        {"modelspec.architecture": "stable-diffusion-xl-v1-base/lora"},
        {"ss_network_module": "networks.lora"},
        {"lora_adapter_metadata": "{}"},
    ):
        assert judge({"model.safetensors": said(**metadata), "config.json": CONFIG})[1] == EXTERNAL
    assert judge({"model.safetensors": said(**{"modelspec.architecture": "llama"})})[0] is Verdict.GREEN
    for name in ("adapter_model.safetensors", "adapters.safetensors", "pytorch_lora_weights.safetensors"):
        assert judge({name: shard("a")})[1] == EXTERNAL
    assert "weights/external" in judge({"adapter_model.bin": pickled("a")}, PICKLED)[1]
    assert judge({"a.npz": archive({f"a.lora_{part}.npy": npy(SIMPLE, bytes(24)) for part in "ab"})})[1] == EXTERNAL
    beside = {"adapter_model.safetensors": LORA, "adapter_config.json": json.dumps({"base_model_name_or_path": LLAMA}).encode()}
    assert judge(beside, allowing(AllowedBase(name=LLAMA, digest=DIGEST)))[0] is Verdict.GREEN


def test_a_gguf_is_an_adapter_by_its_keys_or_its_tensors() -> None:
    arch = pair("general.architecture", 8, text("llama"))
    assert judge({"m.gguf": gguf((arch, pair("adapter.lora.alpha", 6, b"\0\0\0\0")))})[1] == EXTERNAL
    lora = (tensor("q.weight.lora_a", (4,), 0, 0), tensor("q.weight.lora_b", (4,), 0, 32))
    assert judge({"m.gguf": gguf((arch,), lora, 64)})[1] == EXTERNAL


def test_a_model_that_only_drafts_is_no_whole_model() -> None:
    config = {"architectures": ["LlamaForCausalLMEagle3"], "draft_vocab_size": 32000}
    assert judge({"model.safetensors": shard("a"), "config.json": json.dumps(config).encode()})[1] == EXTERNAL


NAMED: dict[str, object] = {
    "a backbone": {"backbone": LLAMA, "use_pretrained_backbone": False},
    "a safety checker": {"safety_checker": LLAMA},
    "a codec": {"audio": {"codec_model": LLAMA}},
    "an encoder by its type": {"whisper_model": LLAMA},
    "a tokenizer by path": {"tokenizer_path": LLAMA},
    "an id": {"hf_llm_id": LLAMA},
    "several": {"timm_model_ids": [LLAMA]},
    "a base": {"base_model": LLAMA},
    "a pretrained part": {"pretrained": LLAMA},
}


@pytest.mark.parametrize("case", NAMED)
def test_what_settings_name_on_the_hub_is_external(case: str) -> None:
    files = {"model.safetensors": shard("a"), "config.json": json.dumps(NAMED[case]).encode()}
    assert judge(files)[1] == EXTERNAL
    assert judge(files, allowing(AllowedBase(name=LLAMA, digest=DIGEST)))[0] is Verdict.GREEN


@pytest.mark.parametrize("said", ["bert-base-uncased", "gpt2", "roberta-large", "distilbert-base-cased", "t5-small"])
def test_models_from_before_the_hub_had_owners_are_external(said: str) -> None:
    assert judge({"model.safetensors": shard("a"), "config.json": json.dumps({"text_encoder": said}).encode()})[1] == EXTERNAL


@pytest.mark.parametrize("said", ["https://models.example/w.pth", "s3://bucket/w"])
def test_weights_by_address_are_external(said: str) -> None:
    assert judge({"model.safetensors": shard("a"), "config.json": json.dumps({"pretrained_url": said}).encode()})[1] == EXTERNAL


@pytest.mark.parametrize(
    "settings",
    [
        {"model_id": LLAMA, "source": LLAMA, "trained_from": LLAMA},
        {"image_path": "data/images", "audio_model": "data/speech", "tokenizer_path": "checkpoints/last"},
        {"text_model": "bert", "vision_model": "siglip", "encoder": "lstm", "base": 10000},
        {"video_format_id": "video/mp4", "tokenizer_model": "spm/t.model"},
        {"attn_implementation": "flash_attention_2", "_attn_implementation": {"text": "sdpa"}},
    ],
)
def test_other_texts_in_settings_are_no_models(settings: object) -> None:
    assert judge({"model.safetensors": shard("a"), "config.json": json.dumps(settings).encode()})[0] is Verdict.GREEN


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("attn_implementation", "kernels-community/flash-attn"),
        ("_attn_implementation", {"text_config": "kernels-community/flash-attn@v1:fn"}),
        ("experts_implementation", "sdpa|kernels-community/flash-attn"),
        ("kernel_config", {"RMSNorm": "kernels-community/flash-attn:RMSNorm"}),
    ],
)
def test_compiled_code_of_a_repository_is_code_and_external(key: str, said: object) -> None:
    files = {"model.safetensors": shard("a"), "config.json": json.dumps({key: said}).encode()}
    assert judge(files)[1] == {"weights/code", "weights/external"}
    assert "kernels-community/flash-attn" in judge(files, WeightsPolicy(code=True))[2]


PIPELINE = {"_class_name": "P", "unet": ["diffusers", "UNet"], "vae": ["diffusers", "V"], "safety_checker": [None, None]}
WHOLE = {
    "model_index.json": json.dumps(PIPELINE).encode(),
    "unet/model.safetensors": shard("a"),
    "vae/model.safetensors": shard("a"),
}
MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
]


def test_the_folders_that_a_pipeline_names_are_there() -> None:
    assert judge(WHOLE)[0] is Verdict.GREEN
    for gone in ("unet", "vae"):
        assert judge({path: data for path, data in WHOLE.items() if not path.startswith(gone)})[1] == EXTERNAL
    other = {**WHOLE, "unet2/model.safetensors": WHOLE["unet/model.safetensors"]}
    del other["unet/model.safetensors"]
    assert "unet/" in judge(other)[2]
    assert judge({**WHOLE, "model_index.json": json.dumps({**PIPELINE, "../x": ["diffusers", "V"]}).encode()})[0] is Verdict.RED


def test_the_folders_of_sentence_transformers_are_there() -> None:
    files = {"model.safetensors": shard("a"), "modules.json": json.dumps(MODULES).encode(), "1_Pooling/config.json": b"{}"}
    assert judge(files)[0] is Verdict.GREEN
    del files["1_Pooling/config.json"]
    assert judge(files)[1] == EXTERNAL


def test_a_pipeline_in_an_archive_has_its_folders_there() -> None:
    zipped = WeightsPolicy(formats=("zip", "safetensors", "json"))
    assert judge({"p.zip": archive(WHOLE)}, zipped)[0] is Verdict.GREEN
    part = {path: data for path, data in WHOLE.items() if not path.startswith("vae")}
    assert "vae/" in judge({"p.zip": archive(part)}, zipped)[2]


def test_json_of_an_unknown_kind_is_said_to_be_that() -> None:
    _, rules, said = judge({"model.safetensors": shard("a"), "booster.json": b'{"learner": {"name": "gbtree"}}'})
    assert rules == {"weights/formats"}
    assert "of a kind that ArcOps does not know" in said
    assert "weights/readable" in judge({"model.safetensors": shard("a"), "booster.json": b"plain words"})[1]


def outside(**said: str) -> bytes:
    """A graph with a tensor whose data are in another file."""
    entries = b"".join(field(13, field(1, key.encode()) + field(2, value.encode())) for key, value in said.items())
    return onnx(field(5, field(8, b"w") + entries + field(14, 1)))


RAW = b"\xff\xfe\xfd\0\1\2\3\4"


@pytest.mark.parametrize(
    ("said", "held", "expected"),
    [
        ({"location": "w.data", "offset": "4", "length": "4"}, RAW, set()),
        ({"location": "w.data", "offset": "4", "length": "5"}, RAW, {"weights/complete"}),
        ({"length": "4", "location": "w.data"}, b"", {"weights/complete"}),
        ({"location": "w.data"}, RAW, set()),
        ({"location": "w.data", "offset": "-1"}, RAW, {"weights/readable"}),
        ({"location": "w.data", "length": "9" * 30}, RAW, {"weights/readable"}),
    ],
)
def test_the_data_beside_a_graph_are_as_long_as_it_needs(said: dict[str, str], held: bytes, expected: set[str]) -> None:
    assert judge({"m.onnx": outside(**said), "w.data": held})[1] == expected
    zipped = WeightsPolicy(formats=("zip", "onnx", "empty"))
    rules = judge({"p.zip": archive({"m.onnx": outside(**said), "w.data": held})}, zipped)[1]
    assert rules == ({"weights/readable"} if expected else set())


def saved(count: int = 2, kind: bytes = b"FloatStorage") -> bytes:
    """A state dictionary with one tensor in the storage 0, of *count* elements."""
    storage = b"(X\x07\0\0\0storagectorch\n" + kind + b"\nX\x01\0\0\x000X\x03\0\0\0cpuK" + bytes([count]) + b"tQ"
    return b"\x80\x02}X\x01\0\0\0a" + storage + b"s."


@pytest.mark.parametrize(
    ("data", "sound"),
    [
        ({"a/data/0": bytes(8)}, True),
        ({"a/data/0": bytes(12)}, True),
        ({"a/data/0": bytes(7)}, False),
        ({"a/data/1": bytes(8)}, False),
    ],
)
def test_the_storages_of_a_torch_file_are_there_whole(data: dict[str, bytes], *, sound: bool) -> None:
    for pickle in (saved(), saved(8, b"UntypedStorage")):
        rules = judge({"m.pt": archive({"a/data.pkl": pickle, "a/version": b"3\n", **data})}, PICKLED)[1]
        assert ("weights/readable" in rules) is not sound
