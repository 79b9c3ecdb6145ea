"""Does a hosted server's verdict count, here and now? Asked before each start, and again and again while it runs.

The verdict is a sealed artifact that the database carries to every host. A host believes none of it before it has checked by
itself: who signed it, that nothing was revoked, that the policy which judged is the one that counts here, that it has not
expired, and that it is about exactly this lock, these files and this way to start it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from arcops.errors import ArcOpsError, Refused
from arcops.policy import Policy
from arcops.result import Report
from arcops.seen.server import server_digest
from arcops.seen.server_tools import Pin, ServerTools
from arcops.subjects.server import Server
from arcops.verdict import Verdict
from artifacts.vouch import Grounds, vouch_report
from artifacts.wire import digest, from_json
from flows.subjects.server import SERVER
from services.host.known_since import Known, KnownSince
from services.host.rows import HostedRow
from services.host.spec import Spec, launching
from services.host.to_agents import refuse_agent


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A verdict that counts. ``pins`` are what the server offered when it was judged; ``None`` if its policy did not ask."""

    report: Report
    pins: tuple[Pin, ...] | None


class Verdicts:
    """*grounds* are the keys and lists that are trusted here, *policy* gives the one that counts for a spec, *now* the clock,
    *since* asks what became known.

    They are called for each question: what was revoked, replaced or has expired a moment ago counts.
    """

    def __init__(
        self,
        grounds: Callable[[], Grounds],
        policy: Callable[[Spec], Policy],
        now: Callable[[], datetime],
        since: KnownSince,
    ) -> None:
        self._grounds, self._policy, self._now, self._since = grounds, policy, now, since

    def standing(self, row: HostedRow, content: str = "") -> Standing:
        """The verdict by which *row* may run; *content* is the digest of what is installed, if it is already.

        Raises `Refused` in one short text: what is missing, and who can repair it.
        """
        refuse_agent(row)
        lock, gate = row.current.lock, f"'arcops host gate {row.name}'"
        if lock is None:
            raise Refused(f"{row.name} may not run: its package was not resolved; its operator runs {gate}")
        unallowed = (
            f"{row.name} may not run: no one has allowed what {row.current.spec.package} resolves to ({lock.digest}); its "
            f"operator runs {gate}, which says what is missing"
        )
        if row.judged is None:
            why = f"{row.name} may not run: it was not judged as its row is now; its operator runs {gate}"
            raise Refused(why if row.allowed else unallowed)
        if row.judged.withdrawn:
            raise Refused(f"{row.name} may not run: {row.judged.withdrawn}; {_again(gate)}")
        report = self._report(row)
        subject, policy = report.subject, self._policy(row.current.spec)
        if subject.kind != Server.ABOUT.kind or subject.name != row.name:
            raise Refused(f"{row.name} may not run: its verdict is about {subject.kind} {subject.name!r}; {_again(gate)}")
        if report.policy_digest != policy.digest:
            raise Refused(
                f"{row.name} may not run: it was judged by the policy {report.policy_name!r} as it is not now; {_again(gate)}"
            )
        asked = {one.gate for one in report.results}
        if lacking := sorted(one.id for one in SERVER.gates(policy) if one.id not in asked):
            raise Refused(f"{row.name} may not run: {', '.join(lacking)} did not judge it; {_again(gate)}")
        if report.verdict is not Verdict.GREEN and not (report.verdict is Verdict.AMBER and policy.amber_passes):
            raise Refused(
                f"{row.name} may not run: its verdict is {report.verdict.value}; its operator can repair that, and "
                f"'arcops host explain {row.name}' says what it is"
            )
        if not row.allowed:
            raise Refused(unallowed)
        if known := self._since.against(row.name, lock, policy, self._now()):
            raise Refused(f"{row.name} may not run: since it was judged, {known}; {_again(gate)}")
        launch = digest(launching(row.current.spec))
        named = {str(one) for one in subject.digests}
        if content and named != {f"sha256:{server_digest(lock.digest, content, launch)}"}:
            raise Refused(
                f"{row.name} may not run: what is installed on this host is not what was judged; its operator runs {gate} here"
            )
        return Standing(report=report, pins=_pins(row, report))

    def known(self, row: HostedRow) -> Known:
        """What is known now about the packages of *row*, and what could not be seen of them."""
        lock = row.current.lock
        if lock is None:
            return Known(unseen="its package was not resolved")
        return self._since.asked(row.name, lock, self._policy(row.current.spec), self._now())

    def within(self, row: HostedRow) -> tuple[str, ...]:
        """The packages that the image of *row* lists, by package URL, if it is one and is installed here."""
        return () if row.current.lock is None else self._since.within(row.current.lock)

    def _report(self, row: HostedRow) -> Report:
        """The sealed report about *row*, which counts here and has not expired."""
        judged, now, again = row.judged, self._now(), _again(f"'arcops host gate {row.name}'")
        if judged is None:  # the caller asked before
            raise Refused(f"{row.name} was not judged")
        data = judged.bundle.encode()
        if f"sha256:{hashlib.sha256(data).hexdigest()}" != judged.artifact:
            raise Refused(f"{row.name} may not run: its verdict in the database was changed; {again}")
        try:
            ground = self._grounds()
            found = vouch_report(data, ground, now)
        except ArcOpsError as error:
            raise Refused(f"{row.name} may not run: its verdict does not count here: {error}; {again}") from error
        if found.expired(now):
            raise Refused(
                f"{row.name} may not run: its verdict was valid until {found.report.valid_until:%Y-%m-%d %H:%M} UTC; {again}"
            )
        return found.report


def _pins(row: HostedRow, report: Report) -> tuple[Pin, ...] | None:
    """What the server offered: the evidence whose digest is in the report. Raises `Refused` if it is other evidence."""
    said = next((one.digest for one in report.evidence if one.kind == ServerTools.KIND), "")
    if not said:
        return None
    tools = row.judged.tools.encode() if row.judged is not None else b""
    if f"sha256:{hashlib.sha256(tools).hexdigest()}" != said:
        raise Refused(
            f"{row.name} may not run: what it offers is not kept as it was judged; its operator runs "
            f"'arcops host gate {row.name}' again"
        )
    return from_json(ServerTools, tools).pins


def _again(gate: str) -> str:
    return f"its operator runs {gate} again"
