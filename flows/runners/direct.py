"""The direct runner: the plan's collectors in threads with deadlines, used if no Prefect API is configured.

A thread cannot be killed, so a collector past its deadline is abandoned: its evidence is missing, whatever it answers later,
and it is stopped when it next reports progress. A collector that could hang for ever declares ``isolated`` and gets a process.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from arcops.errors import Stopped
from arcops.evidence import Body, Cause, Evidence
from flows.plan import AnyCollector, Plan
from flows.runners.looking import Found, look, missing, opens_files, outcome
from foundation.telemetry import spans

RUNNER = "direct"
_TICK = 0.1


def collect(plan: Plan, *, stop: threading.Event, seen: Evidence[Body] | None = None) -> Mapping[str, Found]:
    """Run every collector of *plan*, each as soon as the evidence that it needs is there. Returns an answer for each of them.

    The collector of *seen* is not run, if it is the very one by which that was collected.

    After *stop* is set, evidence that is not there yet is missing with the cause CANCELLED.
    """
    return _Run(plan, stop, seen).to_the_end()


class _Run:
    def __init__(self, plan: Plan, stop: threading.Event, seen: Evidence[Body] | None) -> None:
        self._plan = plan
        self._stop = stop
        self._changed = threading.Condition()
        self._answers: dict[str, Found] = {}
        self._waiting = list(plan.collectors)
        for one in plan.collectors:
            if seen is not None and (one.body, one.id, one.version) == (type(seen.body), seen.collector, seen.version):
                self._waiting.remove(one)
                self._answers[one.body.KIND] = seen
        self._running: dict[str, tuple[AnyCollector, float, threading.Event]] = {}
        self._spans: dict[str, spans.Span] = {}

    def to_the_end(self) -> Mapping[str, Found]:
        with self._changed:
            while self._waiting or self._running:
                self._start_what_is_ready()
                self._give_up_on_the_late()
                if self._stop.is_set():
                    self._cancel_the_rest()
                elif self._running:
                    self._changed.wait(_TICK)
            # In the plan's order, not in the order of answering, so that two runs of one plan give equal bytes.
            return MappingProxyType({found.body.KIND: self._answers[found.body.KIND] for found in self._plan.collectors})

    def _start_what_is_ready(self) -> None:
        unanswered = {found.body.KIND for found in self._waiting} | set(self._running)
        for collector in list(self._waiting):
            if not unanswered & {body.KIND for body in (*collector.needs, *collector.wants)}:
                self._waiting.remove(collector)
                told = threading.Event()
                deadline = time.monotonic() + collector.deadline.total_seconds()
                self._running[collector.body.KIND] = (collector, deadline, told)
                here = self._spans[collector.body.KIND] = spans.begin(f"collector {collector.id}", collector=collector.id)
                with here.inside():
                    context = contextvars.copy_context()
                arguments = (self._work, collector, told, dict(self._answers))
                try:
                    threading.Thread(target=context.run, args=arguments, name=collector.id, daemon=True).start()
                except RuntimeError as error:  # the system gives no more threads
                    self._abandon(
                        collector.body.KIND, missing(collector, Cause.UNAVAILABLE, f"{collector.id} did not run: {error}")
                    )

    def _work(self, collector: AnyCollector, told: threading.Event, collected: Mapping[str, Found]) -> None:
        request = self._plan.request

        def progress(done: int, total: int) -> None:
            if told.is_set():
                raise Stopped("the run was stopped")
            request.progress(done, total)

        answer: Found
        try:
            told_to = replace(request, progress=progress)
            if collector.isolated and opens_files(collector, told_to, collected):
                from flows.runners.isolated import look_isolated  # starts a process, for which much is imported

                answer = look_isolated(collector, told_to, collected)
            else:
                answer = look(collector, told_to, collected)
        except Exception as error:  # if a thread ended without an answer, everything would wait until the deadline
            answer = missing(collector, Cause.BROKEN, f"{collector.id} was lost: {type(error).__name__}: {error}")
        with self._changed:
            if self._running.pop(collector.body.KIND, None) is not None:
                self._answered(collector.body.KIND, answer)
                self._changed.notify_all()

    def _give_up_on_the_late(self) -> None:
        now = time.monotonic()
        for kind, (collector, deadline, _) in list(self._running.items()):
            if now >= deadline:
                seconds = collector.deadline.total_seconds()
                self._abandon(kind, missing(collector, Cause.DEADLINE, f"{collector.id} did not answer within {seconds:g} s"))

    def _cancel_the_rest(self) -> None:
        for kind, (collector, _, _) in list(self._running.items()):
            self._abandon(kind, missing(collector, Cause.CANCELLED, "the run was cancelled before this was seen"))
        for collector in self._waiting:
            self._answers[collector.body.KIND] = missing(
                collector, Cause.CANCELLED, "the run was cancelled before this was looked at"
            )
        self._waiting.clear()

    def _abandon(self, kind: str, answer: Found) -> None:
        _, _, told = self._running.pop(kind)
        told.set()
        self._answered(kind, answer)

    def _answered(self, kind: str, answer: Found) -> None:
        self._answers[kind] = answer
        here = self._spans.pop(kind)
        here.say(outcome=outcome(answer))
        here.end()
