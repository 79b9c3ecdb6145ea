"""Settings by which a loader fetches another model: an adapter's base, a tower, a draft model, code of another repository.

What only records the origin of a model (``_name_or_path``, a training run's ``model_name_or_path``) is no base: no loader
fetches it.

Source: the configurations of PEFT, transformers (``auto_map``, timm backbones), diffusers (modular pipelines), LLaVA, Ultravox,
open_clip, GLiNER, BERTopic, NeMo, pyannote, speculators and vLLM, MLX, AdapterHub.
"""

from __future__ import annotations

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

_PARTS_BY_ID = frozenset(
    ("tokenizer", "processor", "image_processor", "feature_extractor", "text_encoder", "image_encoder", "vision_encoder",
     "audio_encoder", "vision_model", "language_model", "vae", "vocoder", "controlnet", "unet", "transformer", "teacher_model",
     "llm", "draft", "verifier")
)  # fmt: skip
"""Parts of a model. What is named so may be a kind (``bpe``), or a model on the hub, which has a slash in its name."""

_RECORDS = frozenset(("model_name_or_path",))
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
    )


def _names_a_model(key: str, said: str) -> bool:
    if key in _PARTS_BY_ID or _PART_NAMES.fullmatch(key):
        return _HUB_ID.fullmatch(said) is not None
    return bool(said) and key not in _RECORDS and _NAMES.fullmatch(key) is not None


def of_code(key: str, said: Json, draft: Draft) -> None:
    """Note the repositories from which a loader takes the code that *key* names: ``owner/name--module.Class``, or the name."""
    waiting = [said]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, str):
            repository, dashes, _ = one.partition("--")
            if dashes or (key != "auto_map" and _HUB_ID.fullmatch(one) and not one.endswith(".py")):
                draft.based(key, repository)


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
