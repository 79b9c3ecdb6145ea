"""The subject *inference*: an OpenAI-compatible endpoint, while it is under load."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from arcops.asks import own, shaped
from arcops.endpoint import Route
from arcops.judgeable import Judgeable, judgeable


@judgeable(kind="inference-endpoint", policy="inference", title="Check an inference endpoint")
@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedEndpoint(Judgeable):
    """An endpoint and the load that is put on it."""

    url: str = field(metadata=shaped(positional=True, least=1, most=500))
    """The address before /v1, such as http://127.0.0.1:8000."""
    models: tuple[str, ...] = field(metadata=shaped(commas=True, least=1, most=8))
    """The ids of the models, as the endpoint lists them."""
    slo: str = field(default="", metadata=shaped(most=200))
    """Aims stricter than the policy's: ttft, itl, tpot, e2e, such as ttft=500ms,itl=50ms."""
    route: Route = Route.CHAT
    """Use the route for chat completions, or the one for completions."""
    seed: int = field(default=1, metadata=shaped(least=0, most=2**31))
    """The seed for prompts, lengths and arrivals."""
    each: int = field(default=8, metadata=shaped(option="--requests", least=2, most=256))
    """How many requests each run makes."""
    concurrencies: tuple[int, ...] = field(
        default=(1, 2, 4), metadata=shaped(option="--concurrency", commas=True, least=1, most=64)
    )
    """How many requests run at the same time: a run for each number. The first is also used for all models together."""
    rates: tuple[int, ...] = field(default=(2000,), metadata=shaped(option="--rate", commas=True, thousandths=True, most=64))
    """How many requests arrive in 1000 seconds (on the command line: in one second), at random: a run for each rate."""
    tokens: int = field(default=32, metadata=shaped(least=2, most=512))
    """How many tokens an answer may have at most."""
    patience_ms: int = field(default=30_000, metadata=shaped(option="--patience", least=100))
    """Milliseconds that one request may take."""
    budget_s: int = field(default=300, metadata=shaped(option="--budget", least=1, most=1200))
    """Seconds that the whole check may take."""
    of: Path | None = field(default=None, metadata=shaped(most=4096))
    """The files that the endpoint serves, as the caller states: they are the subject if the policy judges them, too."""
    load: bool = field(
        default=False,
        metadata=own("a worker does not reload a model, because its other users would wait; run the check without --load"),
    )
    """Unload and load each model first, if the server can (Foundry Local on a device, by alias), and measure how long it takes.
    Other users of the model must wait. Only for callers on that machine."""
    metrics: bool = False
    """Read the server's own /metrics during the load, for the free part of its key-value cache (vLLM, llama.cpp)."""
    tools: bool = False
    """Also ask each model to call tools, as agents do: one and two at once, streamed and not, by JSON Schema; and if it takes
    images and gives embeddings."""
    key: str = field(default="", metadata=shaped(option="--api-key", most=200))
    """The place of the API key, on the machine that runs the check: env:NAME, file:PATH, or one of a store of secrets, such as
    vault:MOUNT/PATH#FIELD. Only for callers on that machine.
    """
    token: str = field(default="", metadata=shaped(most=200))
    """The place of an access token of Microsoft Entra, instead of a key, written like the place of a key. Only for callers on
    that machine.
    """
    authorities: Path | None = field(
        default=None,
        metadata=shaped(option="--cafile")
        | own("a worker accepts no file of authorities from a caller; its operator names one (ARCOPS_ENDPOINT_AUTHORITIES)"),
    )
    """A file with the CA certificates (PEM) that must have issued the endpoint's certificate. Default: those that the operator
    named, or the system's. Only for callers on that machine."""

    @property
    def kind(self) -> str:
        return "model" if self.of else "inference-endpoint"

    @property
    def where(self) -> Path | str:
        return self.of or self.url.rstrip("/").removesuffix("/v1").rstrip("/")
