"""SVG and XML: the parser here opens no other file. Whatever a viewer or a library would run or fetch is a problem.

Source: SVG 2, chapters 2, 15 and 16 (what scripts, links and animations do).
"""

from __future__ import annotations

import re
from xml.parsers import expat

from arcops.late_pattern import late
from tasks.model.content.draft import Draft, printable
from tasks.model.content.window import Malformed, Window

LIMIT = 16 * 1024 * 1024

_DRAWING = frozenset(
    (
        "svg", "g", "defs", "symbol", "use", "title", "desc", "metadata", "path", "rect", "circle", "ellipse", "line",
        "polyline", "polygon", "text", "tspan", "textpath", "marker", "pattern", "mask", "clippath", "lineargradient",
        "radialgradient", "stop", "filter", "fegaussianblur", "feoffset", "femerge", "femergenode", "feblend", "feflood",
        "fecomposite", "fecolormatrix", "femorphology", "fedropshadow", "fecomponenttransfer", "fefunca", "fefuncr",
        "fefuncg", "fefuncb", "image", "switch", "style", "namedview", "rdf", "work", "format", "type", "agent", "creator",
        "date", "rights", "publisher", "a", "page", "grid",
    )
)  # fmt: skip
"""Elements that draw, describe or group. Scripts, foreign objects, animations of attributes and frames are not in the list."""

_LINKS = late(r"#.*|https?://[^\s]*|data:image/(png|jpeg|gif|webp);.*", re.IGNORECASE | re.DOTALL)
_INNER_LINKS = late(r"#.*|data:image/(png|jpeg|gif|webp);.*", re.IGNORECASE | re.DOTALL)
_STYLE_FETCHES = late(
    r"@import|expression\s*\(|javascript:|behavior\s*:|-moz-binding|\\|url\(\s*['\"]?(?!#|data:(image|font)/)", re.I
)
_SBOM_ROOTS = ("http://cyclonedx.org/schema/bom/", "http://www.w3.org/1999/02/22-rdf-syntax-ns#")


def read_svg(window: Window, draft: Draft) -> None:
    draft.format = "image"
    root = _parse(window, draft, drawing=True)
    if root.rpartition(" ")[2].lower() != "svg":
        draft.problem(f"it is named as a drawing, but its root is {printable(root, 80)!r}")


def read_xml(window: Window, draft: Draft) -> None:
    """XML of a software bill of materials is data that ArcOps reads; for other XML it is not known which tool reads it."""
    root = _parse(window, draft, drawing=False)
    if not root.startswith(_SBOM_ROOTS):
        draft.format = "xml"


def _parse(window: Window, draft: Draft, *, drawing: bool) -> str:
    """The root's name; its namespace comes before it, with a blank between."""
    if window.size > LIMIT:
        raise Malformed(f"it has {window.size} bytes; the limit for XML is {LIMIT}")
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    roots: list[str] = []
    inside: list[str] = []

    def started(name: str, attributes: dict[str, str]) -> None:
        roots[:] = roots or [name]
        inside.append(name.rpartition(" ")[2].lower())
        if drawing:
            _element(inside[-1], attributes, draft)

    def ended(name: str) -> None:
        inside.pop()

    def texted(data: str) -> None:
        if drawing and inside and inside[-1] == "style" and _STYLE_FETCHES.search(data):
            draft.problem("its style sheet fetches data from another address")

    def declared(name: str, *_: object) -> None:
        if not drawing or not _plain_doctype(*_):
            raise Malformed("it declares a document type, which can make a parser open other files")

    def entity(*_: object) -> None:
        raise Malformed("it defines its own entities")

    def instructed(target: str, data: str) -> None:
        if target.lower() != "xml":
            draft.problem(f"it has the processing instruction {printable(target, 40)!r}")

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = started, ended, texted
    parser.StartDoctypeDeclHandler, parser.EntityDeclHandler = declared, entity
    parser.ProcessingInstructionHandler = instructed
    try:
        parser.Parse(window.read(0, window.size), True)
    except (expat.ExpatError, ValueError) as error:
        raise Malformed(f"its XML does not parse: {printable(str(error), 80)}") from error
    return roots[0] if roots else ""


def _plain_doctype(system: object, public: object, internal: object) -> bool:
    """Is it the plain document type that older drawing programs write?"""
    return not internal and str(public).startswith("-//W3C//DTD SVG")


def _element(name: str, attributes: dict[str, str], draft: Draft) -> None:
    if name not in _DRAWING:
        draft.problem(f"its element {printable(name, 40)!r} does more than draw")
    for key, value in attributes.items():
        plain = key.rpartition(" ")[2].lower()
        if plain.startswith("on"):
            draft.problem(f"its attribute {printable(plain, 40)!r} runs a script")
        elif plain in ("href", "src") and not (_LINKS if name == "a" else _INNER_LINKS).fullmatch(value.strip()):
            draft.problem(f"it links to {printable(value, 60)!r}")
        elif _STYLE_FETCHES.search(value) and ("url(" in value.lower() or plain == "style"):
            draft.problem(f"its attribute {printable(plain, 40)!r} fetches data from another address")
