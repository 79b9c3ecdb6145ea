"""``arcops``: exit 0 GREEN, 4 AMBER, 3 RED, 2 wrong usage, 1 could not judge."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from adapters.cli import bench_commands, doors, exposing, looking
from adapters.cli.answering import SERVER
from adapters.cli.clustering import cluster_app
from adapters.cli.exits import open_the_standard_streams, said_in_one_sentence
from adapters.cli.inference_commands import inference_app
from adapters.cli.network_commands import network_app
from adapters.cli.options import AlgorithmName, ChangedName, Format, Key, TierName, path
from foundation.processes.hiding import hide_secrets

app = typer.Typer(
    name="arcops",
    help="Is this model ready, trusted and safe? Evidence in, a signed GREEN, AMBER or RED out; offline unless told otherwise.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 GREEN, 4 AMBER, 3 RED, 2 wrong usage, 1 could not judge.",
)
keys_app = typer.Typer(name="keys", help="Make keys, and say which are trusted.", no_args_is_help=True)
policy_app = typer.Typer(name="policy", help="Look at policies before anything stands on them.", no_args_is_help=True)
store_app = typer.Typer(name="store", help="What was kept: list it, prove nothing is gone, carry it.", no_args_is_help=True)
data_app = typer.Typer(name="data", help="Bring in the data that collectors look things up in.", no_args_is_help=True)
gpu_app = typer.Typer(name="gpu", help="Look at the GPUs of this machine.", no_args_is_help=True)
for group in (keys_app, policy_app, data_app, store_app, gpu_app, inference_app, network_app, cluster_app):
    app.add_typer(group)
looking.add(app, store_app)
bench_commands.add(gpu_app)
exposing.add(network_app)


@app.callback()
def surroundings(
    server: Annotated[
        str,
        typer.Option(help="Run the command's tool at this ArcOps server instead of here.", envvar=SERVER, show_default=False),
    ] = "",
) -> None:
    """Take what holds for every command."""
    os.environ[SERVER] = server


@app.command()
def check(
    target: Annotated[Path, typer.Argument(parser=path, help="The model: a directory, or one file.", show_default=False)],
    policy: Annotated[str, typer.Option(help="A registered policy's name or digest, or a file.")] = "sovereign",
    key: Key = "",
    attach: Annotated[
        list[Path] | None,
        typer.Option(parser=path, help="A signature, SBOM or attestation that lies outside the model.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", parser=path, help="Write the sealed artifact here, too.")
    ] = None,
    vsa: Annotated[Path | None, typer.Option(parser=path, help="Write a sealed SLSA verification summary here, too.")] = None,
    form: Annotated[Format, typer.Option("--format", help="What to print.")] = Format.text,
    tier: Annotated[TierName | None, typer.Option(help="How far this run may reach.", show_default="air-gapped")] = None,
) -> None:
    """Judge a model by a policy; print the verdict and keep a signed artifact of it."""
    with said_in_one_sentence():
        from adapters.cli import checking

        code = checking.check(target, policy, key, tuple(attach or ()), output, vsa, form.value, tier.value if tier else "")
    raise typer.Exit(code)


@app.command()
def admit(
    manifest: Annotated[Path, typer.Argument(help="A manifest or AdmissionReview, YAML or JSON; - for standard input.")],
    policy: Annotated[str, typer.Option(help="A registered policy's name or digest, or a file.")] = "admission",
    key: Key = "",
    review: Annotated[bool, typer.Option("--review", help="Answer with an AdmissionReview, as an API server expects.")] = False,
) -> None:
    """Refuse workloads whose models have no valid GREEN artifact in the store."""
    with said_in_one_sentence():
        from adapters.cli import admitting

        code = admitting.admit(manifest, policy, key, review=review)
    raise typer.Exit(code)


@app.command()
def announce(
    what: Annotated[ChangedName, typer.Argument(help="What changed.", show_default=False)],
    name: Annotated[str, typer.Argument(help="Its name.", show_default=False)],
    target: Annotated[Path, typer.Argument(parser=path, help="The model to judge again.", show_default=False)],
    policy: Annotated[str, typer.Option(help="A registered policy's name or digest, or a file.")] = "sovereign",
) -> None:
    """Tell Prefect that a model or a policy changed, so that it is judged again there."""
    with said_in_one_sentence():
        from adapters.cli import announcing

        announcing.announce(what.value, name, target, policy)


@app.command()
def verify(
    artifact: Annotated[Path, typer.Argument(parser=path, help="A sealed artifact.", show_default=False)],
    key: Annotated[
        list[Path] | None,
        typer.Option(
            parser=path, help="Public key (PEM) of who should have signed; may be repeated. Default: the trusted keys."
        ),
    ] = None,
    policy: Annotated[str, typer.Option(help="The policy that must have judged: its digest, a shipped name, or a file.")] = "",
    form: Annotated[Format, typer.Option("--format", help="What to print.")] = Format.text,
) -> None:
    """Verify an artifact offline. Exits by its verdict, and 3 if it is forged, revoked or no longer holds."""
    with said_in_one_sentence():
        from adapters.cli import verifying

        code = verifying.verify(artifact, tuple(key or ()), form.value, policy)
    raise typer.Exit(code)


@app.command()
def show(
    artifact: Annotated[Path, typer.Argument(parser=path, help="A sealed artifact.", show_default=False)],
    form: Annotated[Format, typer.Option("--format", help="What to print.")] = Format.text,
) -> None:
    """Show what an artifact says, without checking who said it."""
    with said_in_one_sentence():
        from adapters.cli import verifying

        verifying.show(artifact, form.value)


@app.command()
def explain(
    name: Annotated[str, typer.Argument(help="A gate or a rule, such as weights/imports; nothing lists them all.")] = "",
) -> None:
    """Say what a gate or a rule asks, why, and how to mend it."""
    with said_in_one_sentence():
        from adapters.cli import asking

        asking.explain(name)


@app.command()
def sign(
    target: Annotated[Path, typer.Argument(parser=path, help="The model's directory.", show_default=False)],
    key: Key = "",
    builder: Annotated[
        str, typer.Option(help="Also attest provenance, by this builder id; say who really made or fetched the model.")
    ] = "",
    source: Annotated[str, typer.Option(help="With --builder: the URI that the model was made or fetched from.")] = "",
) -> None:
    """Sign a model (OpenSSF Model Signing), and attest its provenance where a builder is named."""
    with said_in_one_sentence():
        from adapters.cli import making

        making.sign(target, key, builder, source)


@app.command()
def sbom(
    target: Annotated[Path, typer.Argument(parser=path, help="The model's directory.", show_default=False)],
    version: Annotated[str, typer.Option(help="The model's version.")],
    supplier: Annotated[str, typer.Option(help="Who supplies the model.")],
    licence: Annotated[str, typer.Option(help="The model's licence as an SPDX expression.")],
    author: Annotated[str, typer.Option(help="Who writes this SBOM; the supplier where not given.")] = "",
    python: Annotated[
        Path | None,
        typer.Option(parser=path, help="A site-packages directory whose distributions run the model.", show_default=False),
    ] = None,
) -> None:
    """Make a CycloneDX SBOM of a model and of the Python environment that runs it."""
    with said_in_one_sentence():
        from adapters.cli import making

        making.sbom(target, version, supplier, licence, author, python)


@keys_app.command("new")
def keys_new(
    path: Annotated[
        Path | None, typer.Argument(parser=path, help="Where the private key goes.", show_default="the default key")
    ] = None,
    algorithm: Annotated[
        AlgorithmName, typer.Option(help="The kind of key; the model-signing tool of OpenSSF verifies ecdsa-p256 only.")
    ] = AlgorithmName.ecdsa_p256,
) -> None:
    """Make an encrypted signing key and its public half."""
    with said_in_one_sentence():
        from adapters.cli import making

        making.new_key(path, algorithm.value)


@keys_app.command("trust")
def keys_trust(public: Annotated[Path, typer.Argument(parser=path, help="A public key in PEM.", show_default=False)]) -> None:
    """Put a public key among the trusted ones; the policy says what it may sign."""
    with said_in_one_sentence():
        from adapters.cli import making

        making.trust_key(public)


@keys_app.command("revoke")
def keys_revoke(
    key_id: Annotated[str, typer.Argument(help="The key's id, sha256:…; without one the list is only issued anew.")] = "",
    reason: Annotated[str, typer.Option(help="Why; needed with a key id.")] = "",
    key: Key = "",
) -> None:
    """Add a key to the signed list of revocations, or issue the list anew so that it is fresh."""
    with said_in_one_sentence():
        from adapters.cli import making

        making.revoke_key(key_id, reason, key)


@policy_app.command("check")
def policy_check(
    policy: Annotated[str, typer.Argument(help="A registered policy's name or digest, or a file.", show_default=False)],
) -> None:
    """Parse a policy strictly and print it with every default written out."""
    with said_in_one_sentence():
        from adapters.cli import asking

        asking.policy_check(policy)


@policy_app.command("list")
def policy_list() -> None:
    """Name the policies that callers from afar and workers may name, with their digests."""
    with said_in_one_sentence():
        from adapters.cli import asking

        asking.policy_list()


@policy_app.command("register")
def policy_register(
    file: Annotated[Path, typer.Argument(parser=path, help="A policy.", show_default=False)],
) -> None:
    """Let callers from afar and workers name this policy; until then they name those that come with ArcOps alone."""
    with said_in_one_sentence():
        from adapters.cli import asking

        asking.policy_register(file)


@policy_app.command("waive")
def policy_waive(
    policy: Annotated[str, typer.Argument(help="A registered policy's name or digest, or a file.", show_default=False)],
    rule: Annotated[str, typer.Argument(help="The rule that fails: gate/rule.", show_default=False)],
    owner: Annotated[str, typer.Option(help="Who answers for it.")],
    reason: Annotated[str, typer.Option(help="Why it is acceptable for now.")],
    expires: Annotated[datetime, typer.Option(help="The day (UTC) from which on it counts no longer.", formats=["%Y-%m-%d"])],
    digest: Annotated[str, typer.Option(help="The digest of the subject, sha256:…, as its report names it.")] = "",
    any_content: Annotated[bool, typer.Option("--any-content", help="It holds for whatever content comes.")] = False,
    subject: Annotated[str, typer.Option(help="Only for subjects of this name; * stands for any characters.")] = "*",
    about: Annotated[str, typer.Option(help="What in the subject it is about, exactly as the finding says it.")] = "",
) -> None:
    """Draft a waiver, tried on the policy; a person adds it to the file."""
    with said_in_one_sentence():
        from adapters.cli import asking
        from capabilities.policy.policy import DraftWaiver

        ask = DraftWaiver(
            policy=policy,
            rule=rule,
            owner=owner,
            reason=reason,
            expires=expires.replace(tzinfo=UTC),
            digest=digest,
            any_content=any_content,
            subject=subject,
            about=about,
        )
        asking.policy_waive(ask)


@data_app.command("import")
def data_import(
    export: Annotated[Path, typer.Argument(parser=path, help="An OSV ecosystem export (zip).", show_default=False)],
) -> None:
    """Import advisories for the offline vulnerability matcher."""
    with said_in_one_sentence():
        from adapters.cli import making

        making.import_data(export)


@gpu_app.command("check")
def gpu_check(
    policy: Annotated[str, typer.Option(help="A registered policy's name or digest, or a file.")] = "gpu",
    key: Key = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", parser=path, help="Write the sealed artifact here, too.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="What to print.")] = Format.text,
) -> None:
    """Judge every GPU of this machine; print the verdict and keep a signed artifact of it."""
    with said_in_one_sentence():
        from adapters.cli import gpu

        code = gpu.check(policy, key, output, form.value)
    raise typer.Exit(code)


app.add_typer(doors.app)


def main() -> None:
    hide_secrets()
    open_the_standard_streams()
    app(_server_first(sys.argv[1:]))


def _server_first(arguments: list[str]) -> list[str]:
    """``--server URL`` holds for every command, so it may stand after one, too."""
    for number, argument in enumerate(arguments):
        if argument == "--":
            break
        if argument == "--server":
            return [*arguments[number : number + 2], *arguments[:number], *arguments[number + 2 :]]
        if argument.startswith("--server="):
            return [argument, *arguments[:number], *arguments[number + 1 :]]
    return arguments
