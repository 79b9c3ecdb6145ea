"""Files of settings and data: JSON, YAML, TOML and INI, each read whole into one shape and walked for code."""

from __future__ import annotations

from arcops.late_pattern import late
from arcops.seen.content import Shard
from tasks.model.content import code_keys, packages
from tasks.model.content.bounded_json import Json, parse
from tasks.model.content.draft import Draft, names_of, printable
from tasks.model.content.names import fault_of
from tasks.model.content.window import Malformed, Window

JSON_LIMIT = 64 * 1024 * 1024
"""Bytes. The tokenizers of the largest vocabularies have about 35 MiB."""

MOST_SHARDS = 5000
_INDEX = late(r".*\.index(?:\.[\w-]+)?\.json")

TEXT_LIMIT = 1024 * 1024

_TOKENIZER_PARTS = {
    "normalizer": frozenset(
        ("Sequence", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Nmt", "BertNormalizer", "Strip", "StripAccents", "Replace",
         "Precompiled", "Prepend", "ByteLevel")
    ),
    "pre_tokenizer": frozenset(
        ("Sequence", "BertPreTokenizer", "ByteLevel", "CharDelimiterSplit", "Metaspace", "Whitespace", "WhitespaceSplit",
         "Split", "Punctuation", "Digits", "UnicodeScripts", "FixedLength")
    ),
    "post_processor": frozenset(("Sequence", "TemplateProcessing", "BertProcessing", "RobertaProcessing", "ByteLevel")),
    "decoder": frozenset(
        ("Sequence", "ByteLevel", "Metaspace", "WordPiece", "BPEDecoder", "CTC", "Replace", "Fuse", "Strip", "ByteFallback")
    ),
    "model": frozenset(("BPE", "WordPiece", "WordLevel", "Unigram")),
}  # fmt: skip
"""The parts that are built into the ``tokenizers`` library; any other part has to come from another package."""


def read_json(window: Window, base: str, draft: Draft, *, wide: bool) -> Json:
    """The value of the file *base*; notes what it would load or run."""
    if window.size > JSON_LIMIT:
        raise Malformed(f"it has {window.size} bytes; the limit for JSON is {JSON_LIMIT}")
    # Training states hold NaN, and settings of state-space models infinities; files that build models stay strict JSON.
    value = parse(window.read(0, window.size), constants=base != "config.json")
    if (".index" in base and _INDEX.fullmatch(base)) or (isinstance(value, dict) and isinstance(value.get("weight_map"), dict)):
        _index(value, draft)
    if isinstance(value, dict) and base in ("manifest.json", "index.json", "oci-layout"):
        packages.note(value, base, draft)
    if base == "tokenizer.json":
        value = _tokenizer(value, draft)
    code_keys.walk(value, base, draft, wide=wide)
    return value


def only_figures(value: Json) -> bool:
    """Does *value* hold no text except its keys?"""
    waiting = [value]
    while waiting:
        said = waiting.pop()
        for one in said.values() if isinstance(said, dict) else said if isinstance(said, list) else (said,):
            if isinstance(one, str):
                return False
            if isinstance(one, (list, dict)):
                waiting.append(one)
    return True


def _index(index: Json, draft: Draft) -> None:
    """The list of a model's shards: loaders open the files that it names."""
    shards = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(shards, dict) or not all(isinstance(shard, str) for shard in shards.values()):
        raise Malformed("it does not map weights to the names of files")
    if not shards:
        draft.problem("it is an index that names no tensor")
    inside: dict[str, list[str]] = {}
    for name, shard in shards.items():
        inside.setdefault(str(shard), []).append(name)
    if len(inside) > MOST_SHARDS:
        raise Malformed(f"it names {len(inside)} files; at most {MOST_SHARDS} are read")
    for shard in sorted(inside):
        fault = fault_of(shard)
        if fault:
            draft.problem(f"the file {printable(shard)!r} that it names {fault}")
        else:
            draft.referred(shard)
    draft.shards = tuple(Shard(path=path, names=names_of(inside[path])) for path in sorted(inside) if path in draft.refers)


def _tokenizer(value: Json, draft: Draft) -> Json:
    """Compare the parts of a tokenizer with those that are built in. The returned rest, for the walk, has no vocabulary."""
    if not isinstance(value, dict):
        raise Malformed("it is not a mapping, but a tokenizer must be one")
    model = value.get("model")
    rest = dict(value)
    if isinstance(model, dict):
        rest["model"] = {key: said for key, said in model.items() if key not in ("vocab", "merges")}
    for part, known in _TOKENIZER_PARTS.items():
        waiting = [rest.get(part)]
        while waiting:
            said = waiting.pop()
            if isinstance(said, list):
                waiting += said
            elif isinstance(said, dict):
                kind = said.get("type")
                if isinstance(kind, str) and kind not in known:
                    draft.problem(f"its {part} is of the type {printable(kind, 40)!r}, which is not built into tokenizers")
                waiting += [said.get(key) for key in ("normalizers", "pretokenizers", "processors", "decoders")]
    return rest


def read_yaml(window: Window, base: str, draft: Draft, *, wide: bool) -> None:
    from tasks.model.content import yaml_text

    for document in yaml_text.documents(_text(window), draft):
        code_keys.walk(document, base, draft, wide=wide)


def read_toml(window: Window, base: str, draft: Draft) -> None:
    import tomllib

    text = _text(window)
    if _DEEP_KEY.search(text):  # the reader's time grows with the square of a key's parts
        raise Malformed("its TOML has a key of more than 64 parts")
    try:
        value: Json = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"its TOML does not parse: {printable(str(error))}") from error
    code_keys.walk(value, base, draft, wide=True)


_DEEP_KEY = late(r"(?:[\w\"'-]{1,64}[ \t]*\.[ \t]*){64}")
_SETTING = late(r"\s*(?P<key>[^=:#;\[\]]+?)\s*[=:]\s*(?P<value>.*?)\s*")


def read_ini(window: Window, base: str, draft: Draft) -> None:
    """Sections of settings. A name that begins with ``@`` makes spaCy load a function from its own or a package's registry."""
    for line in _text(window).splitlines():
        match = _SETTING.fullmatch(line)
        if match is None:
            continue
        value = match["value"].strip("\"'")
        if match["key"].startswith("@") and not value.startswith("spacy."):
            draft.imported(f"registered.{value}")
        code_keys.walk({match["key"]: value}, base, draft, wide=True)


def _text(window: Window) -> str:
    if window.size > TEXT_LIMIT:
        raise Malformed(f"it has {window.size} bytes; the limit for settings is {TEXT_LIMIT}")
    try:
        return window.read(0, window.size).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed(f"it is not UTF-8 at byte {error.start}") from error
