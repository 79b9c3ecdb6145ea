"""Text: read further by its name, so that only words that no tool runs count as words."""

from __future__ import annotations

from functools import cache
from types import ModuleType

from tasks.model.content import kinds, lines, rendered
from tasks.model.content.draft import Draft
from tasks.model.content.window import Malformed, Window

FRONT_LIMIT = 1024 * 1024
_OPENS_JSON = (b"{", b"[")


def read(head: bytes, window: Window, path: str, kind: kinds.Kind, draft: Draft) -> None:
    """Set the format of the text at *path*, which its name says is of *kind*, and note what it would run."""
    base = path.rsplit("/", 1)[-1].lower()
    draft.format = "text"
    if kind.code is not None:
        draft.format = kind.code.form
        draft.code = True
        draft.notes.add(kind.code.why)
        return
    opened = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    match kind.reader:
        case "txt" if lines.are_requirements(window):
            draft.format = "package-manifest"
            draft.code = True
            draft.notes.add("lists packages for an installer, which runs code from them")
        case "words" | "txt":
            _prompt(window, base, draft)
        case "markdown":
            _front(window, draft)
            _prompt(window, base, draft)
        case "table":
            lines.read_table(window, draft)
        case "statement":
            draft.format = "json" if opened == b"{" else "text"
        case "json" | "blob" | "figures" | "yaml" | "toml" | "ini":
            _settings(kind, opened, window, base, draft)
        case "template":
            _template(window, draft)
        case "svg":
            from tasks.model.content import markup

            markup.read_svg(window, draft)
        case "xml":
            from tasks.model.content import markup

            markup.read_xml(window, draft)
        case "gitattributes":
            lines.read_attributes(window, draft)
        case "modelfile":
            from tasks.model.content import modelfile

            modelfile.read(window, draft)
        case "tiktoken" if lines.are_ranked_tokens(window):
            pass
        case "hub-metadata" if lines.are_hub_notes(window):
            pass
        case _:
            _unknown(draft)


def _settings(kind: kinds.Kind, opened: bytes, window: Window, base: str, draft: Draft) -> None:
    packages, settings = _readers_of_settings()
    match kind.reader:
        case "json":
            draft.format = "json" if opened in _OPENS_JSON else "text"
            if draft.format == "json":
                settings.read_json(window, base, draft, wide=not kind.known)
        case "blob" if opened == b"{":
            draft.format = "json"
            value = settings.read_json(window, base, draft, wide=True)
            if isinstance(value, dict):
                packages.descriptors(value, "", draft)
        case "figures" if opened in _OPENS_JSON:
            draft.format = "json"
            value = settings.read_json(window, base, draft, wide=True)
            if draft.format == "json" and not settings.only_figures(value):
                draft.format = kinds.UNKNOWN
                draft.notes.add("holds texts, and its name is unknown, so a tool may read them as commands")
        case "yaml":
            settings.read_yaml(window, base, draft, wide=not kind.known)
        case "toml":
            settings.read_toml(window, base, draft)
        case "ini":
            settings.read_ini(window, base, draft)
        case _:
            _unknown(draft)


@cache
def _readers_of_settings() -> tuple[ModuleType, ModuleType]:
    """Imported when the first settings are met: words need none."""
    from tasks.model.content import packages, settings

    return packages, settings


def _unknown(draft: Draft) -> None:
    draft.format = kinds.UNKNOWN
    draft.notes.add("has an unknown name, so a tool may run it")


def _front(window: Window, draft: Draft) -> None:
    """The front matter of a card: hubs and our own reader read it as YAML."""
    text = window.upto(0, FRONT_LIMIT).decode("utf-8", "replace").lstrip("\ufeff")
    if not text.startswith("---"):
        return
    from tasks.model.content import yaml_text

    front = text.split("\n---", 1)[0]
    try:
        for _ in yaml_text.documents(front, draft):
            pass
    except Malformed:
        return  # text that does not parse builds nothing; the gate for cards checks whether a card is well formed


def _prompt(window: Window, base: str, draft: Draft) -> None:
    """Some servers accept any file as a template; text with braces counts as one only if it is called so."""
    if ("template" in base or "prompt" in base) and window.size <= rendered.TEMPLATE_TOTAL:
        rendered.check(window.read(0, window.size).decode("utf-8", "replace"), "of the file", draft, surely=False)


def _template(window: Window, draft: Draft) -> None:
    if window.size > rendered.TEMPLATE_TOTAL:
        raise Malformed(f"it has {window.size} bytes; at most {rendered.TEMPLATE_TOTAL} of a template are read")
    draft.notes.add("is a chat template")
    rendered.check(window.read(0, window.size).decode("utf-8", "replace"), "of the file", draft, surely=True)
