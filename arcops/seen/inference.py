"""How an inference endpoint answered under a load: every request with its raw times, all in whole microseconds."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar

from arcops.endpoint import Load
from arcops.evidence import Body
from arcops.left_out import LEFT_OUT
from arcops.seen.inference_server import Server
from arcops.seen.inference_tools import ToolTrial

FORMULAS = (
    "TTFT: from the moment when the request was due (open loop) or begun (closed loop) to the first event with text; "
    "connecting is part of it, an event that carries only a role is not.",
    "ITL: the times between events with text; of one request its 95th percentile by nearest rank.",
    "TPOT: (e2e - TTFT) / the tokens that came after the first event with text; there is no TPOT without such tokens. They "
    "are N less the server's own count at that event, if it counts along the way; else N - 1, but no more than the words of "
    "the later events (at least one each): the first event may hold several tokens, and servers count hidden ones, too.",
    "e2e: from the moment when the request was due or begun to the last event with text.",
    "N: completion_tokens as the server counts them, else the number of events with text.",
    "Throughput: tokens of whole answers / (last end - first due).",
    "Goodput: the requests of a run whose answer was whole and kept to every aim of the SLO, of all its requests.",
    "Interference: the median of a model's TTFT, or TPOT, while all models work / the same at the same concurrency alone.",
    "Load time: from asking for the model to the answer that it is loaded, right after it was unloaded; its files may still "
    "be in the host's cache.",
    "Headroom: the least share of memory that was free in samples taken all through the load, rounded down to whole percent.",
    "Arrivals of an open loop: the sum of -ln(1 - u) / rate over uniform u. Prompts, lengths and u come from Python's "
    "random.Random, seeded with 'seed:kind:model:figure'.",
)
"""How figures are made from the raw times; each body carries them."""


class Fault(Enum):
    """Why a request got no complete answer. ``UNTRUSTED``: the server's certificate was refused, so no request was sent.
    ``NOT_RUN``: the time of the check was over before the request's turn.
    """

    CONNECT = "connect"
    UNTRUSTED = "untrusted"
    TIMEOUT = "timeout"
    REFUSED = "4xx"
    THROTTLED = "429"
    SERVER = "5xx"
    REDIRECTED = "3xx"
    MALFORMED = "malformed"
    DISCONNECTED = "disconnected"
    ENDLESS = "endless"
    TOO_LARGE = "too-large"
    EMPTY = "empty"
    NOT_RUN = "not-run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One request. ``due`` counts from the beginning of its run; ``late`` is how long after that it was sent.

    ``connected``, ``first`` and ``ended`` count from ``due``; ``None`` if the request did not get so far. ``gaps`` are the
    times between events with text, ``tokens`` is the server's own count for the answer, or ``None``. ``text`` is the SHA-256 of
    the answer. ``many`` are the words of each event after the first one; empty if each has one. ``counted`` is the server's
    count at the first event with text, as one figure, or empty if it does not count along the way.
    """

    due: int
    late: int
    words: int
    asked: int
    connected: int | None
    first: int | None
    ended: int | None
    gaps: tuple[int, ...]
    tokens: int | None
    text: str
    finish: str
    fault: Fault | None
    said: str
    many: tuple[int, ...] = field(default=(), metadata=LEFT_OUT)
    counted: tuple[int, ...] = field(default=(), metadata=LEFT_OUT)

    @property
    def whole(self) -> bool:
        return self.fault is None and self.first is not None

    @property
    def count(self) -> int:
        """Tokens of the answer."""
        return self.tokens if self.tokens is not None else len(self.gaps) + (self.first is not None)

    @property
    def e2e(self) -> int | None:
        return None if self.first is None else self.first + sum(self.gaps)

    @property
    def itl(self) -> int | None:
        return percentile(self.gaps, 95)

    @property
    def later(self) -> int:
        """The tokens that came after the first event with text, as far as that can be shown: never more than came."""
        if self.tokens is None or self.first is None:
            return len(self.gaps)
        if self.counted:
            return max(0, min(self.tokens - self.counted[0], self.tokens - 1))
        return max(0, min(self.tokens - 1, sum(self.many) if self.many else len(self.gaps)))

    @property
    def tpot(self) -> int | None:
        return sum(self.gaps) // self.later if self.first is not None and self.later else None


class RunKind(Enum):
    """``REPEATED`` asks the same prompt twice, greedily; the others vary prompts and lengths."""

    WARM_UP = "warm-up"
    REPEATED = "repeated"
    CLOSED = "closed"
    OPEN = "open"
    TOGETHER = "together"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRun:
    """A series of requests to one model. ``figure`` is the concurrency, or for an open loop the rate in 1000 seconds."""

    kind: RunKind
    model: str
    figure: int
    shots: tuple[Shot, ...]

    @property
    def title(self) -> str:
        how = f"{self.figure / 1000:g} requests/s" if self.kind is RunKind.OPEN else f"concurrency {self.figure}"
        return f"{self.model} {self.kind.value}, {how}"

    @property
    def throughput(self) -> int | None:
        """Tokens in 1000 seconds."""
        ends = [shot.due + shot.ended for shot in self.shots if shot.whole and shot.ended is not None]
        took = max(ends, default=0) - min((shot.due for shot in self.shots), default=0)
        return sum(shot.count for shot in self.shots if shot.whole) * 10**9 // took if took > 0 else None

    def middle(self, name: str, percent: int = 50) -> int | None:
        """The percentile of ``ttft``, ``itl``, ``tpot`` or ``e2e`` over whole answers."""
        attribute = "first" if name == "ttft" else name
        return percentile([one for shot in self.shots if shot.whole and (one := getattr(shot, attribute)) is not None], percent)


class Listing(Enum):
    """The route that lists the models that can answer. Foundry Local's ``/v1/models`` on a device lists its whole catalog, so
    ``/models/loaded`` is used there, in its preview ``/openai/loadedmodels``. On Azure Local it may be ``/v1/model``, for one.
    """

    OPENAI = "/v1/models"
    LOADED = "/models/loaded"
    LOADED_PREVIEW = "/openai/loadedmodels"
    ONE = "/v1/model"
    NONE = "none"


class Credential(Enum):
    """What the requests carried: an API key of the server, or a token of Microsoft Entra."""

    NONE = "none"
    API_KEY = "api-key"
    TOKEN = "token"  # noqa: S105  # the name of a kind, not a secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference(Body):
    """The load and its results. ``listed`` are the ids of the models that the endpoint lists, sorted. ``left_out`` says, for
    each model, which parts of a request its server refused, so that they were left out: ``a: temperature``. ``tools`` are the
    requests that offered tools, and ``offers`` what a model takes or gives beside text: ``a: images``.
    """

    KIND: ClassVar[str] = "inference"

    load: Load
    credential: Credential
    listing: Listing
    listing_said: str
    listed: tuple[str, ...]
    server: Server
    runs: tuple[LoadRun, ...]
    formulas: tuple[str, ...] = FORMULAS
    left_out: tuple[str, ...] = field(default=(), metadata=LEFT_OUT)
    tools: tuple[ToolTrial, ...] = field(default=(), metadata=LEFT_OUT)
    offers: tuple[str, ...] = field(default=(), metadata=LEFT_OUT)

    @property
    def names_subject(self) -> str:
        """SHA-256 over the address and the models, one line each: an endpoint does not show the content that it serves."""
        lines = (self.load.url, *sorted(self.load.models))
        return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()

    def run(self, kind: RunKind, model: str, figure: int) -> LoadRun | None:
        return next((run for run in self.runs if (run.kind, run.model, run.figure) == (kind, model, figure)), None)


def percentile(figures: Sequence[int], percent: int) -> int | None:
    """The nearest-rank percentile; ``None`` if there is no figure."""
    ordered = sorted(figures)
    return ordered[max(0, -(-percent * len(ordered) // 100) - 1)] if ordered else None
