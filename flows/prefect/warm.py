"""What a run of Prefect imports, for a process that is warm (`foundation.processes.warm`): everything is imported with this."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any

from arcops.errors import ArcOpsError
from flows.plan import all_collectors, all_gates
from flows.policies.reading import load_policy, shipped_policies
from flows.prefect import made
from flows.prefect.api import get_current_settings
from flows.subjects.evaluation import all_evaluations

VARYING = frozenset(
    f"PREFECT__{name}"
    for name in (
        "FLOW_RUN_ID", "FLOW_RUN_NAME", "FLOW_ID", "FLOW_NAME", "FLOW_ENTRYPOINT", "DEPLOYMENT_ID", "DEPLOYMENT_NAME",
        "WORK_POOL_NAME", "WORK_QUEUE_NAME", "WORKER_ID", "WORKER_NAME", "CONTROL_PORT", "CONTROL_TOKEN",
        "ENABLE_CANCELLATION_AND_CRASHED_HOOKS",
    )
)  # fmt: skip
"""What Prefect's worker tells one run and not another. One of them says which code runs, as the run's deployment says it:
``FLOW_ENTRYPOINT``. A run that is not told it asks Prefect.
"""

_MODULES = (
    "anyio._backends._asyncio", "artifacts.kept_index", "artifacts.predicates.readiness_report", "flows.policies.registered",
    "flows.prefect.account_for_run", "flows.prefect.recheck", "flows.runners.engine", "jsonschema_rs",
    "prefect._internal.metrics", "prefect._internal.observers", "prefect.flow_engine", "prefect.task_engine",
)  # fmt: skip


def prepare() -> None:
    """Import what a run imports, and take on the environment that Prefect's worker gives to its runs: its settings, written
    out. What cannot be imported here fails in the run that needs it.
    """
    for module in _MODULES:
        import_module(module)
    engine: Any = import_module("prefect.flow_engine")
    engine.observe_flow_run_suspension = _unobserved
    for what in all_evaluations():
        getattr(made, what.flow.replace("-", "_"))
    for needed in (all_gates, all_collectors):
        with suppress(ArcOpsError, ImportError):
            needed()
    for name in shipped_policies():
        with suppress(ArcOpsError, ImportError):
            load_policy(name)  # it is known then: a run looks through all of them for the one that it is told by digest
    os.environ.update(get_current_settings().to_environment_variables(exclude_unset=True))


@contextmanager
def _unobserved(*_: object, **__: object) -> Iterator[None]:
    """In place of what watches whether someone suspends the run, for its next task. A run of ours has no task.

    That opens a connection for each run, and keeps each run from its end for up to 200 ms (``findings/``).
    """
    yield
