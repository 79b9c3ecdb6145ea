"""What a text file is by its name: words that no tool runs, data that is read further, code, or unknown.

The bytes of a Makefile and of a note look alike: tools decide by name. So text counts as words only if no tool runs a file of
its name. An unknown name is reported as unknown, and no policy that ships with ArcOps allows it.
"""

from __future__ import annotations

from arcops.beside import names_sbom
from arcops.late_dataclass import dataclass
from arcops.late_pattern import late
from arcops.sets import is_blob
from tasks.model.content.code_names import FORMS, CodeKind, kind_of_code, like
from tasks.model.content.short_names import remembered

UNKNOWN = "unknown-text"

WORD_SUFFIXES = frozenset(
    (
        "md", "markdown", "rst", "txt", "text", "log", "bib", "vocab", "bpe", "merges", "codes", "names", "labels", "tags",
        "md5", "sha1", "sha256", "sha512", "md5sum", "sha1sum", "sha256sum", "sha512sum", "asc", "minisig", "pem", "crt", "cer",
        "pub", "jsonl", "ndjson",
    )
)  # fmt: skip
"""Extensions of words, lists of words, checksums and keys."""

_WORDS = late(
    r"(readme|authors|contributors|maintainers|changelog|changes|history|version|credits|thanks|acknowledge?ments|todo|news"
    r"|disclaimer|model[-_]?card|vocab|merges|labels|checksums|(md5|sha1|sha256|sha512)sums?|terms|patents|attributions?"
    r"|(.*[-_. ])?(licen[cs]es?|copying|unlicense|eula|notices?|copyright|(acceptable[-_])?use[-_]policy)([-_. ].*)?)"
)
_LICENCE_ENDINGS = late(
    r"[0-9]+|mit|apache|bsd|gpl|lgpl|agpl|mpl|isc|cc0|openrail|llama[0-9]*|gemma|model|code|weights|others?"
)
_STATEMENT_SUFFIXES = frozenset(("sig", "sigstore", "bundle", "dsse", "att", "spdx", "cdx", "tag", "intoto"))
_LISTS = late(
    r"(.*[-_.])?(tokenizer|tekken|vocab|vocabulary|tokens?|id2label|label2id|labels?|classes|categories|normalizer|merges"
    r"|phonemes|speakers|voices|languages|lexicon|dict|alphabet|bom|spdx|cdx|openvex|vex|sigstore|intoto|dsse|att|bundle"
    r"|attestations?|provenance|statement|report|trivy)([-_.].*)?"
)
"""Names of JSON files with words or statements, in which no key is a setting."""

_SETTINGS_JSON = late(
    r"(.*[-_.])?(config|configuration|params|hyperparams|hparams|template|modules|generation|metadata|info|infos|card|codemeta|args"
    r"|dtypes|quant|quantization|scheduler|model|prompts?|index|results?|state|map|scores?|metrics?|stats|statistics|history|losses)"
    r"([-_.].*)?"
)
"""Names of JSON files with settings that loaders of models read."""
_KNOWN_SETTINGS = late(
    r"(.*[-_])?config|configuration|hparams|hyperparams|params|recipe|metadata|training_args|model_index|citation"
)
_HIDDEN_WORDS = frozenset((".gitignore", ".gitkeep", ".keep", ".nojekyll"))


@dataclass(frozen=True, slots=True)
class Kind:
    """``reader`` says how the text is read further: ``words``, ``json``, ``yaml``…; empty if no known tool reads it as
    data. ``known`` says that the name promises lists, figures or a statement, in which no key counts as a setting."""

    reader: str = ""
    known: bool = True
    code: CodeKind | None = None


def family(form: str) -> str:
    """``text`` for a text format that only the name decides, else *form* itself: what a name can say about the bytes."""
    return "text" if form in FORMS or form in (UNKNOWN, "xml") else form


def kind_of(path: str) -> Kind:
    """The kind of text at *path* in the model."""
    name = like(path.rsplit("/", 1)[-1])
    code = kind_of_code(name)
    if code is not None:
        return Kind(code=code)
    if path.startswith(".") or "/." in path:
        folders = [part for part in path.lower().split("/")[:-1] if part.startswith(".")]
        return _hidden(folders, path.lower(), path.rsplit("/", 1)[-1].lower())
    if is_blob(path):
        return _BLOB
    if name == "manifest.json" and path.lower().endswith(".mlpackage/manifest.json"):
        return Kind("json", known=False)
    return _kind_of_words(name)


@remembered
def _kind_of_words(name: str) -> Kind:
    """The kind of text in a file of *name*, which `like` made, if no tool runs it."""
    stem, dot, suffix = name.rpartition(".")
    if not dot:
        stem, suffix = name, ""
    if suffix in _SIMPLE and name != "modelfile.txt":
        return _SIMPLE[suffix]
    reader = _BY_SUFFIX.get(suffix, "words" if suffix in WORD_SUFFIXES else "")
    if name == "kitfile":
        return Kind("yaml", known=False)
    if name == "oci-layout":
        return Kind("json", known=False)
    if name in ("modelfile", "modelfile.txt") or suffix == "modelfile":
        return Kind("modelfile")
    if names_sbom(name) or suffix in _STATEMENT_SUFFIXES:
        return Kind(reader if reader in ("json", "yaml", "xml") else "statement")
    if suffix == "json":
        if _LISTS.fullmatch(stem):
            return Kind("json")
        return Kind("json" if _SETTINGS_JSON.fullmatch(stem) else "figures", known=False)
    if reader in ("yaml", "toml", "ini"):
        return Kind(reader if _KNOWN_SETTINGS.fullmatch(stem) else "", known=False)
    if not reader and _WORDS.fullmatch(name) and (not suffix or _LICENCE_ENDINGS.fullmatch(suffix)):
        reader = "words"
    return Kind(reader)


def _hidden(folders: list[str], path: str, name: str) -> Kind:
    """Names that begin with a dot belong to tools; those that hubs make are known."""
    if not folders:
        return Kind("gitattributes" if name == ".gitattributes" else "words" if name in _HIDDEN_WORDS else "")
    if folders == [".cache"] and ".cache/huggingface/" in path:
        if name in (".gitignore", "cachedir.tag"):
            return Kind("words")
        return Kind("hub-metadata" if name.endswith(".metadata") else "")
    return Kind("yaml" if folders == [".eval_results"] and name.endswith((".yaml", ".yml")) else "", known=False)


_BY_SUFFIX = {
    "csv": "table",
    "tsv": "table",
    "yaml": "yaml",
    "yml": "yaml",
    "cff": "yaml",
    "toml": "toml",
    "ini": "ini",
    "cfg": "ini",
    "jinja": "template",
    "jinja2": "template",
    "j2": "template",
    "svg": "svg",
    "xml": "xml",
    "rdf": "xml",
    "jsonld": "json",
    "tiktoken": "tiktoken",
    "model": "tiktoken",
    "txt": "txt",
    "text": "txt",
    "md": "markdown",
    "markdown": "markdown",
}

_BLOB = Kind("blob", known=False)
_SIMPLE = {suffix: Kind(_BY_SUFFIX[suffix]) for suffix in ("csv", "tsv", "txt", "text", "md", "markdown")}
"""Endings that say everything, of most files that hold words. One value for all of them."""
