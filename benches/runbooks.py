"""Making a runbook: from the ask to its kept text, for each role and scenario, against Jinja filling in a template of the same
text that it has read before. Prints milliseconds and ratios of one run.

    python benches/runbooks.py
"""

from __future__ import annotations

import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from jinja2 import Template as Jinja

from foundation.database.migrating import ready
from services.host.runbooks.kept import Runbooks
from services.host.runbooks.pages import page
from services.host.runbooks.runbook import made
from services.host.runbooks.template import Kind, Parameter, Role, Template, names, template
from tests.foundation.database.open_here import at_server

TIMES = 30
_VALUES = {
    Kind.SERVER: "time",
    Kind.PACKAGE: "pypi:mcp-server-time==2026.10.10",
    Kind.NUMBER: "1",
    Kind.DIGEST: f"sha256:{'0' * 64}",
    Kind.PATH: "/run/hosts.json",
    Kind.STEM: "/run/second",
    Kind.WORD: "second",
    Kind.LINE: "the team of tools",
}
NOW = datetime(2026, 11, 30, tzinfo=UTC)


def main() -> None:
    """Print what was measured."""
    began = time.perf_counter()
    known = [template(name) for name in names()]
    print(f"{len(known)} templates read for the first time: {(time.perf_counter() - began) * 1000:.1f} ms")
    with tempfile.TemporaryDirectory() as folder:
        kept = Runbooks(ready(at_server(f"sqlite:///{folder}/database/arcops.sqlite")))
        found = [measured(kept, of, role) for of in known for role in of.roles]
    whole, texts, peers = ([one for each in found for one in each[which]] for which in range(3))
    print(f"kept, of {len(whole)}: median {statistics.median(whole):.2f} ms, P95 {_p95(whole):.2f} ms (asked: 100 ms)")
    print(f"its text alone: median {statistics.median(texts):.3f} ms, P95 {_p95(texts):.3f} ms")
    print(f"Jinja, the same text: median {statistics.median(peers):.3f} ms; text against it {_ratio(texts, peers):.1f}")


def measured(kept: Runbooks, of: Template, role: Role) -> tuple[list[float], list[float], list[float]]:
    """Milliseconds: of the runbook kept, of its text alone, and of the same text by Jinja."""
    given = [f"{one.name}={_value(one)}" for one in of.parameters if one.default is None]
    values = dict(one.split("=", 1) for one in given)
    jinja = Jinja(_open(page(made(of, role, given), NOW), given))

    def keep() -> str:
        runbook = kept.add(secrets.token_hex(6), made(of, role, given), author="bench")
        return page(runbook.runbook, NOW, runbook.id)

    return timed(keep), timed(lambda: page(made(of, role, given), NOW)), timed(lambda: jinja.render(**values))


def timed(work: Callable[[], object]) -> list[float]:
    """The milliseconds of each of `TIMES` runs of *work*."""
    found = []
    for _ in range(TIMES):
        began = time.perf_counter()
        work()
        found.append((time.perf_counter() - began) * 1000)
    return found


def _value(one: Parameter) -> str:
    return one.choices[0] if one.kind is Kind.CHOICE else _VALUES[one.kind]


def _open(text: str, given: list[str]) -> str:
    """*text* as a template of Jinja, with a name in place of each value."""
    for one in given:
        name, _, value = one.partition("=")
        if len(value) > 3:
            text = text.replace(value, "{{ " + name + " }}")
    return text


def _p95(found: list[float]) -> float:
    return statistics.quantiles(found, n=20)[-1]


def _ratio(ours: list[float], theirs: list[float]) -> float:
    return statistics.median(ours) / statistics.median(theirs)


if __name__ == "__main__":
    main()
