"""Check a draft of clients' configuration: collect, judge, sign, keep."""

from __future__ import annotations

from dataclasses import dataclass

from arcops.subjects.client import ClientConfig
from capabilities.contract import Scope, tool
from capabilities.judging import Judged, deployed, judged
from flows.place import Place
from flows.subjects.evaluation import evaluation

_CLIENT_CHECK = evaluation("client-check")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckClientDraft(ClientConfig):
    """Which draft to judge, under which rules, and by which policy."""

    policy: str = "clients"
    """The name of a registered policy, or its digest (sha256:…); on one's own command line also a file."""


@tool(title="Check a draft of clients' configuration", scope=Scope.CHECK, long=True, deployed=deployed(_CLIENT_CHECK))
def check_client_draft(ask: CheckClientDraft, at: Place) -> Judged:
    """Judge a draft, and keep a signed artifact of the verdict: GREEN, AMBER or RED.

    Each client must be able to express each server; what it would read must fit its schema; the organisation's rules must
    accept it; and no text of the draft may hold a secret, also in disguise.
    """
    return judged(_CLIENT_CHECK, ask, ask.policy, at)
