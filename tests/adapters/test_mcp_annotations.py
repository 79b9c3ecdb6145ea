"""The hints about a tool are what it does: each tool is run, twice, and the folders are looked at before and after."""

from __future__ import annotations

import hashlib
import io
import json
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest

from arcops.errors import ArcOpsError, Broken
from arcops.identity import Identity
from arcops.tier import Tier
from artifacts.index import Filter
from artifacts.private_key import Algorithm, Signer, create
from capabilities.access.access import CheckAccess, ExplainAccess, ListRoles
from capabilities.access.files import ListFiles, RemoveFiles
from capabilities.access.keys import ListApiKeys, NewApiKey, RevokeApiKey
from capabilities.access.revoking import ListRevoked, RevokeAccess
from capabilities.access.sessions import EndSessions, ListSessions
from capabilities.artifact.compare import Compare
from capabilities.artifact.examine import Examine
from capabilities.artifact.feed import AskNew
from capabilities.artifact.figures import AskFigures
from capabilities.artifact.first_inference import AskFirstInference
from capabilities.artifact.rejudge import Rejudge
from capabilities.artifact.show import Form, Show
from capabilities.artifact.store import CheckStore, ExportStore, ImportStore
from capabilities.artifact.verify import Fetch, Verify
from capabilities.audit.assessment import ExportAssessment
from capabilities.audit.export import ExportAudit
from capabilities.audit.key import AskAuditKey
from capabilities.audit.query import QueryAudit
from capabilities.audit.report import ReportAudit
from capabilities.audit.verify import VerifyAudit
from capabilities.backup.backup import MakeBackup, RestoreBackup, VerifyBackup
from capabilities.bundle.bundle import InstallBundle, MakeBundle, RollBackBundle, VerifyBundle
from capabilities.catalogue import all_tools
from capabilities.client.applying import ApplyClientConfig
from capabilities.client.checking import CheckClientDraft, ValidateClientDraft
from capabilities.client.comparing import CompareClientConfigs
from capabilities.client.describing import DropClientFamily, SetClientFamily
from capabilities.client.families import ListClientFamilies, ListClientProfiles, NewClientDraft, ShowClientSchema
from capabilities.client.looking import AuditClientReleases, DiffClientConfig, GetClientConfig, PollClientChanges
from capabilities.client.mirroring import GetClientMetadata, MirrorClientConfigs
from capabilities.client.publishing import (
    ApproveClientConfig,
    ListWaitingClientConfigs,
    PublishClientConfig,
    RevertClientConfig,
    SetClientRules,
    WidenClientConfig,
    WithdrawClientConfig,
)
from capabilities.client.reporting import CountClientStates, ReportClientState
from capabilities.client.roles import SetClientRoles
from capabilities.client.rooting import SetClientRoot
from capabilities.cluster.admit import Admit
from capabilities.cluster.check import CheckCluster, SnapshotCluster
from capabilities.contract import Scope, Tool, tool
from capabilities.database.database import MigrateDatabase, MoveDatabase, ShowDatabase
from capabilities.fit.check import CheckFit
from capabilities.gpu.check import CheckGpus
from capabilities.inference.check import CheckInference
from capabilities.keys.keys import NewKey, RevokeKey, TrustKey
from capabilities.keys.showing import ShowKey
from capabilities.model.check import Check
from capabilities.model.data import ImportAdvisories
from capabilities.model.sbom import MakeSbom
from capabilities.model.sign import Sign
from capabilities.network.check import CheckNetwork, ReachNetwork
from capabilities.network.drift import DiffNetwork
from capabilities.network.exposure import ExposeNetwork
from capabilities.network.generate import GenerateNetwork
from capabilities.network.map import MapNetwork
from capabilities.network.snapshot import SnapshotNetwork
from capabilities.operator.explaining import ExplainServers
from capabilities.operator.manifests import MakeOperatorManifests
from capabilities.policy.approving import ApproveWaiver
from capabilities.policy.explain import Explain, Explained
from capabilities.policy.policy import CheckPolicy, DraftWaiver, ListPolicies, RegisterPolicy, check_policy, register_policy
from capabilities.publishing.receivers import AddReceiver, ListReceivers, RemoveReceiver, TellReceivers
from capabilities.release.check import CheckRelease, PreviewRelease
from capabilities.release.describe import DescribeRelease
from capabilities.release.show import ShowRelease
from capabilities.release.watch import WatchRelease
from capabilities.server.agents import HostAgentExport, HostAgentImport
from capabilities.server.allowing import HostAllow, HostDeny, HostResolve
from capabilities.server.catalog_deciding import HostCatalogApprove, HostCatalogRate, HostCatalogRefuse, HostCatalogTag
from capabilities.server.catalog_importing import HostCatalogImport
from capabilities.server.catalog_looking import HostCatalogList, HostCatalogSearch, HostCatalogShow
from capabilities.server.checklisting import HostChecklist, HostChecklistMark
from capabilities.server.costing import HostCostExport, HostCostReconcile, HostCostShow
from capabilities.server.deploying import HostDeploy, HostRemove, HostRestart, HostRollback, HostStart, HostStop
from capabilities.server.explaining import HostDescribe
from capabilities.server.feedback import HostFeedbackAnswer, HostFeedbackGive, HostFeedbackList
from capabilities.server.figuring import HostFigures
from capabilities.server.gating import HostGate
from capabilities.server.inviting import HostInvitationRevoke, HostInvitations, HostInvite
from capabilities.server.looking import HostDiff, HostFind, HostHistory, HostLogs, HostStatus
from capabilities.server.mirroring import HostMirrorUse
from capabilities.server.quotas import HostQuotaSet, HostQuotaShow
from capabilities.server.restoring import HostRestore
from capabilities.server.runbooks_looking import HostRunbookList, HostRunbookShow, HostRunbookStatus
from capabilities.server.runbooks_running import HostRunbookNew
from capabilities.server.scaffolding import HostNew
from capabilities.server.sharing import HostShare
from capabilities.server.snapshotting import HostDrift, HostSnapshotTake
from capabilities.server.wrapping import HostWrap
from capabilities.written import sandbox
from flows.place import Place
from foundation.database.opening import opened
from foundation.login.id_token import LoggedIn
from foundation.login.sessions import Sessions
from tests.adapters.client.test_first_steps import FAMILY
from tests.adapters.test_host_mirror import Mirror
from tests.clusters import cluster_of_the_shop
from tests.flows.test_generated import PLAIN
from tests.foundation.audit.home import written
from tests.foundation.login.signed import Signing as SigningIn
from tests.kept import fresh
from tests.manifests import shop
from tests.models import CLOCK, POLICY, Bench, bench, good_model
from tests.services.config.place import DRAFT, RULES
from tests.services.operator.texts import OPERATOR_SETTINGS, SERVER
from tests.simulators.kubernetes_api import serving

pytestmark = pytest.mark.requirement("ARC-3/every-capability-is-a-tool")

Tree = dict[str, str]
GROWING = ("home/store/", "home/remembered/")
"""What only grows: the store, and the memory of its log. That an entry was added to them destroys nothing."""

DERIVED = ("home/store/index.sqlite", "home/store/nodes")
"""What the store makes of its log to answer faster: it may be deleted at any time, and decides nothing."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """A folder with a home that has two artifacts, a model, manifests, and what tools import."""

    folder: Path
    here: Bench
    artifacts: tuple[str, str]
    outsider: str
    kubeconfig: Path = Path("/nonexistent")

    @property
    def model(self) -> Path:
        return self.folder / "tiny"

    @property
    def shop(self) -> Path:
        return self.folder / "shop"


def changed_model(at: Site) -> Path:
    """The model, after a file changed: the signature beside it holds no longer, and another takes its place."""
    (at.model / "config.json").write_text('{"model_type": "another"}')
    return at.model


def a_file(at: Site) -> str:
    """A file that was written for the caller."""
    (at.folder / "written.tar").write_text("x")
    mine = sandbox(replace(at.here.place(), settings=replace(at.here.settings, output=at.folder)))
    mine.record(mine.folder / "written.tar", "export_store", CLOCK)
    return "written.tar"


def a_waiver(at: Site) -> str:
    """The digest of a waiver of a registered policy that demands approvals."""
    expires = f"{CLOCK.replace(month=12):%Y-%m-%d}"
    waiver = f"{{rule: licence/allowed, anyContent: true, owner: o, reason: r, expires: {expires}}}"
    text = f"{POLICY.replace('name: bench', 'name: waived')}waiverApprovals: {{needed: 1}}\nwaivers: [{waiver}]\n"
    register_policy(RegisterPolicy(text=text), at.here.place())
    return check_policy(CheckPolicy(policy="waived"), at.here.place()).standing[0].digest


def a_release(at: Site) -> Path:
    """The description of a release of the model, and a policy for it."""
    (at.here.settings.policies / "ours.yaml").write_text("name: ours\nvalidFor: P7D\ngates: {release: {}}\n")
    file = at.folder / "release.yaml"
    file.write_text("name: tiny\nsite: edge-07\nparts: {files: {flow: supply-chain, target: tiny, policy: bench}}\n")
    return file


def a_checked_release(at: Site) -> str:
    """The name of a release that was checked."""
    named("check_release")(CheckRelease(description=a_release(at), policy="ours"), place(at, Signing(signer=at.here.signer)))
    return "tiny"


def a_receiver(at: Site) -> str:
    """The name of a receiver that was added."""
    return str(named("add_receiver")(AddReceiver(name="prefect"), at.here.place()).name)


def an_api_key(at: Site) -> str:
    """The id of a key that was made."""
    return str(named("new_api_key")(NewApiKey(name="mine", scopes=(Scope.READ,), days=1), at.here.place()).id)


def a_session(at: Site) -> str:
    """The id of a person who is logged in."""
    login = SigningIn(folder=at.folder).settings()
    who = LoggedIn(identity=Identity(issuer="https://i", tenant="", id="ada"), name="Ada")
    with opened(at.here.settings) as database:
        Sessions(database, login).begin(who, at.here.place().now())
    return "ada"


def a_backup(at: Site, *, changed: bool = False) -> Path:
    """The file of a backup of a site with a database, which may have *changed* since."""
    migrated(at)
    made = named("make_backup")(MakeBackup(file=at.folder / "site.backup"), place(at, Signing(signer=at.here.signer)))
    if changed:
        (at.here.settings.policies / "bench.yaml").write_text(POLICY.replace("name: bench", "name: newer"))
    return cast(Path, made.path)


def a_bundle(at: Site) -> Path:
    """The file of a bundle with a policy that is newer than the site's."""
    migrated(at)
    policies = at.folder / "newer"
    policies.mkdir()
    (policies / "bench.yaml").write_text(f"{POLICY}# newer\n")
    ask = MakeBundle(file=at.folder / "site.bundle", policies=policies)
    return cast(Path, named("make_bundle")(ask, place(at, Signing(signer=at.here.signer))).path)


def an_installed_bundle(at: Site) -> str:
    """The id of a bundle that counts."""
    done = named("install_bundle")(InstallBundle(file=a_bundle(at)), place(at, Signing(signer=at.here.signer)))
    return cast(str, done.id)


def migrated(at: Site) -> None:
    """Make the database."""
    named("migrate_database")(MigrateDatabase(), at.here.place())


def added(at: Site, *, stopped: bool = False) -> None:
    """Make the row of a hosted server."""
    named("host_deploy")(HostDeploy(name="small", package=f"folder:{at.model}", command="run"), at.here.place())
    if stopped:
        named("host_stop")(HostStop(name="small"), at.here.place())


def runnable(at: Site) -> None:
    """The row ``small``, with the program that it names."""
    (at.model / "run").write_text("#!/bin/true\n")
    (at.model / "run").chmod(0o755)
    added(at)


ENTRY = "dev.arcops.curated/mcp-server-time"


def a_quota(at: Site) -> None:
    """A quota of another number."""
    named("host_quota_set")(HostQuotaSet(server="small", calls=9), at.here.place())


def a_bill(at: Site) -> Path:
    """A bill of one day."""
    path = at.folder / "bill.csv"
    path.write_text("day,model,tokens\n2026-11-30,small,100\n")
    return path


def listed(at: Site) -> None:
    """The shipped servers in the catalog."""
    named("host_catalog_import")(HostCatalogImport(curated=True), at.here.place())


def a_feedback(at: Site) -> str:
    """The id of feedback that someone gave."""
    migrated(at)
    return str(named("host_feedback_give")(HostFeedbackGive(about="page:/servers", text="It helped."), at.here.place()).id)


def a_snapshot(at: Site) -> str:
    """The digest of a snapshot of the hosts' configuration."""
    added(at)
    return str(named("host_snapshot")(HostSnapshotTake(), place(at, Signing(signer=at.here.signer))).artifact)


def an_older_snapshot(at: Site) -> str:
    """The digest of a snapshot from before that server was removed."""
    digest = a_snapshot(at)
    named("host_remove")(HostRemove(name="small"), at.here.place())
    return digest


def an_agent(at: Site) -> str:
    """An agent's configuration, exported."""
    migrated(at)
    return str(named("host_agent_export")(HostAgentExport(agent=AGENT), place(at, Signing(signer=at.here.signer))).bundle)


def an_invitation(at: Site) -> str:
    """The id of an invitation to that server."""
    added(at)
    return str(named("host_invite")(HostInvite(email="ann@example.org", servers=("small",)), at.here.place()).invitation.id)


def a_runbook(at: Site) -> str:
    """The id of a runbook that was made."""
    added(at)
    return str(named("host_runbook_new")(HostRunbookNew(**INCIDENT), at.here.place()).id)


def marked(at: Site) -> HostChecklistMark:
    """A mark on the first item of that server that is marked by hand."""
    added(at)
    items = named("host_checklist")(HostChecklist(name="small"), at.here.place()).items
    return HostChecklistMark(name="small", item=next(one.id for one in items if one.by_hand), note="It was looked at.")


def a_family(at: Site) -> str:
    """The id of a client that this site described."""
    return str(named("set_client_family")(SetClientFamily(family=FAMILY), at.here.place()).family.client_id)


def resolved(at: Site) -> str:
    """The digest of the lock of that server."""
    added(at)
    return str(named("host_resolve")(HostResolve(name="small"), at.here.place()).digest)


def wrappable(at: Site) -> None:
    """A repository with a server."""
    (at.folder / "mine").mkdir()
    (at.folder / "mine" / "server.py").write_text("")


def shared(at: Site) -> None:
    """Share that server with a role."""
    added(at)
    named("host_share")(HostShare(name="small", grant=("role:readers",)), at.here.place())


def allowed(at: Site) -> None:
    """Let that server run."""
    named("host_allow")(HostAllow(name="small", digest=resolved(at)), at.here.place())


def roles(at: Site) -> None:
    """Let the site's own key publish clients' configuration, under rules."""
    own = at.here.signer.public.id
    asked = SetClientRoles(publishers=(own,), approvals=0)
    named("set_client_roles")(asked, at.here.place(now=CLOCK.replace(hour=15)))
    named("set_client_rules")(SetClientRules(rules=RULES.decode()), at.here.place(now=CLOCK.replace(hour=15)))


def released(at: Site, percent: int = 100) -> str:
    """The artifact of a configuration that was released; a client's file is there, too."""
    roles(at)
    (at.folder / "claude.json").write_text("{}")
    asked = PublishClientConfig(draft=DRAFT.decode(), changelog="First.", percent=percent)
    return str(named("publish_client_config")(asked, at.here.place(now=CLOCK.replace(hour=15))).records[0].artifact_id)


def recorded(at: Site) -> str:
    """The newest release record."""
    released(at)
    found = named("audit_client_releases")(AuditClientReleases(), at.here.place(now=CLOCK.replace(hour=15)))
    return str(found.releases[0].record)


def waiting(at: Site) -> str:
    """A publication that waits for this site's approval: another key published it."""
    roles(at)
    other = create(Algorithm.ED25519)
    named("trust_key")(TrustKey(public=other.public.pem.decode()), at.here.place(now=CLOCK.replace(hour=15)))
    own = at.here.signer.public.id
    asked = SetClientRoles(publishers=(other.public.id,), approvers=(own,), approvals=1)
    named("set_client_roles")(asked, at.here.place(now=CLOCK.replace(hour=15)))
    publish = PublishClientConfig(draft=DRAFT.decode(), changelog="First.")
    return str(
        named("publish_client_config")(publish, replace(at.here.place(now=CLOCK.replace(hour=15)), signer=lambda: other)).id
    )


def drafted(at: Site) -> Path:
    """A draft of clients' configuration."""
    path = at.folder / "draft.yaml"
    path.write_bytes(DRAFT)
    return path


def planned(at: Site) -> Path:
    """A description of models on GPUs."""
    path = at.folder / "fit.yaml"
    path.write_text(f"name: a\ngpus: {{a: {{sku: L4}}}}\nmodels: {{a: {{path: {at.model}, engine: vllm, context: 1}}}}\n")
    return path


Asking = Callable[[Site], Any]
AGENT = "name: helper\nmodel: {provider: local, name: tiny, version: '1.0'}\n"
INCIDENT: dict[str, Any] = {"name": "incident", "role": "sre", "settings": ("server=small", "good=1")}
ASKS: dict[str, Asking] = {
    "apply_client_config": lambda at: ApplyClientConfig(
        client="claude-code", profile="dev", file=released(at) and at.folder / "claude.json", without_client=True
    ),
    "approve_client_config": lambda at: ApproveClientConfig(id=waiting(at)),
    "approve_waiver": lambda at: ApproveWaiver(policy="waived", waiver=a_waiver(at)),
    "audit_client_releases": lambda at: released(at) and AuditClientReleases(),
    "check_client_draft": lambda at: CheckClientDraft(target=drafted(at)),
    "compare_client_configs": lambda at: CompareClientConfigs(old=recorded(at), new=recorded(at)),
    "count_client_states": lambda at: CountClientStates(),
    "diff_client_config": lambda at: DiffClientConfig(client="claude-code", profile="dev", current=released(at)),
    "get_client_config": lambda at: released(at) and GetClientConfig(client="claude-code", profile="dev"),
    "get_client_metadata": lambda at: released(at) and GetClientMetadata(name="1.root.json"),
    "list_client_families": lambda at: ListClientFamilies(),
    "list_client_profiles": lambda at: ListClientProfiles(client="codex"),
    "list_waiting_client_configs": lambda at: ListWaitingClientConfigs(),
    "mirror_client_configs": lambda at: released(at) and MirrorClientConfigs(to=at.folder / "replica"),
    "new_client_draft": lambda at: NewClientDraft(servers=("time",), clients=("codex",)),
    "poll_client_changes": lambda at: released(at) and PollClientChanges(),
    "publish_client_config": lambda at: released(at) and PublishClientConfig(draft=DRAFT.decode(), changelog="More."),
    "report_client_state": lambda at: ReportClientState(
        fingerprint="0123456789abcdef", client="codex", profile="dev", artifact="sha256:" + "0" * 64, result="applied"
    ),
    "revert_client_config": lambda at: RevertClientConfig(
        client="claude-code", profile="dev", to=released(at), reason="It breaks."
    ),
    "set_client_roles": lambda at: roles(at) or SetClientRoles(publishers=("sha256:" + "1" * 64,), approvals=0),
    "set_client_root": lambda at: released(at) and SetClientRoot(online=(at.here.signer.public.id,)),
    "set_client_rules": lambda at: (
        roles(at) or SetClientRules(rules=RULES.decode().replace("version: 1.0.0", "version: 1.1.0"))
    ),
    "show_client_schema": lambda at: ShowClientSchema(client="codex"),
    "validate_client_draft": lambda at: roles(at) or ValidateClientDraft(draft=DRAFT.decode()),
    "widen_client_config": lambda at: WidenClientConfig(
        client="claude-code", profile="dev", artifact=released(at, percent=5), percent=50
    ),
    "withdraw_client_config": lambda at: WithdrawClientConfig(id=waiting(at)),
    "add_receiver": lambda at: AddReceiver(name="prefect"),
    "admit_workload": lambda at: Admit(manifest="apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n"),
    "audit_key": lambda at: AskAuditKey(),
    "check_access": lambda at: CheckAccess(tool="check_model", caller="https://i,,x"),
    "check_cluster": lambda at: CheckCluster(context="good", kubeconfig=at.kubeconfig),
    "check_fit": lambda at: CheckFit(target=planned(at)),
    "check_gpus": lambda at: CheckGpus(),
    "check_inference": lambda at: CheckInference(url="http://127.0.0.1:9", models=("a",), each=2, budget_s=5, patience_ms=1000),
    "check_model": lambda at: Check(target=at.model, policy="bench"),
    "check_network": lambda at: CheckNetwork(target=at.shop),
    "check_policy": lambda at: CheckPolicy(policy="bench"),
    "check_release": lambda at: CheckRelease(description=a_release(at), policy="ours"),
    "check_store": lambda at: CheckStore(),
    "compare_artifacts": lambda at: Compare(a=at.artifacts[0], b=at.artifacts[1]),
    "describe_release": lambda at: DescribeRelease(model="./tiny", site="edge-07"),
    "diff_network": lambda at: DiffNetwork(declared=at.shop, live=at.shop),
    "draft_waiver": lambda at: DraftWaiver(
        policy="bench", rule="licence/allowed", any_content=True, owner="o", reason="r", expires=CLOCK.replace(month=12)
    ),
    "end_sessions": lambda at: EndSessions(person=f"https://i,,{a_session(at)}"),
    "examine_artifact": lambda at: Examine(artifact=at.artifacts[0]),
    "explain_access": lambda at: ExplainAccess(tool="check_model", caller="https://i,,x"),
    "explain_mcp_servers": lambda at: ExplainServers(resources=SERVER, settings=OPERATOR_SETTINGS),
    "explain_rule": lambda at: Explain(name="integrity"),
    "export_assessment": lambda at: ExportAssessment(output=at.folder / "results.json"),
    "export_audit": lambda at: ExportAudit(output=at.folder / "records.jsonl"),
    "export_store": lambda at: ExportStore(mirror=at.folder / "out.tar"),
    "expose_network": lambda at: ExposeNetwork(target=at.shop),
    "fetch_artifact": lambda at: Fetch(artifact=at.artifacts[0]),
    "generate_network": lambda at: GenerateNetwork(description=PLAIN),
    "host_allow": lambda at: HostAllow(name="small", digest=resolved(at)),
    "host_catalog_approve": lambda at: listed(at) or HostCatalogApprove(name=ENTRY),
    "host_catalog_import": lambda at: HostCatalogImport(curated=True),
    "host_catalog_list": lambda at: listed(at) or HostCatalogList(),
    "host_catalog_rate": lambda at: listed(at) or HostCatalogRate(name=ENTRY, stars=3),
    "host_catalog_refuse": lambda at: listed(at) or HostCatalogRefuse(name=ENTRY),
    "host_catalog_search": lambda at: listed(at) or HostCatalogSearch(words="time", every=True),
    "host_catalog_show": lambda at: listed(at) or HostCatalogShow(name=ENTRY),
    "host_catalog_tag": lambda at: listed(at) or HostCatalogTag(name=ENTRY, tags=("env=test",)),
    "host_cost_export": lambda at: migrated(at) or HostCostExport(output=at.folder / "costs.csv"),
    "host_cost_reconcile": lambda at: HostCostReconcile(bill=a_bill(at)),
    "host_cost_show": lambda at: migrated(at) or HostCostShow(),
    "host_deny": lambda at: allowed(at) or HostDeny(name="small"),
    "host_deploy": lambda at: added(at) or HostDeploy(name="small", package=f"folder:{at.model}", command="other"),
    "host_diff": lambda at: added(at) or HostDiff(name="small"),
    "host_describe": lambda at: added(at) or HostDescribe(name="small"),
    "host_gate": lambda at: runnable(at) or HostGate(name="small"),
    "host_mirror_use": lambda at: HostMirrorUse(mirror=Mirror(at.folder).write()),
    "host_figures": lambda at: added(at) or HostFigures(),
    "host_find": lambda at: HostFind(),
    "host_agent_export": lambda at: migrated(at) or HostAgentExport(agent=AGENT),
    "host_agent_import": lambda at: HostAgentImport(agent=an_agent(at)),
    "host_invite": lambda at: added(at) or HostInvite(email="ann@example.org", servers=("small",)),
    "host_invitation_revoke": lambda at: HostInvitationRevoke(id=an_invitation(at)),
    "host_invitations": lambda at: migrated(at) or HostInvitations(),
    "host_checklist": lambda at: added(at) or HostChecklist(name="small"),
    "host_checklist_mark": lambda at: marked(at),
    "host_drift": lambda at: HostDrift(snapshot=a_snapshot(at)),
    "host_feedback_answer": lambda at: HostFeedbackAnswer(id=a_feedback(at), status="accepted", text="It is looked at."),
    "host_feedback_give": lambda at: migrated(at) or HostFeedbackGive(about="page:/servers", text="It helped."),
    "host_feedback_list": lambda at: migrated(at) or HostFeedbackList(),
    "host_restore": lambda at: HostRestore(snapshot=an_older_snapshot(at)),
    "host_runbook_list": lambda at: HostRunbookList(),
    "host_runbook_new": lambda at: added(at) or HostRunbookNew(**INCIDENT),
    "host_runbook_show": lambda at: HostRunbookShow(**INCIDENT),
    "host_runbook_status": lambda at: HostRunbookStatus(id=a_runbook(at)),
    "host_snapshot": lambda at: added(at) or HostSnapshotTake(),
    "host_wrap": lambda at: wrappable(at) or HostWrap(folder=at.folder / "mine"),
    "host_new": lambda at: HostNew(template="echo", parent=at.folder),
    "host_share": lambda at: shared(at) or HostShare(name="small", revoke=("role:readers",)),
    "host_history": lambda at: added(at) or HostHistory(name="small"),
    "host_logs": lambda at: added(at) or HostLogs(name="small"),
    "host_quota_set": lambda at: a_quota(at) or HostQuotaSet(server="small", calls=5),
    "host_quota_show": lambda at: added(at) or HostQuotaShow(),
    "host_remove": lambda at: added(at) or HostRemove(name="small"),
    "host_resolve": lambda at: added(at) or HostResolve(name="small"),
    "host_restart": lambda at: added(at) or HostRestart(name="small"),
    "host_rollback": lambda at: added(at) or HostRollback(name="small", to=1),
    "host_start": lambda at: added(at, stopped=True) or HostStart(name="small"),
    "host_status": lambda at: added(at) or HostStatus(name="small"),
    "host_stop": lambda at: added(at) or HostStop(name="small"),
    "import_advisories": lambda at: ImportAdvisories(export=at.folder / "osv.zip"),
    "import_store": lambda at: ImportStore(mirror=at.folder / "mirror.tar"),
    "list_api_keys": lambda at: ListApiKeys(),
    "list_artifacts": lambda at: Filter(),
    "list_policies": lambda at: ListPolicies(),
    "list_receivers": lambda at: ListReceivers(),
    "list_revoked": lambda at: ListRevoked(),
    "list_roles": lambda at: ListRoles(),
    "list_sessions": lambda at: ListSessions(),
    "make_operator_manifests": lambda at: MakeOperatorManifests(
        settings=OPERATOR_SETTINGS, image=f"registry.example/arcops@sha256:{'0' * 64}"
    ),
    "make_model_sbom": lambda at: MakeSbom(target=at.model, version="1", supplier="x", licence="MIT"),
    "map_network": lambda at: MapNetwork(target=at.shop),
    "make_backup": lambda at: migrated(at) or MakeBackup(file=at.folder / "site.backup"),
    "verify_backup": lambda at: VerifyBackup(file=a_backup(at)),
    "restore_backup": lambda at: RestoreBackup(file=a_backup(at, changed=True), replace=True),
    "make_bundle": lambda at: MakeBundle(file=at.folder / "site.bundle", policies=at.here.settings.policies),
    "verify_bundle": lambda at: VerifyBundle(file=a_bundle(at)),
    "install_bundle": lambda at: InstallBundle(file=a_bundle(at)),
    "roll_back_bundle": lambda at: RollBackBundle(id=an_installed_bundle(at)),
    "migrate_database": lambda at: MigrateDatabase(),
    "move_database": lambda at: migrated(at) or MoveDatabase(to=f"sqlite:///{at.folder}/moved/arcops.sqlite"),
    "new_api_key": lambda at: NewApiKey(name="mine", scopes=(Scope.READ,), days=1),
    "new_key": lambda at: NewKey(path=at.folder / "keys" / "more.key", algorithm=Algorithm.ED25519),
    "new_artifacts": lambda at: AskNew(),
    "preview_release": lambda at: PreviewRelease(description=a_release(at), policy="ours"),
    "query_audit": lambda at: QueryAudit(),
    "reach_network": lambda at: ReachNetwork(target=at.shop, source="shop/web", to="db:5432"),
    "register_policy": lambda at: RegisterPolicy(text=POLICY.replace("name: bench", "name: another")),
    "remove_receiver": lambda at: RemoveReceiver(name=a_receiver(at)),
    "list_files": lambda at: ListFiles(),
    "remove_files": lambda at: RemoveFiles(paths=(a_file(at),)),
    "report_audit": lambda at: ReportAudit(controls=True),
    "rejudge_artifact": lambda at: Rejudge(artifact=at.artifacts[0]),
    "review_artifacts": lambda at: Filter(),
    "revoke_access": lambda at: RevokeAccess(caller="https://i,,x"),
    "revoke_api_key": lambda at: RevokeApiKey(id=an_api_key(at)),
    "revoke_key": lambda at: RevokeKey(key="sha256:" + "a" * 64, reason="lost"),
    "show_artifact": lambda at: Show(artifact=at.artifacts[0], form=Form.SARIF),
    "show_database": lambda at: ShowDatabase(),
    "show_key": lambda at: ShowKey(public=at.outsider),
    "set_client_family": lambda at: SetClientFamily(family=FAMILY.replace("Acme Agent", a_family(at))),
    "drop_client_family": lambda at: DropClientFamily(client=a_family(at)),
    "show_release": lambda at: ShowRelease(release=a_checked_release(at)),
    "sign_model_files": lambda at: Sign(target=changed_model(at)),
    "snapshot_cluster": lambda at: SnapshotCluster(context="good", kubeconfig=at.kubeconfig),
    "snapshot_network": lambda at: SnapshotNetwork(context="good", kubeconfig=at.kubeconfig),
    "success_figures": lambda at: AskFigures(),
    "tell_receivers": lambda at: TellReceivers(),
    "time_to_first_inference": lambda at: AskFirstInference(),
    "trust_key": lambda at: TrustKey(public=at.outsider),
    "watch_release": lambda at: WatchRelease(release=a_checked_release(at), minutes=0),
    "verify_artifact": lambda at: Verify(artifact=at.artifacts[0]),
    "verify_audit": lambda at: VerifyAudit(),
}
NOT_RUN = {
    "host_catalog_ask": "it asks sources; tests/services/host/catalog/test_federation.py",
    "host_catalog_index": "it takes a model; tests/services/host/catalog/test_meaning.py",
    "announce_change": "it takes a Prefect API; tests/flows/test_announce.py",
    "bench_node": "it uses the machine for minutes; it keeps an artifact like every check",
    "host_invitation_confirm": "it takes someone who has verified; tests/adapters/test_host_onboarding.py",
    "host_join_accept": "it takes mail or DNS; tests/adapters/test_host_onboarding.py",
    "host_join_finish": "it takes someone who has verified; tests/adapters/test_host_onboarding.py",
    "host_join_verify": "it takes mail or DNS; tests/adapters/test_host_onboarding.py",
    "host_runbook_run": "it runs commands; tests/adapters/test_host_runbooks.py",
    "host_update": "it starts a server; tests/adapters/test_host_changing.py",
    "host_switch": "it starts a server; tests/adapters/test_host_changing.py",
    "host_patch": "it may ask an index; tests/adapters/test_host_changing.py",
    "host_put": "it starts a server; tests/adapters/test_host_deploy.py",
    "push_bundle": "it asks a registry; tests/foundation/site_bundle/test_registry.py",
    "host_mirror_make": "it asks an index; tests/deep/test_hosting_real.py",
    "check_client_service": "it takes a service to be checked; tests/services/config/test_kit.py",
    "make_baseline": "it takes a benchmark; it signs, and writes nothing",
}


@pytest.fixture(autouse=True)
def passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of backups."""
    monkeypatch.setenv("ARCOPS_BACKUP_PASSPHRASE", "correct horse battery staple")


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("cluster")
    with serving(cluster_of_the_shop(folder / "declared"), folder) as path:
        yield path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("made")
    here = bench(folder)
    model = good_model(here)
    first = here.check(model).artifact
    here.check(model, now=CLOCK.replace(hour=13))
    second = here.check(model, now=CLOCK.replace(hour=14)).artifact
    named("export_store")(ExportStore(mirror=folder / "mirror.tar"), here.place())
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        known = {"id": "X-1", "modified": "2026-01-01T00:00:00Z"}
        known["affected"] = [{"package": {"ecosystem": "PyPI", "name": "x"}, "versions": ["1"]}]  # type: ignore[assignment]
        archive.writestr("X-1.json", json.dumps(known))
    (folder / "osv.zip").write_bytes(data.getvalue())
    written(here.home, [2])
    outsider = bench(folder / "outsider").public.read_text()
    return Site(folder=folder, here=here, artifacts=(first, second), outsider=outsider)


@pytest.fixture
def site(made: Site, kubeconfig: Path, tmp_path: Path) -> Site:
    """A copy in which a tool may change everything."""
    here = fresh(made.here, tmp_path)
    good_model(here)
    shop(tmp_path / "shop")
    for name in ("osv.zip", "mirror.tar"):
        (tmp_path / name).write_bytes((made.folder / name).read_bytes())
    return replace(made, folder=tmp_path, here=here, kubeconfig=kubeconfig)


@dataclass(kw_only=True)
class Signing:
    """Counts how often the key was asked for."""

    signer: Signer
    times: int = 0

    def __call__(self) -> Signer:
        self.times += 1
        return self.signer


def named(name: str) -> Tool[Any, Any]:
    return next(one for one in all_tools() if one.name == name)


def tree(folder: Path) -> Tree:
    """Every file and folder, each with what is in it."""
    found: Tree = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if name in DERIVED or (path.parent.name == "database" and path.suffix != ".sqlite"):
            continue
        if path.parent.name == "database":
            found |= {f"{name}#{table}/{row[0]}": repr(row) for table, row in rows(path)}
            continue
        found[name] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
    return found


def rows(path: Path) -> Iterator[tuple[str, tuple[object, ...]]]:
    """Every row of a database, with its table: one that is added changes no other."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608  # a name of ours
                yield table, row


def place(site: Site, signing: Signing) -> Place:
    settings = replace(site.here.settings, tier=Tier.RESTRICTED, site="edge-07", output=site.folder)
    settings = replace(settings, backup_passphrase="env:ARCOPS_BACKUP_PASSPHRASE")
    return replace(site.here.place(now=CLOCK.replace(hour=15)), settings=settings, signer=signing)


def test_every_tool_is_run_or_says_why_not() -> None:
    assert {*ASKS, *NOT_RUN} == {one.name for one in all_tools()}
    assert not {*ASKS} & {*NOT_RUN}
    assert all(not named(name).reads_only or named(name).may_connect for name in NOT_RUN)


@pytest.mark.parametrize("name", ASKS)
def test_a_tool_does_what_its_hints_say(site: Site, name: str) -> None:
    one, ask, signing = named(name), ASKS[name](site), Signing(signer=site.here.signer)
    before = tree(site.folder)
    one(ask, place(site, signing))
    first = tree(site.folder)
    signed_once = signing.times
    with suppress(ArcOpsError):  # such as a file that is never overwritten
        one(ask, replace(place(site, signing), now=lambda: CLOCK.replace(hour=16)))
    second = tree(site.folder)

    changed = [path for path in before if first.get(path) != before[path]]
    changed += [path for path in first if second.get(path) != first[path]]
    destroyed = [path for path in changed if not path.startswith(GROWING)]
    assert one.reads_only == (first == before and not signed_once), "what reads only keeps and signs nothing, and only that"
    assert one.destructive or not destroyed, destroyed
    assert one.destructive == bool(destroyed), "what destroys nothing does not say so"
    assert not one.idempotent or second == first, "the second call changed nothing more"
    if one.scope is Scope.READ:
        assert one.reads_only


def test_what_may_connect_says_so() -> None:
    connecting = {one.name for one in all_tools() if one.may_connect}
    fields = {one.name for one in all_tools() if {"context", "kubeconfig", "url"} & set(one.ask.__dataclass_fields__)}
    fields.remove("host_put")  # its url is the one that it tells
    assert connecting == fields | {
        "announce_change",
        "check_release",
        "host_catalog_ask",
        "host_gate",
        "host_patch",
        "host_update",
        "host_join_accept",
        "host_join_verify",
        "host_mirror_make",
        "host_resolve",
        "host_runbook_run",
        "install_bundle",
        "move_database",
        "push_bundle",
        "tell_receivers",
    }


def test_no_tool_can_say_that_it_reads_only_and_destroys() -> None:
    def work(ask: Explain, at: Place) -> Any:
        """Do both."""

    work.__annotations__ = {"ask": Explain, "at": Place, "return": Explained}
    with pytest.raises(Broken, match="cannot both"):
        tool(title="Both", scope=Scope.READ, reads_only=True, destructive=True)(work)
