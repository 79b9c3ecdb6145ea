"""How many tokens a text has: counted by the model's own tokenizer, else estimated from its bytes."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import msgspec

from services.host.costs.rates import Model

_log = logging.getLogger(__name__)
_MOST_FILE = 256 * 1024 * 1024


class Counting(Protocol):
    """A tokenizer of the package ``tokenizers``, as far as it is used here."""

    def encode_batch_fast(self, input: list[str], *, add_special_tokens: bool) -> list[Any]:
        """An encoding for each text."""


def estimated(model: Model, size: int) -> int:
    """The tokens of a text of *size* bytes of UTF-8, rounded up."""
    return math.ceil(size / float(model.bytes_a_token))


class _Resource(msgspec.Struct):
    text: str = ""


class _Content(msgspec.Struct):
    type: str = ""
    text: str = ""
    resource: _Resource = msgspec.field(default_factory=_Resource)


class _Message(msgspec.Struct):
    content: _Content


class _Result(msgspec.Struct):
    content: list[_Content] = []
    contents: list[_Resource] = []
    messages: list[_Message] = []


_result = msgspec.json.Decoder(_Result)


def read_by_model(result: bytes) -> str:
    """What a client gives a model of a *result* (JSON) of a tool, a resource or a prompt: its texts, or all of it without one.

    Source: MCP 2025-11-25: tools, ``content``; resources, ``contents``; prompts, ``messages``. Pictures and sounds have no
    tokens that a tokenizer of text could count.
    """
    try:
        found = _result.decode(result)
    except msgspec.DecodeError:
        return result.decode(errors="replace")
    blocks = (*found.content, *(one.content for one in found.messages))
    said = (one.resource.text if one.type == "resource" else one.text if one.type == "text" else "" for one in blocks)
    texts = [one for one in (*said, *(one.text for one in found.contents)) if one]
    return "\n".join(texts) if texts else result.decode(errors="replace")


@dataclass(slots=True)
class Tokenizers:
    """The tokenizers of the card's models, each read once. A file that cannot be read is said once; then it is estimated."""

    _read: dict[Path, Counting | None] = field(default_factory=dict)

    def counts(self, model: Model) -> bool:
        """Can the tokens of *model* be counted here? The first question reads its file."""
        return self._of(model) is not None

    def count(self, model: Model, texts: list[str]) -> list[int] | None:
        """The tokens of each of *texts*; ``None`` if they cannot be counted here."""
        found = self._of(model)
        if found is None:
            return None
        return [len(one.ids) for one in found.encode_batch_fast(texts, add_special_tokens=False)]

    def _of(self, model: Model) -> Counting | None:
        if model.tokenizer is None:
            return None
        if model.tokenizer not in self._read:
            self._read[model.tokenizer] = _loaded(model.tokenizer, model.name)
        return self._read[model.tokenizer]


def _loaded(path: Path, name: str) -> Counting | None:
    try:
        from tokenizers import Tokenizer  # the extra `costs`; it takes a moment, and most sites have no card
    except ImportError:
        _log.warning("the tokens of %s are estimated, because 'pip install arcops[costs]' was not done here", name)
        return None
    try:
        if path.stat().st_size > _MOST_FILE:
            raise ValueError(f"it has more than {_MOST_FILE} bytes")
        found: Counting = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises plain exceptions
        _log.warning("the tokens of %s are estimated, because %s cannot be read: %s", name, path.name, error)
        return None
    return found
