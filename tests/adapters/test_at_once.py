"""When a check begins at once, without the worker. On a whole server: ``test_server_lost.py``."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from adapters.http.worker import template
from flows.prefect.at_once import AtOnce


class Asked:
    """Prefect's answers about a pool with one queue."""

    def __init__(self, pool: dict[str, Any], queue: dict[str, Any]) -> None:
        self._pool, self._queue = SimpleNamespace(**pool), SimpleNamespace(**queue)

    async def read_work_pool(self, name: str) -> SimpleNamespace:
        return self._pool

    async def read_work_queues(self, name: str, named: object) -> list[SimpleNamespace]:
        return [self._queue]


FREE = {"is_paused": False, "concurrency_limit": None}
DEPLOYMENT = {
    "work_pool_name": "arcops", "work_queue_name": "default", "paused": False, "job_variables": {}, "pull_steps": None,
    "storage_document_id": None,
}  # fmt: skip


def other(at: Path, *path: str, value: object) -> dict[str, Any]:
    """Our template with one other value in it."""
    changed = template(at)
    inner = changed
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return changed


ENV = ("variables", "properties", "env", "default")
COMMAND = ("variables", "properties", "command", "default")


@pytest.mark.parametrize(
    ("may", "deployment", "pool", "queue", "changed"),
    [
        (True, {}, {}, {}, ()),
        (False, {"paused": True}, {}, {}, ()),
        (False, {"work_pool_name": "elsewhere"}, {}, {}, ()),
        (False, {"work_queue_name": None}, {}, {}, ()),
        (False, {"job_variables": {"env": {"A": "b"}}}, {}, {}, ()),
        (False, {"pull_steps": [{"a": "b"}]}, {}, {}, ()),
        (False, {}, {"is_paused": True}, {}, ()),
        (False, {}, {"concurrency_limit": 3}, {}, ()),
        (False, {}, {}, {"is_paused": True}, ()),
        (False, {}, {}, {"concurrency_limit": 0}, ()),
        (False, {}, {}, {}, (*ENV, {"A": "b"})),
        (False, {}, {}, {}, (*COMMAND, "python -m prefect.engine")),
        (False, {}, {}, {}, (*COMMAND, None)),
        (False, {}, {}, {}, (*COMMAND, "a 'quote that does not end")),
        (False, {}, {}, {}, ("variables", "properties", "working_dir", "default", "/srv")),
        (False, {}, {}, {}, ("job_configuration", "command", "nice {{ command }}")),
        (False, {}, {}, {}, ("job_configuration", "env", {"A": "b"})),
    ],
)
def test_what_an_operator_set_is_the_workers(
    tmp_path: Path, may: bool, deployment: Any, pool: Any, queue: Any, changed: tuple[Any, ...]
) -> None:
    runs = tmp_path / "runs.socket"
    runs.touch()
    made = other(runs, *changed[:-1], value=changed[-1]) if changed else template(runs)
    asked = Asked({**FREE, "base_job_template": made, **pool}, {**FREE, **queue})
    at_once = AtOnce(pool="arcops", runs=runs, log=tmp_path / "log")
    found = asyncio.run(at_once.takes(cast(Any, asked), cast(Any, SimpleNamespace(**{**DEPLOYMENT, **deployment}))))
    assert found is may


def test_without_a_warm_process_nothing_is_asked(tmp_path: Path) -> None:
    at_once = AtOnce(pool="arcops", runs=tmp_path / "runs.socket", log=tmp_path / "log")
    assert asyncio.run(at_once.takes(cast(Any, None), cast(Any, SimpleNamespace(**DEPLOYMENT)))) is False
