"""The site's rate card: which model reads what a server answers, and what its tokens, calls and CPU are worth. Read strictly.

A model writes the arguments of a call, so these are priced as its output; it reads the result, which is priced as its input.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from arcops.errors import Refused
from foundation.limits.rules import Triple

if TYPE_CHECKING:
    from foundation.strict_yaml import JSON

NANO = 1_000_000_000
"""A price is a whole number of billionths of the currency."""
BYTES_A_TOKEN = Decimal(4)
"""What is estimated if a model's card says nothing else."""
_MOST_MODELS, _MOST_CARDS, _MOST_USES, _MOST_WORD = 1000, 1000, 10_000, 1000
_MILLION = 1_000_000
_MOST_PRICE = Decimal(1_000_000)
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,100}")
_CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model. ``input`` and ``output`` are prices of a million tokens.

    ``tokenizer`` is the file ``tokenizer.json`` that counts its tokens; without one they are estimated, one for each
    ``bytes_a_token``. ``around_arguments`` and ``around_result`` are the tokens that its chat template puts around each.
    """

    name: str
    input: Decimal = Decimal(0)
    output: Decimal = Decimal(0)
    tokenizer: Path | None = None
    bytes_a_token: Decimal = BYTES_A_TOKEN
    around_arguments: int = 0
    around_result: int = 0


UNKNOWN = Model(name="")
"""No card says which model it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The prices from ``since`` on, in UTC: of the ``models``, of each ``call``, of an hour of CPU.

    The model of a call is that of its caller, else that of its server, else ``usual``.
    """

    since: date
    models: Mapping[str, Model]
    usual: str = ""
    servers: Mapping[str, str] = field(default_factory=dict)
    callers: Mapping[Triple, str] = field(default_factory=dict)
    call: Decimal = Decimal(0)
    cpu_hour: Decimal = Decimal(0)

    def model(self, who: Triple, server: str) -> Model:
        """The model that reads what *server* answers to the caller *who*."""
        return self.models.get(self.callers.get(who) or self.servers.get(server) or self.usual, UNKNOWN)

    def price(self, model: Model, argument_tokens: int, result_tokens: int, cpu: int | None) -> int | None:
        """What a call cost, in billionths; *cpu* is in microseconds. ``None`` if its model has no price."""
        if not model.name:
            return None
        tokens = (argument_tokens * model.output + result_tokens * model.input) / _MILLION
        return round((tokens + self.call + Decimal(cpu or 0) * self.cpu_hour / 3_600_000_000) * NANO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Every card, the newest first; all prices are in ``currency`` (ISO 4217)."""

    currency: str = ""
    cards: tuple[Card, ...] = ()

    def at(self, milliseconds: int) -> Card | None:
        """The card that counts at that moment; ``None`` before the first."""
        day = datetime.fromtimestamp(milliseconds / 1000, UTC).date()
        return next((one for one in self.cards if one.since <= day), None)


NONE = Rates()
"""The site has no card: tokens are estimated, and nothing has a price."""


def parse_rates(data: bytes, *, where: str) -> Rates:
    """The card in *data*, YAML or JSON. Raises `Refused` with the file's name and what is wrong."""
    from foundation.strict_yaml import load_all  # late: a process that reads no such file does without YAML

    documents = load_all(data, what=where, most_values=200_000)
    if len(documents) != 1:
        raise Refused(f"{where} has {len(documents)} documents instead of one; write one")
    try:
        return _rates(documents[0])
    except Refused as error:
        raise Refused(f"{where}: {error}") from error


def _rates(document: JSON) -> Rates:
    top = _members(document, "the file", ("currency", "cards"))
    currency = top.get("currency")
    if not isinstance(currency, str) or not _CURRENCY.fullmatch(currency):
        raise Refused(f"'currency' is {_shown(currency)}; write three capital letters (ISO 4217), such as EUR")
    cards = [_card(one, f"card {number}") for number, one in enumerate(_list(top.get("cards"), "cards", _MOST_CARDS), 1)]
    if not cards:
        raise Refused("'cards' is empty; write at least one")
    days = [one.since for one in cards]
    twice = next((one for one in days if days.count(one) > 1), None)
    if twice is not None:
        raise Refused(f"two cards begin on {twice}; give each its own day")
    return Rates(currency=currency, cards=tuple(sorted(cards, key=lambda one: one.since, reverse=True)))


def _card(value: JSON, place: str) -> Card:
    members = _members(value, place, ("from", "models", "model", "servers", "callers", "call", "cpuHour"))
    try:
        since = date.fromisoformat(str(members.get("from")))
    except ValueError:
        raise Refused(f"{place} begins {_shown(members.get('from'))}; write a day, such as 2026-11-01") from None
    place = f"the card of {since}"
    models: dict[str, Model] = {}
    for number, one in enumerate(_list(members.get("models"), f"models of {place}", _MOST_MODELS), 1):
        made = _model(one, f"model {number} of {place}")
        if made.name in models:
            raise Refused(f"{place} has the model {made.name!r} twice")
        models[made.name] = made
    if not models:
        raise Refused(f"{place} has no models; write at least one")

    def known(name: JSON, what: str) -> str:
        if not isinstance(name, str) or name not in models:
            raise Refused(f"{what} of {place} is {_shown(name)}; its models are {', '.join(sorted(models))}")
        return name

    servers = members.get("servers", {})
    if not isinstance(servers, dict) or len(servers) > _MOST_USES:
        raise Refused(f"'servers' of {place} is not a mapping of at most {_MOST_USES} servers to models")
    callers: dict[Triple, str] = {}
    for one in _list(members.get("callers", []), f"callers of {place}", _MOST_USES):
        caller = _members(one, f"a caller of {place}", ("issuer", "tenant", "id", "model"))
        who = (_word(caller, "issuer", place), _word(caller, "tenant", place, empty=True), _word(caller, "id", place))
        if who in callers:
            raise Refused(f"{place} names the caller {who[2]!r} twice")
        callers[who] = known(caller.get("model"), f"the model of the caller {who[2]!r}")
    return Card(
        since=since,
        models=models,
        usual=known(members["model"], "'model'") if "model" in members else "",
        servers={name: known(model, f"the model of the server {name!r}") for name, model in servers.items()},
        callers=callers,
        call=_price(members, "call", place),
        cpu_hour=_price(members, "cpuHour", place),
    )


def _model(value: JSON, place: str) -> Model:
    keys = ("name", "input", "output", "tokenizer", "bytesPerToken", "aroundArguments", "aroundResult")
    members = _members(value, place, keys)
    name = members.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Refused(f"{place} has the name {_shown(name)}; write up to 100 characters")
    for key in ("input", "output"):
        if key not in members:
            raise Refused(f"the model {name!r} has no {key!r}; write the price of a million tokens")
    tokenizer = members.get("tokenizer")
    if "tokenizer" in members and (not isinstance(tokenizer, str) or not Path(tokenizer).is_absolute()):
        raise Refused(f"the tokenizer of {name!r} is {_shown(tokenizer)}; write the absolute path of its tokenizer.json")
    ratio = _decimal(members.get("bytesPerToken", 4), f"bytesPerToken of {name!r}")
    if not Decimal("0.1") <= ratio <= 100:
        raise Refused(f"bytesPerToken of {name!r} is {ratio}; use 0.1 to 100")
    return Model(
        name=name,
        input=_price(members, "input", f"the model {name!r}"),
        output=_price(members, "output", f"the model {name!r}"),
        tokenizer=Path(str(tokenizer)) if tokenizer is not None else None,
        bytes_a_token=ratio,
        around_arguments=_whole(members, "aroundArguments", name),
        around_result=_whole(members, "aroundResult", name),
    )


def _price(members: Mapping[str, JSON], key: str, place: str) -> Decimal:
    found = _decimal(members.get(key, 0), f"{key!r} of {place}")
    if not 0 <= found <= _MOST_PRICE:
        raise Refused(f"{key!r} of {place} is {found}; a price is from 0 to {_MOST_PRICE}")
    return found


def _decimal(value: JSON, what: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Refused(f"{what} is {_shown(value)}; write a number without quotes")
    found = Decimal(str(value))
    if not found.is_finite():
        raise Refused(f"{what} is {value}; write a number")
    return found


def _whole(members: Mapping[str, JSON], key: str, name: str) -> int:
    value = members.get(key, 0)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 100_000:
        raise Refused(f"{key} of {name!r} is {_shown(value)}; use a whole number from 0 to 100000")
    return value


def _list(value: JSON, what: str, most: int) -> Sequence[JSON]:
    if not isinstance(value, list) or len(value) > most:
        raise Refused(f"{what} is not a list of at most {most}; write one")
    return value


def _members(value: JSON, place: str, known: tuple[str, ...]) -> Mapping[str, JSON]:
    if not isinstance(value, dict):
        raise Refused(f"{place} is not a mapping of {', '.join(known)}")
    for key in value:
        if key not in known:
            raise Refused(f"{place} has the key {key[:50]!r}, which is not known; use {', '.join(known)}")
    return value


def _word(members: Mapping[str, JSON], key: str, place: str, *, empty: bool = False) -> str:
    value = members.get(key, "" if empty else None)
    if not isinstance(value, str) or len(value) > _MOST_WORD or not (value or empty):
        raise Refused(f"a caller of {place} has the {key} {_shown(value)}; write it as text, in quotes if it is a number")
    return value


def _shown(value: object) -> str:
    return f"{value[:50]!r}" if isinstance(value, str) else "missing" if value is None else str(value)[:50]
