"""``arcops host cost``, ``host quota`` and ``host figures``: what calls cost, who may use how much, and how hosting does."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from adapters.cli import surroundings
from adapters.cli.answering import answer, shown
from adapters.cli.commands import Given, command
from adapters.cli.exits import RED
from adapters.cli.printing import Answering
from artifacts.projections.lines import printable

if TYPE_CHECKING:
    from capabilities.server.costing import (
        CostExported,
        CostsShown,
        HostCostExport,
        HostCostReconcile,
        HostCostShow,
        Reconciled,
    )
    from capabilities.server.figuring import FiguresShown, HostFigures
    from capabilities.server.quotas import HostQuotaSet, HostQuotaShow, QuotaShown, QuotasShown, UseShown

_COSTING, _FIGURING, _QUOTAS = (f"capabilities.server.{one}" for one in ("costing", "figuring", "quotas"))


@command("host cost show", f"{_COSTING}:host_cost_show", own=Answering, example="--by caller")
def cost_show(given: Given[HostCostShow, CostsShown, Answering]) -> None:
    """Sum up what calls of hosted servers cost."""

    def show(found: CostsShown) -> None:
        if not found.sums:
            print(f"no call cost anything from {found.since} to {found.until}")
        for one in found.sums:
            price = f"{one.price} {one.currency}" if one.currency else "no price"
            guess = f" ({one.estimated_tokens} of them estimated)" if one.estimated_tokens else ""
            tokens = one.argument_tokens + one.result_tokens
            print(
                printable(f"{one.name or '(no name)'}: {one.calls} calls, {one.failed} failed, {tokens} tokens{guess}, {price}")
            )
            if one.unpriced and one.currency:
                print(f"  {one.unpriced} calls have no price")

    shown(given, show)


@command("host cost export", f"{_COSTING}:host_cost_export", example="--format focus -o costs.csv")
def cost_export(given: Given[HostCostExport, CostExported, None]) -> None:
    """Export costs for a budget: CSV in the columns of FOCUS 1.4, or each event as a line of JSON."""
    ask = given.ask()
    done = answer(given.tool, ask, surroundings.place())
    sys.stdout.write(done.text)
    if ask.output is not None:
        print(f"wrote {done.rows:,} row(s) to {ask.output}")
    if done.unpriced:
        left = "are not in it" if ask.form.value == "focus" else "have none there"
        print(f"{done.unpriced:,} call(s) have no price and {left}; a rate card gives one (docs/costs.md)", file=sys.stderr)


@command("host cost reconcile", f"{_COSTING}:host_cost_reconcile", own=Answering, example="bill.csv")
def cost_reconcile(given: Given[HostCostReconcile, Reconciled, Answering]) -> int:
    """Compare cost events with a bill. Exits 3 if they differ by 5 % or more."""

    def show(found: Reconciled) -> None:
        for one in found.models:
            cost = f", cost {one.cost_percent} %" if one.cost_percent else ""
            guess = f", {one.estimated_percent} % of ours estimated" if one.estimated_percent != "0.00" else ""
            print(printable(f"{one.model}: {one.our_tokens} tokens, billed {one.billed_tokens}: {one.percent} %{cost}{guess}"))
        print(f"variance {found.variance} %: {'within' if found.within else 'not within'} 5 %")

    return 0 if shown(given, show).within else RED


@command("host quota set", f"{_QUOTAS}:host_quota_set", own=Answering, example="time --tokens 100000 --per day")
def quota_set(given: Given[HostQuotaSet, QuotasShown, Answering]) -> None:
    """Say how many tokens or calls a caller has at a hosted server in a minute, a day or a month."""
    shown(given, _print_quotas)


@command("host quota show", f"{_QUOTAS}:host_quota_show", own=Answering, example="time")
def quota_show(given: Given[HostQuotaShow, QuotasShown, Answering]) -> None:
    """List quotas, who used how much of each, and what to do about it."""
    shown(given, _print_quotas)


def _print_quotas(found: QuotasShown) -> None:
    if not found.quotas:
        print("there is no quota; 'arcops host quota set' makes one")
    for one in found.quotas:
        print(printable(f"{_of(one)}: {one.amount} {one.unit} per {one.per}, for {one.caller or 'each caller'}"))
    for use in found.uses:
        used = f"{use.used} of {use.amount} {use.unit} per {use.per}, {use.percent} %"
        print(printable(f"  {use.caller or '(this user)'} at {use.server}: {used}"))
        if use.action:
            print(printable(f"    {_state(use)}: {use.action}"))
    if found.more:
        print(f"  and {found.more} more")


def _of(one: QuotaShown) -> str:
    return "each server" if one.server == "*" else one.server


def _state(use: UseShown) -> str:
    if use.advised is not None:
        return f"advisory since {use.advised:%Y-%m-%d %H:%M:%S}Z"
    return f"over 80 % since {use.over_since:%H:%M:%S}Z" if use.over_since is not None else "over 80 %"


@command("host figures", f"{_FIGURING}:host_figures", own=Answering)
def figures(given: Given[HostFigures, FiguresShown, Answering]) -> None:
    """Show the figures of hosting with their definitions; with a server's name, what it uses and its right size."""

    def show(found: FiguresShown) -> None:
        if found.size is not None:
            size = found.size
            cpu = f", {size.cpu_us_a_call / 1000:.3g} ms of CPU a call" if size.cpu_us_a_call is not None else ""
            print(printable(f"{size.name}, in {size.days} of the last 30 days: {size.calls} calls{cpu}"))
            print(f"  at most {size.processes} processes, {size.memory_bytes // 1048576} MiB, {size.cpu_percent} % of one CPU")
            print(printable(f"  {size.advice}"))
        for one in found.figures:
            met = {None: " ", True: "+", False: "-"}[one.met]
            print(printable(f"{met} {one.name}: {one.said} (target {one.target}; {one.records} records)"))
            print(printable(f"    {one.definition}"))
        flows = found.workflows
        if flows is not None and not flows.all:
            print("  Composite workflows: no records yet")
        elif flows is not None:
            print(f"  Composite workflows: {flows.composite} of {flows.all} in a day, at most {flows.widest} servers in one")

    shown(given, show)
