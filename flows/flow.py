"""What the Prefect flows share: parameters to plan, plan to sealed artifact, artifact to the state that people see."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from arcops.errors import Refused
from arcops.request import Request
from artifacts.private_key import load_signer
from artifacts.store import Store
from artifacts.writing import replace_whole
from flows.conclude import conclude
from flows.engine import RUNNER, as_state, collect
from flows.evaluation import seal_and_keep
from flows.plan import AnyGate, all_gates, make_plan
from flows.policies import load_policy
from flows.prefect_api import State
from foundation.secrets import passphrase_source
from foundation.settings import read_settings


async def evaluate(
    target: str,
    policy: str,
    attached: Iterable[str],
    output: str,
    *,
    judges: Callable[[AnyGate], bool],
    now: datetime | None = None,
) -> State[None]:
    """Run the plan of the gates that *judges* picks, keep the sealed artifact, and end in a state named by the verdict.

    Settings, key and passphrase come from the worker's environment and never from a flow parameter, which Prefect stores.
    """
    settings = read_settings(os.environ)
    signer = load_signer(settings.key, passphrase_source(os.environ, settings.key), environment=os.environ)
    path = Path(target).absolute()
    if not path.exists():
        raise Refused(f"{path} does not exist on the machine where this flow runs")
    request = Request(
        target=path,
        kind="model",
        tier=settings.tier,
        now=now or datetime.now(UTC).replace(microsecond=0),
        trust=settings.trust,
        data=settings.data,
        cache=settings.cache,
        store=settings.store,
        attached=tuple(Path(one).absolute() for one in attached),
        workers=settings.workers,
    )
    plan = make_plan(request, load_policy(policy), gates=[gate for gate in all_gates() if judges(gate)])
    collected = await collect(plan)
    report = conclude(plan, collected, runner=RUNNER)
    sealed = seal_and_keep(report, collected, signer=signer, store=Store(settings.store))
    if output:
        replace_whole(Path(output), sealed.bundle)
    return as_state(report)
