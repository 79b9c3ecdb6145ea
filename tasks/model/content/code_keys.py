"""Settings that name code: keys by which loaders import classes, tools run commands, and templates are rendered.

One walk for JSON, YAML, TOML and INI alike. It works through a list, not by recursion.
"""

from __future__ import annotations

from collections.abc import Iterator

from arcops.late_pattern import late
from tasks.model.content import base_keys, keras, rendered
from tasks.model.content.bounded_json import Json
from tasks.model.content.draft import Draft, printable
from tasks.model.content.names import fault_of
from tasks.model.content.short_names import remembered

CODE_KEYS = frozenset(
    ("auto_map", "auto_mapping", "custom_pipelines", "custom_pipeline", "custom_generate", "custom_objects",
     "trust_remote_code", "allow_remote", "code_paths", "remote_code", "plugins", "py/reduce", "py/object", "py/type",
     "py/function", "py/module")
)  # fmt: skip
"""Keys by which transformers, peft, diffusers, ModelScope, MLflow and jsonpickle load Python code from the model."""

_KERNELS = late(r"_?(?:attn|experts)_implementation(?:_internal)?|kernel_config|kernel_mapping")
"""Keys that name an implementation: one of the library's own, or compiled code of a repository (transformers, ``kernels``)."""

NAMING_KEYS = frozenset(
    ("_target_", "__target__", "_component_", "__class__", "__module__", "__type__", "class_path", "loader_module", "py_module",
     "_call_")
)  # fmt: skip
"""Keys whose value is imported: Hydra, Lightning, torchtune, MLflow, pydantic and others."""

_NAMING_WORDS = late(
    r"(.*_)?(function|fn|func|cls|class|class_name|module|callable|callback|factory|target|handler|loader|constructor|builder)"
)
_WORD_BREAK = late(r"(?<=[a-z0-9])(?=[A-Z])")
_PATH = late(r"[A-Za-z_]\w*([.:][A-Za-z_]\w*)+")
_INERT_PATHS = late(r"(torch\.nn(\.\w+)*|(sentence_transformers|transformers\.activations)(\.\w+)*)\.[A-Z]\w*")
"""Layers and modules of the libraries themselves, which only compute."""

_COMMANDS = frozenset(
    ("command", "commands", "cmd", "cmds", "script", "scripts", "exec", "execute", "run", "runs", "shell", "entrypoint", "hook",
     "hooks", "plugin", "preload", "install", "program", "executable", "interpreter", "lambda", "require", "requires",
     "dependencies", "build", "jobs", "executor", "include", "includes", "extends", "entry_point", "entry_points", "mcpservers")
)  # fmt: skip
_COMMAND_STARTS = ("command_", "cmd_", "exec_", "shell_", "entry_point_", "script_")
_TOGETHER = frozenset(("type", "class_name", "__lambda__"))
"""Keys that mean something to `_whole`, in a file of any name."""
MODULES_OF_OURS = late(r"sentence_transformers(\.\w+)*\.[A-Z]\w*")
_PIPELINES = frozenset(("diffusers", "transformers", "stable_diffusion"))


def walk(value: Json, base: str, draft: Draft, *, wide: bool) -> None:
    """Note what *value*, the settings in the file *base*, would load or run. *wide*: also keys that only tools read."""
    waiting: list[Json] = [value]
    texts: dict[str, bool] = {}
    base_keys.top(value, base, draft)
    listed = base == "modules.json" or base.endswith("model_index.json")
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += [item for item in value if isinstance(item, (dict, list, str)) and _matters(item)]
        elif isinstance(value, str):
            texts.setdefault(value, False)
        elif isinstance(value, dict):
            for key, said in value.items():
                if isinstance(said, (dict, list, str)):
                    if _tells(key):
                        _pair(key, said, draft, wide=wide)
                    if _matters(said):
                        waiting.append(said)
                elif said is True and _tells(key):
                    _pair(key, said, draft, wide=wide)
            if said := value.get("chat_template"):
                texts.update(dict.fromkeys(_templates(said), True))
                draft.notes.add("carries a chat template")
            if listed or not _TOGETHER.isdisjoint(value):
                _whole(value, base, draft)
            base_keys.each(value, base, draft)
    for text, surely in texts.items():
        if rendered.looks_like(text):
            rendered.check(text, printable(text.strip(), 40), draft, surely=surely)


def _matters(said: dict[str, Json] | list[Json] | str) -> bool:
    """Has it to be walked through, or read as a template?"""
    return not isinstance(said, str) or rendered.looks_like(said)


@remembered
def _tells(key: str) -> bool:
    """May a *key* of this name mean anything to `_pair`, whatever its value is? Most do not."""
    plain = _plain(key)
    return (
        plain in CODE_KEYS
        or plain in NAMING_KEYS
        or _KERNELS.fullmatch(plain) is not None
        or _names_code(key, plain)
        or _is_command(plain)
    )


def _plain(key: str) -> str:
    return _WORD_BREAK.sub("_", key).lower().replace("-", "_")


def _names_code(key: str, plain: str) -> bool:
    """Is a path of Python under this key one that a loader imports?"""
    framed = key.startswith("_") and key.endswith("_")
    return framed or (plain != "module" and _NAMING_WORDS.fullmatch(plain) is not None)


def _is_command(plain: str) -> bool:
    return plain in _COMMANDS or plain.rpartition("_")[2] in _COMMANDS or plain.startswith(_COMMAND_STARTS)


def _pair(key: str, said: Json, draft: Draft, *, wide: bool) -> None:
    if not said:
        return
    plain = _plain(key)
    if plain in CODE_KEYS:
        draft.code = True
        draft.notes.add(f"{printable(key, 40)} makes a loader import Python code: {printable(str(said))}")
        base_keys.of_code(plain, said, draft)
    elif _KERNELS.fullmatch(plain):
        for repository in base_keys.repositories(said):
            draft.code = True
            draft.notes.add(f"{printable(key, 40)} makes a loader fetch compiled code: {printable(repository)}")
            draft.based(key, repository)
    elif isinstance(said, str) and (plain in NAMING_KEYS or (_names_code(key, plain) and _is_path(said))):
        draft.imported(said)
    if wide and _is_command(plain):
        draft.code = True
        draft.format = "tool-settings"
        draft.notes.add(f"has the key {printable(key, 40)}, which can make a tool run a program")


def _is_path(said: str) -> bool:
    """Is it a path of Python, and not one of a layer that only computes?"""
    return _PATH.fullmatch(said) is not None and not _INERT_PATHS.fullmatch(said)


def _templates(said: Json) -> Iterator[str]:
    """The texts of a ``chat_template``: one, or several by name."""
    if isinstance(said, str):
        yield said
    elif isinstance(said, list):
        for item in said:
            yield from _templates(item.get("template") if isinstance(item, dict) else item)
    elif isinstance(said, dict):
        for item in said.values():
            yield from _templates(item)


def _whole(value: dict[str, Json], base: str, draft: Draft) -> None:
    """What several keys together mean."""
    kind = value.get("type")
    if base == "modules.json" and isinstance(kind, str):
        if not MODULES_OF_OURS.fullmatch(kind):
            draft.code = True
            draft.imported(kind)
        if (path := value.get("path")) and isinstance(path, str) and not kind.endswith(".Normalize"):  # which keeps no file
            _folder(path, draft)
    if kind == "constructor" and "lc" in value:
        draft.code = True
        draft.notes.add(f"LangChain builds {printable(str(value.get('id')), 80)} from it")
    if "class_name" in value or "__lambda__" in value:
        keras.named(value, draft)
    if base.endswith("model_index.json"):
        for name, said in value.items():
            if isinstance(said, list) and len(said) > 1 and isinstance(said[0], str) and isinstance(said[1], str):
                if name == "_class_name":
                    draft.code = True
                    draft.notes.add(f"its pipeline code is in a file of the model: {printable(str(said))}")
                elif said[0] not in _PIPELINES:
                    draft.imported(f"{said[0]}.{said[1]}")
                if base == "model_index.json" and name != "_class_name":
                    _folder(name, draft)


def _folder(path: str, draft: Draft) -> None:
    """Note that a loader looks for a part of the model in the folder *path*."""
    if fault := fault_of(path):
        draft.problem(f"the folder {printable(path)!r} that it names {fault}")
    else:
        draft.referred(f"{path.rstrip('/')}/")
