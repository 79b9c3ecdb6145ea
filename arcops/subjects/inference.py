"""The subject *inference*: an OpenAI-compatible endpoint, while it bears a load."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from arcops.asks import own, shaped
from arcops.endpoint import Route
from arcops.judgeable import Judgeable, judgeable


@judgeable(kind="inference-endpoint", policy="inference", title="Check an inference endpoint")
@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedEndpoint(Judgeable):
    """An endpoint and the load that it is asked to bear."""

    url: str = field(metadata=shaped(positional=True, least=1, most=500))
    """The address before /v1, such as http://127.0.0.1:8000."""
    models: tuple[str, ...] = field(metadata=shaped(commas=True, least=1, most=8))
    """The ids of the models, as the endpoint lists them."""
    slo: str = field(default="", metadata=shaped(most=200))
    """Aims stricter than the policy's: ttft, itl, tpot, e2e, such as ttft=500ms,itl=50ms."""
    route: Route = Route.CHAT
    """Ask for chat completions, or for completions."""
    seed: int = field(default=1, metadata=shaped(least=0, most=2**31))
    """Prompts, lengths and arrivals follow from it."""
    each: int = field(default=8, metadata=shaped(option="--requests", least=2, most=256))
    """How many requests each run makes."""
    concurrencies: tuple[int, ...] = field(
        default=(1, 2, 4), metadata=shaped(option="--concurrency", commas=True, least=1, most=64)
    )
    """How many requests are under way at once: a run for each; the first is used for all models together, too."""
    rates: tuple[int, ...] = field(default=(2000,), metadata=shaped(option="--rate", commas=True, thousandths=True, most=64))
    """How many requests arrive in 1000 seconds (on the command line: in one), at random: a run for each."""
    tokens: int = field(default=32, metadata=shaped(least=2, most=512))
    """How many tokens an answer may have at most."""
    patience_ms: int = field(default=30_000, metadata=shaped(option="--patience", least=100))
    """Milliseconds that one request may take."""
    budget_s: int = field(default=300, metadata=shaped(option="--budget", least=1, most=1200))
    """Seconds that the whole check may take."""
    of: Path | None = field(default=None, metadata=shaped(most=4096))
    """The files that the endpoint serves, by the caller's own word: they are the subject where the policy judges them, too."""
    load: bool = field(
        default=False,
        metadata=own("a worker loads no model anew, for whoever else uses it would wait; ask without --load"),
    )
    """Unload and load each model first, where the server can (Foundry Local on a device, by alias), and measure how long it
    takes. Whoever else uses the model waits. Only for callers on that machine."""
    metrics: bool = False
    """Read the server's own /metrics meanwhile, for what is left of its key-value cache (vLLM, llama.cpp)."""
    key: str = field(default="", metadata=shaped(option="--api-key", most=200))
    """Where the API key is: env:NAME or file:PATH, on the machine where the check runs. Only for callers on that machine."""
    token: str = field(default="", metadata=shaped(most=200))
    """Where an access token of Microsoft Entra is, in place of a key, in the same words and for the same callers."""
    authorities: Path | None = field(
        default=None,
        metadata=shaped(option="--cafile")
        | own("a worker takes no file of authorities from a caller; its operator names one (ARCOPS_ENDPOINT_AUTHORITIES)"),
    )
    """A file with the certificates (PEM) that the endpoint's own must come from; without it, those that the operator named, or
    the system's. Only for callers on that machine."""

    @property
    def kind(self) -> str:
        return "model" if self.of else "inference-endpoint"

    @property
    def where(self) -> Path | str:
        return self.of or self.url.rstrip("/").removesuffix("/v1").rstrip("/")
