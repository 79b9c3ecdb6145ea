"""The commands of ``arcops inference``."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from adapters.cli.exits import said_in_one_sentence
from adapters.cli.options import Format, Key, TierName, path

inference_app = typer.Typer(name="inference", help="How an endpoint answers under load.", no_args_is_help=True)


class RouteName(str, Enum):  # noqa: UP042  # typer shows str-enums by value
    chat = "chat"
    completions = "completions"


@inference_app.command("check")
def inference_check(
    url: Annotated[str, typer.Argument(help="The endpoint's address before /v1.", show_default=False)],
    models: Annotated[str, typer.Option(help="The models' ids as the endpoint lists them: a,b.", show_default=False)],
    slo: Annotated[str, typer.Option(help="Aims stricter than the policy's: ttft=500ms,itl=50ms,tpot=50ms,e2e=5s.")] = "",
    policy: Annotated[str, typer.Option(help="A registered policy's name or digest, or a file.")] = "inference",
    route: Annotated[RouteName, typer.Option(help="Which route to ask.")] = RouteName.chat,
    seed: Annotated[int, typer.Option(help="Prompts, lengths and arrivals follow from it.")] = 1,
    requests: Annotated[int, typer.Option(help="Requests in each run.")] = 8,
    concurrency: Annotated[str, typer.Option(help="Requests under way at once, a run for each.")] = "1,2,4",
    rate: Annotated[str, typer.Option(help="Random arrivals in a second, a run for each.")] = "2",
    tokens: Annotated[int, typer.Option(help="The most tokens of an answer.")] = 32,
    patience: Annotated[int, typer.Option(help="Milliseconds that one request may take.")] = 30_000,
    budget: Annotated[int, typer.Option(help="Seconds that the whole check may take.")] = 300,
    api_key: Annotated[str, typer.Option(help="Where the API key is: env:NAME or file:PATH.", show_default=False)] = "",
    token: Annotated[
        str, typer.Option(help="Where an access token of Microsoft Entra is: env:NAME or file:PATH.", show_default=False)
    ] = "",
    load: Annotated[bool, typer.Option("--load", help="Unload and load each model first, by alias, and measure it.")] = False,
    metrics: Annotated[bool, typer.Option("--metrics", help="Read the server's own /metrics meanwhile.")] = False,
    cafile: Annotated[
        Path | None,
        typer.Option(parser=path, help="The endpoint's authorities (PEM).", show_default="the system's"),
    ] = None,
    of: Annotated[
        Path | None,
        typer.Option(parser=path, help="The model's files, judged too where the policy says so.", show_default=False),
    ] = None,
    key: Key = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", parser=path, help="Write the sealed artifact here, too.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="What to print.")] = Format.text,
    tier: Annotated[TierName | None, typer.Option(help="How far this run may reach.", show_default="air-gapped")] = None,
) -> None:
    """Load an endpoint with a known load; print the verdict and keep a signed artifact of it."""
    with said_in_one_sentence():
        from adapters.cli import inference
        from arcops.endpoint import Route
        from capabilities.inference.check import CheckInference

        ask = CheckInference(
            url=url,
            models=inference.names(models),
            slo=slo,
            policy=policy,
            route=Route(route.value),
            seed=seed,
            each=requests,
            concurrencies=inference.counts(concurrency),
            rates=inference.rates(rate),
            tokens=tokens,
            patience_ms=patience,
            budget_s=budget,
            of=of,
            load=load,
            metrics=metrics,
            key=api_key,
            token=token,
            authorities=cafile,
        )
        code = inference.check(ask, key, output, form.value, tier.value if tier else "")
    raise typer.Exit(code)
