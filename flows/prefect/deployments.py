"""The deployments of Prefect: those of ``prefect.yaml``, and one for each evaluation that is not named there."""

from __future__ import annotations

from typing import Any

import yaml

from flows.subjects.evaluation import Evaluation, all_evaluations


def entrypoint(what: Evaluation) -> str:
    """The flow of *what*, as Prefect names it."""
    return f"flows.prefect.made.{what.flow.replace('-', '_')}"


def completed(text: str) -> str:
    """*text*, a ``prefect.yaml``, with a plain deployment added for each missing evaluation whose subject has a title."""
    document: dict[str, Any] = yaml.safe_load(text)
    named = {one["entrypoint"] for one in document["deployments"]}
    for what in all_evaluations():
        if what.about.title and entrypoint(what) not in named:
            document["deployments"].append(
                {
                    "name": what.flow,
                    "description": what.doc,
                    "entrypoint": entrypoint(what),
                    "tags": document["definitions"]["tags"],
                    "work_pool": document["definitions"]["pool"],
                    "concurrency_limit": {"limit": 1, "collision_strategy": "ENQUEUE"},
                    "enforce_parameter_schema": True,
                    "parameters": {},
                }
            )
    return yaml.safe_dump(document, sort_keys=False)
