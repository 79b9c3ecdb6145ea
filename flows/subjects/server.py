"""Evaluations of a hosted MCP server: everything that can be judged without starting it, and then all of it."""

from __future__ import annotations

from arcops.policy import Policy
from arcops.subjects.server import Server
from flows.place import Place
from flows.plan import AnyGate
from flows.subjects.evaluation import Evaluation
from flows.subjects.meaning import ROOT, Meant, existing, means

SERVER = Evaluation(
    flow="server-gate",
    subject=Server,
    doc="Judge whether a hosted MCP server may run: what it is, what it is made of, and what it says of itself.",
)
STARTED = frozenset({"server-tools"})
"""The gates whose evidence takes a start of the server."""


class Unstarted(Evaluation):
    """As `SERVER`, without the gates for which the server must be started."""

    def gates(self, policy: Policy | None) -> tuple[AnyGate, ...]:
        """As `Evaluation.gates`."""
        return tuple(one for one in SERVER.gates(policy) if one.id not in STARTED)


UNSTARTED = Unstarted(
    flow="server-gate-unstarted",
    subject=Server,
    doc="Judge what can be judged of a hosted MCP server without starting it.",
)


@means(Server)
def installed(server: Server, at: Place) -> Meant:
    """The installation of a server, with what its row says; or only its name."""
    if server.named_only:
        return Meant(target=ROOT, named=server.name)
    return Meant(target=existing(server.target, at), named=server.name, declared=existing(server.case, at))
