"""``arcops conf``: serve, mirror, put in place, and check a service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.cli import surroundings
from adapters.cli.answering import answer, shown
from adapters.cli.commands import Given, command
from adapters.cli.conf_options import Checking, KitFormat, ServingConfiguration
from adapters.cli.printing import Answering
from artifacts.projections.printable import printable

if TYPE_CHECKING:
    from capabilities.client.applying import ApplyClientConfig, ClientConfigApplied
    from capabilities.client.conformance import CheckClientService, ConformanceReport
    from capabilities.client.mirroring import ClientConfigsMirrored, ClientMetadata, GetClientMetadata, MirrorClientConfigs
    from capabilities.client.rooting import ClientRootSet, SetClientRoot

_NOT_SHOWN = 3
"""The exit code if the client does not show what was written: as bad as RED."""


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


@command("conf serve", own=ServingConfiguration, example="--port 8440")
def serve(given: Given[None, None, ServingConfiguration]) -> None:
    """Serve clients' configuration over REST: families, releases, differences, changes; and publishing, for those who may."""
    from adapters.cli.configured import configuration

    configuration(given.own)


@command(
    "conf mirror", "capabilities.client.mirroring:mirror_client_configs", own=Answering, example="--to replica --tar site.tar"
)
def mirror(given: Given[MirrorClientConfigs, ClientConfigsMirrored, Answering]) -> None:
    """Write what is released into a folder for a replica, or for machines without a network."""

    def show(found: ClientConfigsMirrored) -> None:
        print(f"{found.new} new release(s) were written, {found.all} are there")

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


@command("conf root", "capabilities.client.rooting:set_client_root", own=Answering, example=f"--online sha256:{'0' * 64}")
def root(given: Given[SetClientRoot, ClientRootSet, Answering]) -> None:
    """Say which keys sign what says what is newest; machines follow from the root that they have."""

    def show(found: ClientRootSet) -> None:
        print(f"root {found.version}: {len(found.online)} key(s) sign what is newest, {len(found.root)} the next root")

    shown(given, show)
