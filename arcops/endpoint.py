"""An inference endpoint, and the load that is put on it. All times are whole microseconds."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from enum import Enum

from arcops.errors import Refused
from arcops.late_pattern import late
from arcops.left_out import LEFT_OUT
from arcops.secret import Secret

MOST_REQUESTS = 2000
"""Requests in one check: its evidence holds every one of them."""

_MOST_MODELS = 8
_MOST_CONCURRENCY = 64
_MOST_EACH = 256
_MOST_TOKENS = 512
_MOST_RATE = 1_000_000
_MOST_BUDGET = 1_200_000_000
_UNITS = {"us": 1, "ms": 1000, "s": 1_000_000}
_AIM = late(r"(?P<name>[a-z0-9]+)=(?P<figure>[0-9]{1,6}(\.[0-9]{1,6})?)(?P<unit>us|ms|s)", re.ASCII)


class Route(Enum):
    """Which of the OpenAI-compatible routes is asked: ``/v1/chat/completions`` or ``/v1/completions``."""

    CHAT = "chat"
    COMPLETIONS = "completions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo:
    """The aims for one request, in microseconds; ``None`` means no aim. `arcops.seen.inference.FORMULAS` defines each."""

    ttft: int | None = None
    itl: int | None = None
    tpot: int | None = None
    e2e: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The load on the endpoint at ``url``, the address before ``/v1``. It is written into the evidence unchanged.

    Each of ``models`` gets ``each`` requests alone, at every one of ``concurrencies`` (closed loop: the next request starts
    when an answer is complete) and of ``rates`` (open loop, Poisson arrivals; requests in 1000 seconds). Then all models
    together get the first of ``concurrencies``. Prompts and the ``tokens`` asked for follow from ``seed``. ``patience`` is for
    one request, ``budget`` for the whole check. ``reload`` unloads and loads every model first, if the server can, and measures
    it; ``metrics`` reads the server's own ``/metrics`` meanwhile. ``tools`` also asks each model to call tools, after the load.
    """

    url: str
    models: tuple[str, ...]
    route: Route = Route.CHAT
    slo: Slo = Slo()
    seed: int = 1
    each: int = 8
    concurrencies: tuple[int, ...] = (1, 2, 4)
    rates: tuple[int, ...] = (2000,)
    tokens: int = 32
    patience: int = 30_000_000
    budget: int = 300_000_000
    reload: bool = False
    metrics: bool = False
    tools: bool = field(default=False, metadata=LEFT_OUT)

    def __post_init__(self) -> None:
        object.__setattr__(self, "url", _url(self.url))
        if not self.models or len(self.models) > _MOST_MODELS or len(set(self.models)) != len(self.models):
            raise Refused(f"{len(self.models)} models are named; name 1 to {_MOST_MODELS} different ones: --models a,b")
        for model in self.models:
            if not model or not model.isprintable() or len(model) > 200:
                raise Refused(f"{model[:80]!r} is not a model name; use the model's id as the endpoint lists it")
        _within("the number of requests", self.each, 2, _MOST_EACH)
        _within("the number of tokens", self.tokens, 2, _MOST_TOKENS)
        _within("the seed", self.seed, 0, 2**31)
        _within("the budget in microseconds", self.budget, 1_000_000, _MOST_BUDGET)
        _within("the patience in microseconds", self.patience, 100_000, self.budget)
        if not self.concurrencies:
            raise Refused("no concurrency is given, so nothing could be measured; give at least one, such as 1")
        for many in self.concurrencies:
            _within("a concurrency", many, 1, _MOST_CONCURRENCY)
        for rate in self.rates:
            _within("a rate in requests per 1000 seconds", rate, 1, _MOST_RATE)
        for figures in (self.concurrencies, self.rates):
            if len(set(figures)) != len(figures):
                raise Refused("a concurrency or a rate is given twice; give each once")
        if self.tools and self.route is not Route.CHAT:
            raise Refused("tools can only be offered on the route for chat completions; leave out --route completions")
        if self.planned > MOST_REQUESTS:
            raise Refused(f"this load makes {self.planned} requests; use at most {MOST_REQUESTS} in one check")

    @property
    def planned(self) -> int:
        """How many requests the whole check makes."""
        runs = len(self.concurrencies) + len(self.rates) + (len(self.models) > 1)
        return len(self.models) * (1 + 2 + runs * self.each)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """How to reach it: ``key`` refers to an API key, or ``token`` to an access token of Microsoft Entra
    (`foundation.secrets.reference`), ``authorities`` to a file with the CA certificates that must have issued the endpoint's
    certificate. ``secret`` is that key or token, and ``served_by`` are the processes of this machine that listen there, if they
    were looked up before. No evidence holds any of these.
    """

    load: Load
    key: str = ""
    token: str = ""
    authorities: str = ""
    served_by: frozenset[int] | None = None
    secret: Secret | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.key and self.token:
            raise Refused("both a key and a token are given; use one: --api-key or --token")


def parse_slo(text: str) -> Slo:
    """``ttft=500ms,itl=50ms`` as an `Slo`; the units are ``us``, ``ms`` and ``s``. Raises `Refused` on anything else."""
    aims: dict[str, int] = {}
    known = [one.name for one in fields(Slo)]
    for part in filter(None, (one.strip() for one in text.split(","))):
        found = _AIM.fullmatch(part)
        if found is None or found["name"] not in known:
            raise Refused(f"{part[:50]!r} is not an aim; write one of {', '.join(known)} with a figure and ms or s: ttft=500ms")
        if found["name"] in aims:
            raise Refused(f"the aim {found['name']} is given twice; give it once")
        whole, _, rest = found["figure"].partition(".")
        scaled = (int(whole) * 10**6 + int(rest.ljust(6, "0") or 0)) * _UNITS[found["unit"]] // 10**6
        _within(f"the aim {found['name']} in microseconds", scaled, 1, _MOST_BUDGET)
        aims[found["name"]] = scaled
    return Slo(**aims)


def _within(what: str, figure: int, least: int, most: int) -> None:
    if not least <= figure <= most:
        raise Refused(f"{what} is {figure}; use {least} to {most}")


def _url(url: str) -> str:
    """*url* without ``/v1`` and slashes at its end. Raises `Refused` if it is not a URL, or contains a secret."""
    from urllib.parse import urlsplit  # imported only if there is an address: it costs start-up time

    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # reading it raises ValueError if the port is not valid
    except ValueError as error:
        raise Refused(
            f"{url[:100]!r} is not the address of an endpoint: {error}; use one like http://127.0.0.1:8000"
        ) from error
    if parts.username is not None or parts.password is not None:
        raise Refused(
            "the address contains a user name or a password, which artifacts would show; refer to a key instead (--api-key)"
        )
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or not url.isprintable():
        raise Refused(f"{url[:100]!r} is not the address of an endpoint; use one like http://127.0.0.1:8000")
    if len(url) > 500 or not url.isascii() or " " in url:
        raise Refused(f"{url[:100]!r} is longer than 500 characters, or not plain ASCII; use one like http://127.0.0.1:8000")
    return url.rstrip("/").removesuffix("/v1").rstrip("/")
