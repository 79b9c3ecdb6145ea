"""Text: JSON that makes a loader import code, Python that it would import, and templates."""

from __future__ import annotations

from tasks.content.bounded_json import Json, parse
from tasks.content.draft import Draft, printable
from tasks.content.gguf import suspicious
from tasks.content.names import fault_of
from tasks.content.window import Malformed, Window

CONFIG_LIMIT = 16 * 1024 * 1024
CODE_KEYS = frozenset(("auto_map", "auto_mapping", "custom_pipelines", "custom_generate"))
"""Keys by which transformers, peft and diffusers load Python files of the model (``trust_remote_code``)."""

PYTHON = (".py", ".pyi", ".pyw", ".pth-script", ".ipynb")
SCRIPTS = (
    ".sh",
    ".bash",
    ".zsh",
    ".bat",
    ".cmd",
    ".ps1",
    ".js",
    ".mjs",
    ".rb",
    ".pl",
    ".php",
    ".lua",
    ".vbs",
    ".jar",
    ".so",
    ".dll",
)


def form(head: bytes, name: str) -> str:
    """The kind of text. *name* decides between text and source code, which bytes cannot."""
    lower = name.lower()
    if lower.endswith(PYTHON):
        return "python"
    if lower.endswith(SCRIPTS):
        return "script"
    starts = (b"{", b"[") if ".json" in lower else (b"{",)  # a vocabulary may well begin with [PAD]
    return "json" if head.lstrip()[:1] in starts else "text"


def read(window: Window, name: str, draft: Draft) -> None:
    base = name.rsplit("/", 1)[-1].lower()
    if draft.format in ("python", "script"):
        draft.code = True
        draft.notes.add("is source code; a loader that trusts the model's code would run it")
    elif draft.format == "json" and (base.endswith("config.json") or base in ("modules.json", "model_index.json")):
        if window.size > CONFIG_LIMIT:
            raise Malformed(f"it has {window.size} bytes; at most {CONFIG_LIMIT} of a configuration are read")
        _config(parse(window.read(0, window.size)), base, draft)
    elif draft.format == "json" and base.endswith(".index.json"):
        _index(parse(window.read(0, min(window.size, CONFIG_LIMIT))), draft)
    elif base.endswith((".jinja", ".jinja2")) and suspicious(window.upto(0, CONFIG_LIMIT).decode("utf-8", "replace")):
        draft.problem("the template reaches for Python internals")


def _index(index: Json, draft: Draft) -> None:
    """The list of a model's shards: loaders open what it names."""
    shards = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(shards, dict) or not all(isinstance(shard, str) for shard in shards.values()):
        raise Malformed("it does not map weights to the names of files")
    for shard in sorted({str(shard) for shard in shards.values()}):
        fault = fault_of(shard)
        if fault:
            draft.problem(f"the file {printable(shard)!r} that it names {fault}")
        else:
            draft.referred(shard)


def _config(config: Json, base: str, draft: Draft) -> None:
    waiting: list[Json] = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
            continue
        if not isinstance(value, dict):
            continue
        waiting += value.values()
        for key in sorted(CODE_KEYS & value.keys()):
            if value[key]:
                draft.code = True
                draft.notes.add(f"{key} makes a loader import Python code: {printable(str(value[key]))}")
        template = value.get("chat_template")
        if template:
            draft.notes.add("carries a chat template")
            texts = [template] if isinstance(template, str) else [str(template)]
            if any(suspicious(text) for text in texts):
                draft.problem("the chat template reaches for Python internals")
        kind = value.get("type")
        if base == "modules.json" and isinstance(kind, str) and not kind.startswith("sentence_transformers."):
            draft.code = True
            draft.imported(kind)
