"""The flows' parameters, typed so that Prefect's pages make forms of them and its API refuses what does not fit."""

from __future__ import annotations

from typing import Annotated

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
Declared = Annotated[
    str,
    Field(
        title="Declared",
        description="The path of a directory with the manifests that say how it should be, on the worker's machine.",
        min_length=1,
        max_length=4096,
    ),
]
Context = Annotated[
    str,
    Field(
        title="Context",
        description="The context of a kubeconfig: the cluster is asked by listing alone. The worker's tier must allow it.",
        max_length=253,
    ),
]
Kubeconfig = Annotated[
    str,
    Field(title="Kubeconfig", description="Its path on the worker's machine; empty for the worker's own.", max_length=4096),
]
PolicyName = Annotated[
    str,
    Field(
        title="Policy",
        description="The name of a shipped policy, or the path of one on the machine where the worker runs.",
        min_length=1,
        max_length=4096,
    ),
]
Attached = Annotated[
    tuple[str, ...],
    Field(title="Attached", description="Signatures, SBOMs and attestations that lie outside of the target.", max_length=100),
]
Output = Annotated[
    str,
    Field(title="Output", description="Also write the sealed artifact to this file on the worker's machine.", max_length=4096),
]
