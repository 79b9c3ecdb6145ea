"""Settings by which a loader fetches another model: an adapter's base, a tower, a draft model, code of another repository.

What only records the origin of a model (``_name_or_path``, a training run's ``model_name_or_path``) is no base: no loader
fetches it.

Source: the configurations of PEFT, transformers (``auto_map``, timm backbones), diffusers (modular pipelines), LLaVA, Ultravox,
open_clip, GLiNER, BERTopic, NeMo, pyannote, speculators and vLLM, MLX, AdapterHub.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from arcops.late_pattern import late
from tasks.model.content.bounded_json import Json
from tasks.model.content.draft import Draft
from tasks.model.content.short_names import remembered

_PARTS = (
    "base|pretrained|tokenizer|processor|text|vision|visual|audio|speech|image|video|encoder|decoder|llm|language|vae|unet|clip|"
    "draft|drafter|assistant|speculative|verifier|backbone|embedding|embedder|reranker|vocoder|controlnet|adapter|mm|model|qformer"
)
_NAMES = late(
    rf"(?:{_PARTS})(?:_(?:{_PARTS}|tower))*_(?:name_or_path|hub_id|repo_id|repo|model_id|pretrained_model_name)"
    r"|(?:mm_)?(?:vision|audio|speech|image|video|text)_tower|(?:text|audio|vision|speech)_model_id|hf_hub_id|hf_model_name"
    r"|hf_tokenizer_name|pretrained_model_name|draft_model|drafter_model|assistant_model|speculative_model|embedding_model"
)
_PART_NAMES = late(rf"(?!model_name)(?:{_PARTS})(?:_(?:{_PARTS}|tower))*_name")
"""As `_PARTS_BY_ID`: ``tokenizer_name`` may be a class of a library."""

_WORDS = frozenset(_PARTS.split("|")) | frozenset(
    ("bert", "checker", "codec", "dino", "expert", "experts", "gpt", "hf", "hubert", "lm", "reward", "roberta", "safety",
     "siglip", "t5", "teacher", "timm", "wav2vec", "wav2vec2", "whisper")
)  # fmt: skip
_LAST_WORDS = frozenset(
    ("id", "ids", "repo", "model", "models", "checkpoint", "ckpt", "hub", "hf", "pretrained", "tower", "encoder", "decoder",
     "backbone", "tokenizer", "processor", "llm", "vae", "unet", "vocoder", "codec", "checker", "teacher", "drafter",
     "verifier", "extractor", "embedder", "reranker", "transformer", "controlnet", "base")
)  # fmt: skip
_WITH_A_PATH = frozenset(
    ("tokenizer", "processor", "encoder", "decoder", "llm", "vae", "unet", "backbone", "pretrained", "vocoder", "codec",
     "teacher", "adapter")
)  # fmt: skip
"""Words of a key that names a model on the hub, if its last word is one of the second set, or it is the path of the third."""

_FILES = late(
    r".*\.(?:jsonl?|ya?ml|txt|[ct]sv|py|bin|pth?|ckpt|safetensors|gguf|onnx|model|vocab|spm|np[yz]|h5|pkl|png|jpe?g|wav)"
)
_FOLDERS = late(r"(?:image|audio|video|text|application|model|multipart|data|datasets?|outputs?|checkpoints?|runs|logs)/.*")
"""What has a slash in it like a model on the hub, and is a file, a media type, or a folder of a training run."""

_BARE = late(
    r"(?:xlm-|distil|x)?(?:roberta|bert|gpt2|t5|mt5|albert|camembert|xlnet|bart|deberta|gpt)-[a-z0-9-]+|gpt2|openai-gpt"
)
"""Models from before the hub had owners."""

_URL = late(r"(?:https?|s3|gs|hf|oci|ollama|azureml|ftp)://\S+")
_FETCHED = late(r"(?:.*_)?(?:pretrained|weights?|checkpoint|ckpt|model)_(?:ur[il]|path|file)")
_DRAFTS = late(r".*(?:Eagle\d?|Medusa|MLPSpeculator)(?:Model|PreTrainedModel)?")
"""Classes of models that only propose what another one says."""

_PARTS_BY_ID = frozenset(
    ("tokenizer", "processor", "image_processor", "feature_extractor", "text_encoder", "image_encoder", "vision_encoder",
     "audio_encoder", "vision_model", "language_model", "vae", "vocoder", "controlnet", "unet", "transformer", "teacher_model",
     "llm", "draft", "verifier", "backbone", "encoder", "decoder", "teacher", "safety_checker", "base_model", "pretrained")
)  # fmt: skip
"""Parts of a model. What is named so may be a kind (``bpe``), or a model on the hub, which has a slash in its name."""

_RECORDS = frozenset(("model_name_or_path", "model_id"))
"""Names that only say what a model was trained from."""

_TRAINING = late(r".*(?:train|recipe|axolotl|mergekit|dataset|eval|quantize_config|quant_config).*")
_HUB_ID = late(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_ADAPTER = frozenset(("peft_type", "lora_parameters", "fine_tune_type", "lora_alpha", "adapter_type"))
"""Settings that only adapters have."""

_MODULAR = "modular_model_index.json"
_DRAFTERS = frozenset(("verifier", "speculative_config", "draft", "drafter"))
_TOGETHER = frozenset(("use_pretrained_backbone", "timm_model_pretrained", "library"))
"""Keys that say with another one which model is meant."""

_REVISIONS = ("revision", "base_model_revision", "model_revision")


def top(value: Json, base: str, draft: Draft) -> None:
    """Note what the settings in the file *base* are as a whole: those of an adapter name a base, or fail to."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]  # a document of YAML
    if not isinstance(value, dict):
        return
    classes = value.get("architectures")
    if isinstance(classes, list) and any(isinstance(one, str) and _DRAFTS.fullmatch(one) for one in classes):
        draft.based("architectures", "")
    if _ADAPTER & value.keys() or base == "adapter_config.json":
        keys = ("base_model_name_or_path", "model", "model_name")
        key = next((key for key in keys if isinstance(value.get(key), str) and value[key]), "")
        if key == "base_model_name_or_path":
            return  # as in any file
        draft.based(key or keys[0], str(value[key]) if key else "", _revision(value))
    elif "num_speculative_tokens" in value:
        _text("model", value, draft)
    elif base == "gliner_config.json" and not value.get("encoder_config"):
        _text("model_name", value, draft)
    elif isinstance(pipeline := value.get("pipeline"), dict):
        _pipeline(pipeline, draft)


def each(value: dict[str, Json], base: str, draft: Draft) -> None:
    """Note every model that one mapping of the settings names."""
    told = [(key, said) for key, said in value.items() if _tells(key)]
    if not (told or base == _MODULAR) or _TRAINING.fullmatch(base):
        return
    for key, said in told:
        plain = key.lower().replace("-", "_")
        if isinstance(said, str):
            if _names_a_model(plain, said):
                draft.based(key, said, _revision(value))
        elif isinstance(said, list):
            for one in said:
                if isinstance(one, str) and _on_the_hub(plain, one):
                    draft.based(key, one)
        elif isinstance(said, dict) and plain in _DRAFTERS:
            for inner in ("name_or_path", "model"):
                _text(inner, said, draft)
    if value.get("use_pretrained_backbone") is True:
        _text("backbone", value, draft)
    if value.get("timm_model_pretrained") is True:
        _text("timm_model_name", value, draft)
    if value.get("library") == "huggingface":
        _text("type", value, draft)
    if base == _MODULAR:
        _text("repo", value, draft)


@remembered
def _tells(key: str) -> bool:
    """May a *key* of this name mean anything to `each`, whatever its value is? Most do not."""
    if "." in key:
        return False  # the name of a tensor; there can be a hundred thousand
    plain = key.lower().replace("-", "_")
    return (
        key in _TOGETHER
        or plain in _PARTS_BY_ID
        or plain in _DRAFTERS
        or _PART_NAMES.fullmatch(plain) is not None
        or _NAMES.fullmatch(plain) is not None
        or _FETCHED.fullmatch(plain) is not None
        or _of_a_part(plain)
    )


@remembered
def _of_a_part(key: str) -> bool:
    """Does *key*, in lower case with underscores, speak of a part of a model, and could it name one?"""
    words = key.split("_")
    if len(words) < 2 or _WORDS.isdisjoint(words):
        return False
    return words[-1] in _LAST_WORDS or (words[-1] == "path" and not _WITH_A_PATH.isdisjoint(words))


def _on_the_hub(key: str, said: str) -> bool:
    """Does *said* look like a model on the hub, under a *key* that could name one?"""
    if key in _RECORDS or _FILES.fullmatch(said.lower()) or _FOLDERS.fullmatch(said.lower()):
        return False
    if not _HUB_ID.fullmatch(said) and not _BARE.fullmatch(said):
        return False
    return key in _PARTS_BY_ID or _PART_NAMES.fullmatch(key) is not None or _of_a_part(key)


def _names_a_model(key: str, said: str) -> bool:
    if _on_the_hub(key, said) or (_FETCHED.fullmatch(key) and _URL.fullmatch(said)):
        return True
    return bool(said) and key not in _RECORDS and _NAMES.fullmatch(key) is not None


def repositories(said: Json) -> Iterator[str]:
    """The repositories in a text ``owner/name@revision:function``, perhaps after a wrapper's name and ``|``, or in a mapping or
    list of such texts.
    """
    for one in _texts_in(said):
        place = re.split("[@:]", one.rpartition("|")[2])[0]
        if "/" in place:
            yield place


def of_code(key: str, said: Json, draft: Draft) -> None:
    """Note the repositories from which a loader takes the code that *key* names: ``owner/name--module.Class``, or the name."""
    for one in _texts_in(said):
        repository, dashes, _ = one.partition("--")
        if dashes or (key != "auto_map" and _HUB_ID.fullmatch(one) and not one.endswith(".py")):
            draft.based(key, repository)


def _texts_in(said: Json) -> Iterator[str]:
    """The texts in *said*, however deep; the keys of a mapping do not count."""
    waiting = [said]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, (dict, list)):
            waiting += one.values() if isinstance(one, dict) else one


def _pipeline(value: dict[str, Json], draft: Draft) -> None:
    """A pipeline of pyannote: its parameters are models, each by its name on the hub."""
    params = value.get("params")
    for key, said in params.items() if isinstance(params, dict) else ():
        if isinstance(said, str) and _HUB_ID.fullmatch(said):
            draft.based(key, said)


def _text(key: str, value: dict[str, Json], draft: Draft) -> None:
    said = value.get(key)
    if isinstance(said, str) and said:
        draft.based(key, said, _revision(value))


def _revision(value: dict[str, Json]) -> str:
    return next((said for key in _REVISIONS if isinstance(said := value.get(key), str)), "")
