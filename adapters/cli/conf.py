"""``arcops conf``: signed configuration for MCP clients: families, drafts, rules, publishing, and what is released."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.cli import surroundings
from adapters.cli.answering import answer, shown
from adapters.cli.commands import Given, command, group
from adapters.cli.conf_options import Checking, KitFormat, ServingConfiguration, Watching, Writing
from adapters.cli.judging import judge
from adapters.cli.options import Reaching
from adapters.cli.printing import Answering
from artifacts.projections.printable import printable

if TYPE_CHECKING:
    from capabilities.client.applying import ApplyClientConfig, ClientConfigApplied
    from capabilities.client.checking import CheckClientDraft, ClientDraftValidated, ValidateClientDraft
    from capabilities.client.comparing import ClientConfigsCompared, CompareClientConfigs
    from capabilities.client.conformance import CheckClientService, ConformanceReport
    from capabilities.client.families import (
        DraftMade,
        FamiliesKnown,
        ListClientFamilies,
        ListClientProfiles,
        NewClientDraft,
        ProfilesKnown,
        SchemaShown,
        ShowClientSchema,
    )
    from capabilities.client.looking import (
        AuditClientReleases,
        ClientChanges,
        ClientConfigDiffered,
        ClientConfigShown,
        ClientReleasesAudited,
        DiffClientConfig,
        GetClientConfig,
        PollClientChanges,
    )
    from capabilities.client.mirroring import ClientConfigsMirrored, ClientMetadata, GetClientMetadata, MirrorClientConfigs
    from capabilities.client.publishing import (
        ApproveClientConfig,
        ClientRulesSet,
        ListWaitingClientConfigs,
        PublicationShown,
        PublicationsListed,
        PublishClientConfig,
        RevertClientConfig,
        SetClientRules,
        WidenClientConfig,
        WithdrawClientConfig,
    )
    from capabilities.client.reporting import ClientStateNoted, ClientStatesCounted, CountClientStates, ReportClientState
    from capabilities.client.roles import ClientRolesSet, SetClientRoles
    from capabilities.judging import Judged

CONF = group("conf", "Signed configuration for MCP clients: drafts, rules, approvals, releases, and putting it in place.")
_FAMILIES, _PUBLISHING, _LOOKING, _REPORTING = (
    f"capabilities.client.{one}" for one in ("families", "publishing", "looking", "reporting")
)


@command("conf families", f"{_FAMILIES}:list_client_families", own=Answering)
def families(given: Given[ListClientFamilies, FamiliesKnown, Answering]) -> None:
    """List the MCP clients whose configuration can be written."""

    def show(found: FamiliesKnown) -> None:
        for one in found.families:
            schemas = ", ".join(each.version for each in one.schemas)
            print(printable(f"{one.client_id}: {one.title}, {one.format}, schema {schemas}; inputs as {one.variables}"))
            for note in one.notes:
                print(printable(f"    {note}"))

    shown(given, show)


@command("conf profiles", f"{_FAMILIES}:list_client_profiles", own=Answering, example="vscode")
def profiles(given: Given[ListClientProfiles, ProfilesKnown, Answering]) -> None:
    """List the profiles in which something is released for a client."""

    def show(found: ProfilesKnown) -> None:
        print("\n".join(found.profiles) or f"nothing is released for {found.client_id} yet")

    shown(given, show)


@command("conf schema", f"{_FAMILIES}:show_client_schema", own=Answering, example="codex")
def schema(given: Given[ShowClientSchema, SchemaShown, Answering]) -> None:
    """Show the JSON Schema that a client's configuration is held to."""
    shown(given, lambda found: print(found.schema))


@command("conf draft new", f"{_FAMILIES}:new_client_draft", own=Writing, example="dev.yaml --servers time --for vscode,codex")
def draft_new(given: Given[NewClientDraft, DraftMade, Writing]) -> None:
    """Write a first draft for many clients, to be completed by hand."""
    from artifacts.writing import write_new

    found = answer(given.tool, given.ask(), surroundings.place())
    write_new(given.own.to, found.draft.encode())
    print(printable(f"{given.own.to} was written; complete it, and then: arcops conf validate {given.own.to} --rules RULES"))


@command(
    "conf validate", "capabilities.client.checking:check_client_draft", own=Reaching, example="dev.yaml --rules rules.yaml"
)
def validate(given: Given[CheckClientDraft, Judged, Reaching]) -> int:
    """Judge a draft: schemas, the organisation's rules, secrets; print the verdict and keep a signed artifact of it."""
    return judge(given)


@command("conf preview", "capabilities.client.checking:validate_client_draft", own=Answering, example="dev.yaml --client codex")
def preview(given: Given[ValidateClientDraft, ClientDraftValidated, Answering]) -> int:
    """Judge a draft by the rules of this place and print what each client would read; nothing is kept."""
    from adapters.cli.exits import BY_VERDICT
    from arcops.verdict import Verdict

    def show(found: ClientDraftValidated) -> None:
        for made in found.payloads:
            print(printable(f"# {made.client_id}, {made.schema_ref}, {made.artifact_id or made.problem}"))
            print(made.payload)
        for one in found.findings:
            place = f" (line {one.line})" if one.line else ""
            print(printable(f"{one.outcome} {one.rule} {one.text}{place}"))
        print(found.verdict)

    return BY_VERDICT[Verdict(shown(given, show).verdict)]


@command(
    "conf roles",
    "capabilities.client.roles:set_client_roles",
    own=Answering,
    example=f"--publisher sha256:{'0' * 64} --approver sha256:{'1' * 64}",
)
def roles(given: Given[SetClientRoles, ClientRolesSet, Answering]) -> None:
    """Say which keys may publish and approve, and how many approvals a release needs."""

    def show(found: ClientRolesSet) -> None:
        keys = f"{len(found.publishers)} key(s) may publish, {len(found.approvers)} may approve"
        print(f"{keys}; a release needs {found.approvals} approval(s), a revert {found.emergency}")

    shown(given, show)


@command("conf rules", f"{_PUBLISHING}:set_client_rules", own=Answering, example="rules.yaml --preview")
def rules(given: Given[SetClientRules, ClientRulesSet, Answering]) -> None:
    """Set the organisation's rules, or say with --preview what they would take out of what is released now."""

    def show(found: ClientRulesSet) -> None:
        for one in found.effects:
            print(printable(one))
        what = "is set" if found.set else "would be set"
        print(f"{found.policy_set_id} {what}; it changes {len(found.effects)} thing(s) of what is released now")

    shown(given, show)


@command("conf publish", f"{_PUBLISHING}:publish_client_config", own=Answering, example='dev.yaml --changelog "Adds time."')
def publish(given: Given[PublishClientConfig, PublicationShown, Answering]) -> None:
    """Release a draft for its clients, or let it wait for approvals."""
    shown(given, _print_publication)


@command("conf waiting", f"{_PUBLISHING}:list_waiting_client_configs", own=Answering)
def waiting(given: Given[ListWaitingClientConfigs, PublicationsListed, Answering]) -> None:
    """List what waits for approvals."""

    def show(found: PublicationsListed) -> None:
        if not found.publications:
            print("nothing waits for approvals")
        for one in found.publications:
            _print_publication(one)

    shown(given, show)


@command("conf approve", f"{_PUBLISHING}:approve_client_config", own=Answering, example="3f2a9c1b")
def approve(given: Given[ApproveClientConfig, PublicationShown, Answering]) -> None:
    """Approve a publication with your key; the last approval that is needed releases it."""
    shown(given, _print_publication)


@command("conf withdraw", f"{_PUBLISHING}:withdraw_client_config", own=Answering, example="3f2a9c1b")
def withdraw(given: Given[WithdrawClientConfig, PublicationShown, Answering]) -> None:
    """Take back what waits for approvals."""
    shown(given, _print_publication)


@command(
    "conf revert",
    f"{_PUBLISHING}:revert_client_config",
    own=Answering,
    example=f'codex --profile dev --to sha256:{"0" * 64} --reason "1.1.0 breaks"',
)
def revert(given: Given[RevertClientConfig, PublicationShown, Answering]) -> None:
    """Issue an earlier artifact again as the newest."""
    shown(given, _print_publication)


@command(
    "conf canary",
    f"{_PUBLISHING}:widen_client_config",
    own=Answering,
    example=f"codex --profile dev --artifact sha256:{'0' * 64} --percent 50",
)
def canary(given: Given[WidenClientConfig, PublicationShown, Answering]) -> None:
    """Give a canary to more machines, or to all."""
    shown(given, _print_publication)


@command("conf get", f"{_LOOKING}:get_client_config", own=Answering, example="codex --profile dev")
def get(given: Given[GetClientConfig, ClientConfigShown, Answering]) -> None:
    """Print the artifact that is released for a client: JSON with the payload, its signatures and proofs."""
    shown(given, lambda found: print(found.document))


@command(
    "conf diff", f"{_LOOKING}:diff_client_config", own=Answering, example=f"codex --profile dev --current sha256:{'0' * 64}"
)
def diff(given: Given[DiffClientConfig, ClientConfigDiffered, Answering]) -> None:
    """Say if what a client has is what is released for it now."""

    def show(found: ClientConfigDiffered) -> None:
        print(printable(f"{found.status}: {found.version} is out, {found.latest_artifact_id}: {found.changelog}"))

    shown(given, show)


@command("conf watch", f"{_LOOKING}:poll_client_changes", own=Watching, example="--follow")
def watch(given: Given[PollClientChanges, ClientChanges, Watching]) -> None:
    """List what was released, with the token to go on from."""
    import time
    from dataclasses import replace

    def show(found: ClientChanges) -> None:
        for one in found.events:
            words = f"{one.issued_at} {one.client_id}/{one.profile} {one.version} {one.kind} {one.percent} %: {one.changelog}"
            print(printable(words), flush=True)
        if not given.own.follow:
            print(f"token: {found.next}")

    found = shown(given, show)
    while given.own.follow:
        time.sleep(_LOOK_SECONDS)
        found = answer(given.tool, replace(given.ask(), since=found.next), surroundings.place())
        show(found)


_LOOK_SECONDS = 1.0


@command("conf audit", f"{_LOOKING}:audit_client_releases", own=Answering, example="--client codex --profile prod")
def audit(given: Given[AuditClientReleases, ClientReleasesAudited, Answering]) -> None:
    """List release records: who published and who approved what, under which rules."""

    def show(found: ClientReleasesAudited) -> None:
        for one in found.releases:
            approved = f", approved by {', '.join(each[7:19] for each in one.approvals)}" if one.approvals else ""
            words = (
                f"{one.position} {one.issued_at:%Y-%m-%d %H:%M:%S}Z {one.client_id}/{one.profile} {one.version} {one.status}"
            )
            print(printable(f"{words}: {one.artifact_id} by {one.publisher_id[7:19]}{approved}, {one.policy_set_id}"))

    shown(given, show)


@command("conf counts", f"{_REPORTING}:count_client_states", own=Answering)
def counts(given: Given[CountClientStates, ClientStatesCounted, Answering]) -> None:
    """Count what clients reported, by month, client, profile, version and result."""

    def show(found: ClientStatesCounted) -> None:
        for one in found.counts:
            version = one.version or one.artifact_id[:19]
            print(printable(f"{one.month} {one.client_id}/{one.profile} {version} {one.result}: {one.machines}"))

    shown(given, show)


@command(
    "conf report",
    f"{_REPORTING}:report_client_state",
    own=Answering,
    example=f"--fingerprint 0123456789abcdef --client codex --profile dev --artifact sha256:{'0' * 64} --result applied",
)
def report(given: Given[ReportClientState, ClientStateNoted, Answering]) -> None:
    """Report what a client has now; only counts are kept."""
    shown(given, lambda _: print("it was counted"))


@command(
    "conf apply", "capabilities.client.applying:apply_client_config", own=Answering, example="--client codex --profile dev"
)
def apply(given: Given[ApplyClientConfig, ClientConfigApplied, Answering]) -> int:
    """Verify what is released for a client and write it to the client's own file; every byte that is not ours stays."""

    def show(found: ClientConfigApplied) -> None:
        names = ", ".join(found.servers) or "no server"
        print(printable(f"{found.status}: {found.client_id} in {found.profile}, {found.version}: {names}, in {found.file}"))
        if found.copy is not None:
            print(printable(f"what was there before is in {found.copy}"))
        for name in found.removed:
            print(printable(f"taken out: {name}"))
        if found.listed != "not asked":
            print(f"the client's own list: {found.listed}")
        for name in found.missing:
            print(printable(f"the client does not show {name}, so it does not use it"))
        for one in found.remarks:
            print(printable(one))

    found = shown(given, show)
    return _NOT_SHOWN if found.missing else 0


@command(
    "conf compare",
    "capabilities.client.comparing:compare_client_configs",
    own=Answering,
    example=f"sha256:{'0' * 64} sha256:{'1' * 64}",
)
def compare(given: Given[CompareClientConfigs, ClientConfigsCompared, Answering]) -> None:
    """Say what differs between two releases, line by line of what a client reads."""

    def show(found: ClientConfigsCompared) -> None:
        for one in (*found.fields, *found.lines):
            print(printable(one))

    shown(given, show)


@command("conf metadata", "capabilities.client.mirroring:get_client_metadata", own=Answering, example="1.root.json")
def metadata(given: Given[GetClientMetadata, ClientMetadata, Answering]) -> None:
    """Print a file of the metadata that says what is newest: 1.root.json is the root that machines are given."""
    shown(given, lambda found: print(found.text))


@command(
    "conf conformance",
    "capabilities.client.conformance:check_client_service",
    own=Checking,
    example="--url http://127.0.0.1:8440 --tokens env:CONF_ --read-only",
)
def conformance(given: Given[CheckClientService, ConformanceReport, Checking]) -> int:
    """Check a configuration service of any maker against AC-1 to AC-5, and print the checklist."""
    from adapters.cli.plain import print_json

    found = answer(given.tool, given.ask(), surroundings.place(given.own.tier))
    match given.own.form:
        case KitFormat.JSON:
            print_json(found)
        case KitFormat.JUNIT:
            print(found.junit, end="")
        case KitFormat.PAGE:
            print(found.page, end="")
    return 0 if found.conforms else _NOT_SHOWN


@command("conf serve", own=ServingConfiguration, example="--port 8440")
def serve(given: Given[None, None, ServingConfiguration]) -> None:
    """Serve clients' configuration over REST: families, releases, differences, changes; and publishing, for those who may."""
    from adapters.cli.configured import configuration

    configuration(given.own, given.own.replica)


@command(
    "conf mirror", "capabilities.client.mirroring:mirror_client_configs", own=Answering, example="--to replica --tar site.tar"
)
def mirror(given: Given[MirrorClientConfigs, ClientConfigsMirrored, Answering]) -> None:
    """Write what is released into a folder for a replica, or for machines without a network."""

    def show(found: ClientConfigsMirrored) -> None:
        print(f"{found.new} new release(s) were written, {found.all} are there")

    shown(given, show)


_NOT_SHOWN = 3
"""The exit code if the client does not show what was written: as bad as RED."""


def _print_publication(found: PublicationShown) -> None:
    print(f"{found.id[:16]} is {found.state}" + (f", {found.verdict}" if found.verdict else ""))
    for one in found.records:
        needed = f", {len(one.approved_by)} of {one.needed} approvals" if one.needed > 0 else ""
        percent = f", {one.percent} %" if one.percent < 100 else ""
        print(printable(f"  {one.client_id}/{one.profile} {one.version} {one.artifact_id}{percent}{needed}"))
    for remark in found.remarks:
        print(printable(f"  {remark}"))
    if found.state == "waiting":
        print(f"Next: another one runs 'arcops conf approve {found.id[:16]}'")
