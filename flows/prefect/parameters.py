"""The flows' parameters, typed so that Prefect's pages make forms of them and its API refuses what does not fit."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

Target = Annotated[
    str,
    Field(
        title="Target",
        description="The model: the path of a directory or file on the machine where the worker runs.",
        min_length=1,
        max_length=4096,
    ),
]
Manifests = Annotated[
    str,
    Field(
        title="Manifests",
        description="The path of a directory with Kubernetes manifests, or of a saved cluster, on the machine where the worker "
        "runs. Empty where a context is named.",
        max_length=4096,
    ),
]
Snapshot = Annotated[
    str,
    Field(
        title="Snapshot",
        description="The path of a saved cluster ('arcops cluster snapshot') on the machine where the worker runs. Empty where "
        "a context is named.",
        max_length=4096,
    ),
]
Declared = Annotated[
    str,
    Field(
        title="Declared",
        description="The path of a directory with the manifests that say how it should be, on the worker's machine.",
        min_length=1,
        max_length=4096,
    ),
]
Url = Annotated[
    str,
    Field(
        title="Endpoint",
        description="The address before /v1. The worker's operator must have named it (ARCOPS_ENDPOINTS).",
        min_length=1,
        max_length=500,
    ),
]
Models = Annotated[
    tuple[str, ...],
    Field(title="Models", description="The ids of the models, as the endpoint lists them.", min_length=1, max_length=8),
]
Served = Annotated[
    str,
    Field(
        title="Files",
        description="The files that the endpoint serves, on the worker's machine, where the policy judges them, too.",
        max_length=4096,
    ),
]
Aims = Annotated[str, Field(title="Aims", description="Stricter than the policy's: ttft=500ms,itl=50ms.", max_length=200)]
RouteName = Annotated[Literal["chat", "completions"], Field(title="Route", description="Which route to ask.")]
Seed = Annotated[int, Field(title="Seed", description="Prompts, lengths and arrivals follow from it.", ge=0, le=2**31)]
Each = Annotated[int, Field(title="Requests", description="How many each run makes.", ge=2, le=256)]
Concurrencies = Annotated[
    tuple[int, ...],
    Field(title="Concurrencies", description="Requests under way at once: a run for each.", min_length=1, max_length=64),
]
Rates = Annotated[
    tuple[int, ...],
    Field(title="Rates", description="Random arrivals in 1000 seconds: a run for each.", max_length=64),
]
Tokens = Annotated[int, Field(title="Tokens", description="The most tokens of an answer.", ge=2, le=512)]
Patience = Annotated[int, Field(title="Patience", description="Milliseconds that one request may take.", ge=100)]
LoadBudget = Annotated[int, Field(title="Budget", description="Seconds that the whole check may take.", ge=1, le=1200)]
Metrics = Annotated[bool, Field(title="Metrics", description="Read the server's own /metrics meanwhile (vLLM, llama.cpp).")]
WorkerKey = Annotated[
    str,
    Field(
        title="API key or token",
        description="Which variable of the worker's environment holds it: env:ARCOPS_ENDPOINT_KEY, or one that begins so.",
        pattern=r"^(env:ARCOPS_ENDPOINT_KEY[A-Z0-9_]*)?$",
        max_length=200,
    ),
]
Authorities = Annotated[
    str,
    Field(
        title="Authorities",
        description="No longer taken, and refused: the worker's operator names the authorities (ARCOPS_ENDPOINT_AUTHORITIES).",
        max_length=4096,
    ),
]
Context = Annotated[
    str,
    Field(
        title="Context",
        description="A cluster by the name that the worker's operator gave it (ARCOPS_CLUSTERS): it is asked by listing alone. "
        "The worker's tier must allow it.",
        max_length=253,
    ),
]
PolicyName = Annotated[
    str,
    Field(
        title="Policy",
        description="The name of a registered policy ('arcops policy list' where the worker runs), or its digest (sha256:…).",
        min_length=1,
        max_length=200,
    ),
]
Attached = Annotated[
    tuple[str, ...],
    Field(title="Attached", description="Signatures, SBOMs and attestations that lie outside of the target.", max_length=100),
]
Output = Annotated[
    str,
    Field(
        title="Output",
        description="Also write the sealed artifact to this new file, below the worker's ARCOPS_OUTPUT.",
        max_length=4096,
    ),
]
BaselineFile = Annotated[
    str,
    Field(title="Baseline", description="The site's signed baseline: a file on the worker's machine.", max_length=4096),
]
Tolerance = Annotated[
    int,
    Field(
        title="Tolerance", description="Percent slower that is still the same, where the policy is not stricter.", ge=1, le=50
    ),
]
BenchmarkBudget = Annotated[
    int, Field(title="Budget", description="Seconds that the whole benchmark may take.", ge=20, le=3600)
]
Size = Annotated[
    int, Field(title="Size", description="Thousandths of the full size; less than all is only for trying out.", ge=1, le=1000)
]
