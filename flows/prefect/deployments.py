"""What is put to Prefect: the deployments of ``prefect.yaml``, and one for each evaluation that it does not name."""

from __future__ import annotations

from typing import Any

import yaml

from flows.subjects.evaluation import Evaluation, all_evaluations


def entrypoint(what: Evaluation) -> str:
    """Where Prefect finds the flow of *what*."""
    return f"flows.prefect.made.{what.flow.replace('-', '_')}"


def completed(text: str) -> str:
    """*text*, a ``prefect.yaml``, with a plain deployment for each evaluation of a subject that people check by itself."""
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
