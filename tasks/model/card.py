"""The collector of what the publisher says: model cards, licence files, and licence fields in configuration files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import PurePosixPath

from arcops.collector import collector
from arcops.errors import Refused
from arcops.evidence import Seen, Sighting
from arcops.late_pattern import late
from arcops.licence import UNSAID, AllOf, parse_licence
from arcops.request import Request
from arcops.seen.card import Card, CardSeen, LicenceSeen, LicenceSource
from arcops.seen.tree import FileSeen, Tree
from artifacts.nesting import TOO_DEEP, deep_line
from tasks.files.reading import MIB, read_seen
from tasks.model.card_facts import facts_of, strings
from tasks.model.front_matter import CardText, Node, read_card, shown
from tasks.model.licence_text import recognise, recognise_notice

_CARD_NAMES = {"readme.md", "readme.markdown", "model_card.md", "model-card.md", "modelcard.md"}
_CONFIG_NAMES = {"config.json", "model_index.json"}
_LICENCE_NAME = late(r"(.*[-_. ])?(licen[cs]es?|copying|unlicense|eula|notice)([-_. ].*)?")
# Files whose name begins like a licence's, but that have other content: code, tables, weights, pictures.
_OTHER_ENDINGS = late(
    r".*\.(py|pyi|pyc|js|ts|json|jsonl|yaml|yml|toml|cfg|ini|csv|tsv|parquet|bin|pt|pth|safetensors|gguf|onnx|png|jpe?g|gif|svg"
    r"|sig|asc|sigstore|pem)"
)
_LICENCE_FOLDERS = {"licenses", "licences"}
_MOST = 512
_LONGEST = 8 * MIB


@collector("card", Card, version="2", needs=(Tree,), deadline=timedelta(minutes=2))
def look(request: Request, seen: Seen) -> Sighting[Card]:
    """Read every card, licence file and configuration file that `Tree` lists.

    If one file is unclear, that becomes a problem of this file. Raises `Refused` if there are too many such files, or if a
    file that may be one could not be read, and `Unavailable` if a file changed since it was hashed.
    """
    tree = seen[Tree].body
    if tree.troubles:
        first = tree.troubles[0]
        raise Refused(
            f"{len(tree.troubles)} thing(s) in {request.target} could not be read, first {first.path} ({first.reason}); "
            "a card or a licence may be among them"
        )
    cards = [file for file in tree.files if _name(file) in _CARD_NAMES]
    files = [file for file in tree.files if _is_licence(file)]
    configs = [file for file in tree.files if _name(file) in _CONFIG_NAMES]
    if len(cards) + len(files) + len(configs) > _MOST:
        raise Refused(
            f"{request.target} has {len(cards)} cards, {len(files)} licence files and {len(configs)} configuration files;"
            f" at most {_MOST} are read: check only the folder of the model, not the repository around it"
        )
    own = _own_folders(cards)
    seen_cards: list[CardSeen] = []
    licences: list[LicenceSeen] = []
    for file in cards:
        card, stated = _card(request, file)
        seen_cards.append(card)
        licences.extend(_placed(stated, own))
    for file in files:
        licences.extend(_placed(_text(request, file), own))
    for file in configs:
        licences.extend(_placed(_config(request, file), own))
    return Sighting(
        body=Card(
            looked_at=len(tree.files),
            cards=tuple(sorted(seen_cards, key=lambda card: card.path)),
            licences=tuple(sorted(licences, key=lambda licence: (licence.path, licence.source.value, licence.stated))),
        )
    )


def _name(file: FileSeen) -> str:
    return PurePosixPath(file.path).name.lower()


def _is_licence(file: FileSeen) -> bool:
    name = _name(file)
    if _OTHER_ENDINGS.fullmatch(name):
        return False
    folder = PurePosixPath(file.path).parent.name.lower()
    return _LICENCE_NAME.fullmatch(name) is not None or folder in _LICENCE_FOLDERS


def _own_folders(cards: Iterable[FileSeen]) -> frozenset[str]:
    """The top folder, and the folder of the card nearest to it: files there describe the whole subject."""
    nearest = min(cards, key=lambda card: (card.path.count("/"), card.path), default=None)
    return frozenset({"."} | ({str(PurePosixPath(nearest.path).parent)} if nearest is not None else set()))


def _placed(licences: Iterable[LicenceSeen], own: frozenset[str]) -> Iterator[LicenceSeen]:
    for licence in licences:
        folder = str(PurePosixPath(licence.path).parent)
        yield LicenceSeen(
            path=licence.path,
            source=licence.source,
            stated=licence.stated,
            expression=licence.expression,
            problem=licence.problem,
            own=folder in own,
        )


def _card(request: Request, file: FileSeen) -> tuple[CardSeen, tuple[LicenceSeen, ...]]:
    try:
        text = _decoded(read_seen(request, file, _LONGEST), file.path)
        card = read_card(text)
    except Refused as error:
        return CardSeen(path=file.path, sha256=file.sha256, problems=(str(error),)), ()
    return (
        CardSeen(path=file.path, sha256=file.sha256, facts=facts_of(card), problems=tuple(_misshapen(card))),
        tuple(_card_licence(file.path, card.front or {})),
    )


def _misshapen(card: CardText) -> Iterator[str]:
    for field in ("license", "license_name", "base_model", "datasets", "language", "library_name", "pipeline_tag"):
        node: Node = (card.front or {}).get(field, "")
        items = node if isinstance(node, tuple) else (node,)
        if not all(isinstance(item, str) for item in items):
            yield f"the front matter's {field!r} is neither a value nor a list of values"


def _card_licence(path: str, front: Mapping[str, Node]) -> Iterator[LicenceSeen]:
    stated = tuple(strings(front.get("license", "")))
    name = next(strings(front.get("license_name", "")), "")
    if [licence.lower() for licence in stated] == ["other"]:
        stated = (_own_name(name) if name else UNSAID,)
    elif name and not stated:
        stated = (_own_name(name),)
    if stated:
        yield _stated(path, LicenceSource.CARD, stated)


def _own_name(name: str) -> str:
    """A licence that the card names: the hub's or SPDX's name if it is known there, else a custom reference."""
    if _known_alone(name):
        return name
    return "LicenseRef-" + (re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-") or "unnamed")


def _known_alone(name: str) -> bool:
    return re.fullmatch(r"(llama[\d.]+|gemma|[a-z]+-openrail-m)", name.lower()) is not None


def _stated(path: str, source: LicenceSource, names: tuple[str, ...]) -> LicenceSeen:
    """Several licences in a list all apply: the file does not say that one may choose."""
    stated = " AND ".join(names) if len(names) == 1 else " AND ".join(f"({name})" for name in names)
    stated = shown(stated)[:1000]
    try:
        parts = tuple(parse_licence(name) for name in names)
        return LicenceSeen(
            path=path, source=source, stated=stated, expression=str(parts[0] if len(parts) == 1 else AllOf(parts=parts))
        )
    except Refused as error:
        return LicenceSeen(path=path, source=source, stated=stated, problem=str(error))


def _text(request: Request, file: FileSeen) -> Iterator[LicenceSeen]:
    notice = "notice" in _name(file) and "licen" not in _name(file)
    try:
        text = _text_of(read_seen(request, file, _LONGEST), file.path)
    except Refused as error:
        yield LicenceSeen(path=file.path, source=LicenceSource.FILE, problem=str(error))
        return
    expression = recognise_notice(text) if notice else recognise(text)
    if expression:
        yield LicenceSeen(path=file.path, source=LicenceSource.FILE, expression=expression)
    elif not notice:
        yield LicenceSeen(
            path=file.path,
            source=LicenceSource.FILE,
            problem="its text does not match a known licence word for word, or matches more than one",
        )


def _config(request: Request, file: FileSeen) -> Iterator[LicenceSeen]:
    try:
        document = _fields(_decoded(read_seen(request, file, _LONGEST), file.path), file.path)
    except Refused as error:
        yield LicenceSeen(path=file.path, source=LicenceSource.CONFIG, problem=str(error))
        return
    for field in ("license", "licence"):
        value = document.get(field)
        if value is None or value == "":
            continue
        names = tuple(value) if isinstance(value, list) else (value,)
        if names and all(isinstance(name, str) and name for name in names):
            yield _stated(file.path, LicenceSource.CONFIG, names)
        else:
            yield LicenceSeen(
                path=file.path, source=LicenceSource.CONFIG, problem=f"its field {field!r} is not a licence's name"
            )


def _fields(text: str, path: str) -> dict[str, object]:
    """The members of the JSON object *text*. Infinities, which real configurations hold, pass."""

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        members = dict(pairs)
        if len(members) != len(pairs):
            raise Refused(f"{path} has a duplicate key, so two readers could see two licences")
        return members

    if (line := deep_line(text.encode("utf-8", "surrogatepass"))) is not None:
        raise Refused(f"{path} is not read: {TOO_DEEP} on line {line}")
    try:
        document: object = json.loads(text, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise Refused(f"{path} is not JSON: {shown(str(error))[:200]}") from error
    return document if isinstance(document, dict) else {}


def _decoded(data: bytes, path: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(f"{path} is not text in UTF-8") from error


def _text_of(data: bytes, path: str) -> str:
    if b"\0" in data:
        raise Refused(f"{path} is not plain text, so its licence cannot be read")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")
