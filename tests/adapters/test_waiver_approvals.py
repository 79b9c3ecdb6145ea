"""A waiver counts once other people approved it, if the policy demands that; and approving is a permission of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from arcops.errors import Refused
from arcops.evidence import Cause, Missing
from arcops.identity import Identity
from arcops.policy import ApprovalRule
from arcops.result import Report
from arcops.seen.approvals import ApprovalSeen, ApprovalsSeen
from arcops.seen.signatures import Revoked
from arcops.verdict import Verdict
from artifacts.bundle import seal_statement
from artifacts.private_key import Algorithm, create
from artifacts.revocation import RevocationList, revocation_statement
from artifacts.store import Store
from artifacts.waiver_approval import Approver, WaiverApproval, approval_statement, waiver_digest
from capabilities.artifact.rejudge import Again, Rejudge, rejudge_artifact
from capabilities.contract import Scope
from capabilities.keys.keys import TrustKey, trust_key
from capabilities.policy.approving import ApproveWaiver, approve_waiver
from capabilities.policy.policy import CheckPolicy, check_policy
from flows.policies.approved import approvers, unapproved_waivers
from flows.policies.reading import parse_policy
from tests.adapters.serving import served
from tests.adapters.test_front_policy import AUDIENCE, Front
from tests.adapters.typed import typed
from tests.evidence import evidence
from tests.kept import fresh
from tests.models import CLOCK, POLICY, Bench, bench, good_model
from tests.simulators.issuer import issuing

pytestmark = [pytest.mark.requirement("BASE-3/approving-is-a-permission"), pytest.mark.xdist_group("access")]

WAIVER = (
    "  - {rule: integrity/executables, anyContent: true, about: config.json, owner: Ada, reason: packed elsewhere, "
    f"expires: {CLOCK + timedelta(days=30):%Y-%m-%d}}}\n"
)
ISSUER = "https://login.example"


def someone(name: str, *roles: str) -> Identity:
    return Identity(issuer=ISSUER, tenant="acme", id=name, roles=frozenset(roles), scopes=frozenset(("read", "waive")))


@dataclass(frozen=True, kw_only=True)
class Site:
    here: Bench
    model: Path

    def policy(self, needed: int = 1, signers: str = "", waiver: str = WAIVER) -> str:
        """The name of a policy that demands so many approvals of its one waiver."""
        name = f"waived-{needed}-{abs(hash((signers, waiver)))}"
        text = POLICY.replace("name: bench", f"name: {name}")
        rule = f"waiverApprovals: {{needed: {needed}, signers: [{signers}]}}\n"
        (self.here.settings.policies / f"{name}.yaml").write_text(f"{text}{rule}waivers:\n{waiver}")
        return name

    def judged(self, policy: str) -> Report:
        return self.here.check(self.model, policy=policy).report

    def approve(self, policy: str, who: Identity | None = None, *, own: bool = False) -> Any:
        digest = check_policy(CheckPolicy(policy=policy), self.here.place()).standing[0].digest
        at = replace(self.here.place(), caller=who, own=own, roots=None if own else ())
        return approve_waiver(ApproveWaiver(policy=policy, waiver=digest[:20]), at)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Site:
    here = bench(tmp_path_factory.mktemp("made"))
    model = good_model(here)
    (model / "config.json").chmod(0o755)
    return Site(here=here, model=model)


@pytest.fixture
def site(made: Site, tmp_path: Path) -> Site:
    return Site(here=fresh(made.here, tmp_path), model=made.model)


def finding(report: Report) -> str:
    return next(one.text for result in report.results for one in result.findings if one.rule == "integrity/executables")


def test_an_unapproved_waiver_does_not_count_and_an_approved_one_does(site: Site) -> None:
    policy = site.policy(2)
    before = site.judged(policy)
    assert before.verdict is Verdict.RED
    assert "The waiver of Ada does not count: it has 0 of 2 approval(s)" in finding(before)
    assert not site.approve(policy, someone("bob", "approver")).counts
    assert site.judged(policy).verdict is Verdict.RED
    assert not site.approve(policy, someone("bob", "approver")).counts, "one person approves once"
    assert site.approve(policy, someone("eve", "approver")).counts
    after = site.judged(policy)
    assert after.verdict is Verdict.AMBER, finding(after)
    assert "approvals" in {one.kind for one in after.evidence}
    assert site.here.check(site.model, policy=site.policy(0)).report.verdict is Verdict.AMBER, "none is demanded"


def test_the_same_evidence_judges_it_the_same_again(site: Site) -> None:
    """Mutation: approvals looked up again instead of kept as evidence would change what was judged before."""
    policy = site.policy()
    red = site.here.check(site.model, policy=policy)
    site.approve(policy, someone("bob", "approver"))
    amber = site.here.check(site.model, policy=policy)
    for one, verdict in ((red, Verdict.RED), (amber, Verdict.AMBER)):
        assert one.report.verdict is verdict
        done = rejudge_artifact(Rejudge(artifact=one.artifact), site.here.place())
        assert done.again is Again.SAME


@pytest.mark.parametrize(
    ("who", "said"),
    [
        (someone("bob"), "approve"),
        (someone("bob", "waive"), "approve"),
        (someone("Ada", "approver"), "someone else"),
        (None, "by a person"),
    ],
    ids=["no role", "who drafts", "the owner", "an agent"],
)
def test_who_may_not_approve(site: Site, who: Identity | None, said: str) -> None:
    policy = site.policy()
    with pytest.raises(Refused, match=said):
        site.approve(policy, who)
    assert site.judged(policy).verdict is Verdict.RED


def test_the_operator_approves_at_the_command_line(site: Site) -> None:
    policy = site.policy()
    shown = typed("policy", "check", policy, environment=site.here.environment)
    assert "0 of 1 approvals" in shown.stdout
    digest = shown.stdout.partition("  sha256:")[2][:16]
    done = typed("policy", "approve", policy, digest, environment=site.here.environment)
    assert done.returncode == 0, done.stderr
    assert "has 1 of 1 approvals: it counts" in done.stdout
    assert (
        "1 of 1 approvals (arcops:this-machine,,operator)"
        in typed("policy", "check", policy, environment=site.here.environment).stdout
    )


def test_a_waiver_that_changed_needs_new_approvals(site: Site) -> None:
    site.approve(site.policy(), someone("bob", "approver"))
    changed = site.policy(waiver=WAIVER.replace("packed elsewhere", "packed  elsewhere"))
    assert site.judged(changed).verdict is Verdict.RED
    assert "0 of 1" in finding(site.judged(changed))


def test_an_approval_of_another_policy_or_key_does_not_count(site: Site) -> None:
    policy = site.policy()
    other = create(Algorithm.ED25519)
    trust_key(TrustKey(public=_pem(other)), site.here.place())
    read = parse_policy((site.here.settings.policies / f"{policy}.yaml").read_bytes(), where="it")
    for name, signer in (("another", site.here.signer), (policy, other)):
        approval = WaiverApproval(
            policy=name,
            waiver=read.waivers[0],
            approver=Approver(issuer=ISSUER, tenant="", id="bob"),
            approved_at=CLOCK,
            access_policy="sha256:0",
        )
        with Store.at(site.here.settings) as store:
            store.put(seal_statement(approval_statement(approval), signer), {}, at=CLOCK, signer=site.here.signer)
        assert site.judged(policy).verdict is Verdict.RED, name
        assert not check_policy(CheckPolicy(policy=policy), site.here.place()).standing[0].approvers, "nor is it shown as one"
    named = site.policy(signers=f"'{other.public.id}'")
    approval = replace(approval, policy=named)
    with Store.at(site.here.settings) as store:
        store.put(seal_statement(approval_statement(approval), other), {}, at=CLOCK, signer=site.here.signer)
    assert site.judged(named).verdict is Verdict.AMBER, "the policy names the key of the other place"


def test_an_approval_that_was_revoked_does_not_count(site: Site) -> None:
    policy = site.policy()
    made = site.approve(policy, someone("bob", "approver"))
    revoked = Revoked(sha256=made.artifact.removeprefix("sha256:"), at=CLOCK, reason="a mistake")
    listed = revocation_statement(RevocationList(issued_at=CLOCK, revoked=(revoked,)))
    folder = site.here.settings.trust / "revocations"
    folder.mkdir(exist_ok=True)
    (folder / "mistakes.json").write_bytes(seal_statement(listed, site.here.signer))
    assert site.judged(policy).verdict is Verdict.RED


def test_a_policy_that_demands_none_is_not_approved(site: Site) -> None:
    with pytest.raises(Refused, match="demands no approvals"):
        approve_waiver(ApproveWaiver(policy=site.policy(0), waiver="sha256:00"), site.here.place())


# Pure: which waivers lack approvals.

TEXT = f"{POLICY}waiverApprovals: {{needed: 1}}\nwaivers:\n{WAIVER}"
PARSED = parse_policy(TEXT.encode(), where="pure")
MINE = f"sha256:{'1' * 64}"


def seen(**change: Any) -> ApprovalSeen:
    whole = {
        "waiver": waiver_digest(PARSED.waivers[0]),
        "policy": PARSED.name,
        "approver": f"{ISSUER},acme,bob",
        "approved_at": CLOCK,
        "artifact": f"sha256:{'2' * 64}",
        "signers": (MINE,),
    }
    return ApprovalSeen(**{**whole, **change})


def lacking(*found: ApprovalSeen, **more: Any) -> dict[str, str]:
    body = ApprovalsSeen(found=found, own_key=more.pop("own_key", MINE), **more)
    return {one.owner: why for one, why in unapproved_waivers(PARSED, evidence(body), CLOCK).items()}


def test_one_that_counts_is_enough() -> None:
    assert lacking(seen()) == {}


@pytest.mark.parametrize(
    "change",
    [
        {"waiver": f"sha256:{'3' * 64}"},
        {"policy": "another"},
        {"approver": f"{ISSUER},acme,Ada"},
        {"approver": "Ada,,x", "signers": ()},
        {"approved_at": CLOCK + timedelta(hours=2)},
        {"signers": (f"sha256:{'4' * 64}",)},
    ],
    ids=["of another waiver", "of another policy", "by the owner", "by no key", "in the future", "by a key of elsewhere"],
)
def test_each_thing_that_makes_it_count_for_nothing(change: dict[str, Any]) -> None:
    assert lacking(seen(**change)) == {"Ada": "it has 0 of 1 approval(s) that policy 'bench' demands"}


@pytest.mark.parametrize(
    "found",
    [None, Missing(kind="approvals", collector="approvals", cause=Cause.REFUSED, reason="no key is trusted.")],
    ids=["not collected", "refused"],
)
def test_what_could_not_be_looked_up_approves_nothing(found: Missing | None) -> None:
    (why,) = unapproved_waivers(PARSED, found, CLOCK).values()
    assert why.startswith("its approvals are not known")


def test_a_log_that_is_not_sound_approves_nothing() -> None:
    assert "the log is cut" in lacking(seen(), problems=("the log is cut.",))["Ada"]


def test_without_a_key_of_ones_own_only_named_keys_count() -> None:
    body = ApprovalsSeen(found=(seen(),), own_key="")
    assert not approvers(PARSED.waivers[0], PARSED, body, CLOCK)
    named = replace(PARSED, approvals=ApprovalRule(needed=1, signers=(MINE,)))
    assert approvers(PARSED.waivers[0], named, body, CLOCK) == (f"{ISSUER},acme,bob",)


@pytest.mark.parametrize(
    "text", ["{needed: -1}", "{needed: 11}", "{needed: 1, signers: [ada]}", "{need: 1}", "1", "{needed: true}"]
)
def test_a_rule_of_approvals_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        parse_policy(f"{POLICY}waiverApprovals: {text}\n".encode(), where="it")


# Over HTTP: by a token, a role and a server.


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    here = bench(tmp_path_factory.mktemp("approving"))
    (here.settings.policies / "waived.yaml").write_text(TEXT.replace("name: bench", "name: waived"))
    with issuing() as issuer:
        own = {"ARCOPS_OIDC_ISSUER": issuer.url, "ARCOPS_OIDC_AUDIENCE": AUDIENCE, "ARCOPS_ROOTS": str(here.home.parent)}
        access = here.home / "access"
        access.mkdir(mode=0o700)
        roles = f'callers:\n  - {{issuer: "{issuer.url}", tenant: "", id: bob, roles: [approver]}}\n'
        (access / "roles.yaml").write_text(roles)
        with served("mcp", "--http", env={**here.environment, **own}) as server:
            yield Front(server=server, issuer=issuer, here=here)


@pytest.mark.site
def test_over_http_who_drafts_does_not_approve_and_who_approves_does_not_draft(front: Front) -> None:
    known = typed("policy", "check", "waived", environment=front.here.environment).stdout.partition("  sha256:")[2][:16]
    ask: dict[str, Any] = {"policy": "waived", "waiver": known}
    denied = front.call(front.token("ada", *(one.value for one in Scope)), "approve_waiver", **ask)
    assert denied.status_code == 403
    draft = {"policy": "waived", "rule": "integrity/links", "owner": "x", "reason": "y", "anyContent": True}
    drafted = front.call(front.token("bob"), "draft_waiver", **draft, expires="2026-12-24T00:00:00Z")
    assert drafted.status_code == 403
    done = front.call(front.token("bob"), "approve_waiver", **ask)
    assert not done.json()["result"].get("isError"), done.text
    said = done.json()["result"]["structuredContent"]
    assert said["approvers"] == [f"{front.issuer.url},,bob"]
    why = typed(
        *("access", "explain", "approve_waiver", "--as", f"{front.issuer.url},,ada", "--scopes", "waive"),
        environment=front.here.environment,
    )
    assert (why.returncode, "waivers:approve, which no role of the caller allows" in why.stdout) == (3, True)


def _pem(key: Any) -> str:
    from cryptography.hazmat.primitives import serialization

    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return str(key.public.raw.public_bytes(serialization.Encoding.PEM, form).decode())
