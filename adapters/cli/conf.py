"""``arcops conf``: families of MCP clients, drafts for them, and the organisation's rules and roles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.cli import surroundings
from adapters.cli.answering import answer, shown
from adapters.cli.commands import Given, command, group
from adapters.cli.conf_options import Writing
from adapters.cli.judging import judge
from adapters.cli.options import Reaching
from adapters.cli.printing import Answering
from artifacts.projections.printable import printable

if TYPE_CHECKING:
    from capabilities.client.checking import CheckClientDraft, ClientDraftValidated, ValidateClientDraft
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
    from capabilities.client.publishing import ClientRulesSet, SetClientRules
    from capabilities.client.roles import ClientRolesSet, SetClientRoles
    from capabilities.judging import Judged

_FAMILIES = "capabilities.client.families"
_PUBLISHING = "capabilities.client.publishing"
CONF = group("conf", "Signed configuration for MCP clients: drafts, rules, approvals, releases, and putting it in place.")


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
