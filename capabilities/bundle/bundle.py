"""Bundles: what a site gets across an air gap, in one signed file."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from arcops.asks import Use, shaped, used
from arcops.errors import Refused
from capabilities.bundle.registry import site_registry
from capabilities.contract import Scope, always, tool
from capabilities.kept import counting_keys
from capabilities.passphrase import backup_passphrase
from capabilities.sealed_file import SealedFile, SealedFileHere
from flows.place import Place

if TYPE_CHECKING:
    from artifacts.public_key import PublicKey
    from artifacts.site_bundle import SiteBundle
    from foundation.registry.pushing import Pushed
    from foundation.site_bundle.installing import Doing


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleShown:
    """What a bundle brings: the version of ArcOps among its wheels, images, packages and files, the ids of its signers, and the
    kinds of pieces that were not given to it.
    """

    version: str
    made: datetime
    signers: tuple[str, ...]
    images: tuple[str, ...]
    wheels: int
    files: int
    size: int
    not_given: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeBundle:
    """The pieces of the bundle, and its file."""

    file: Path = field(metadata=used(Use.HERE) | shaped(positional=True))
    """The new file for the bundle."""
    images: tuple[Path, ...] = field(default=(), metadata=used(Use.HERE) | shaped(option="--image"))
    """A folder with an OCI image layout, such as buildah and skopeo write with oci:FOLDER; may be given several times."""
    chart: Path | None = field(default=None, metadata=used(Use.HERE))
    """The Helm chart: its folder, or its packed file (.tgz)."""
    wheels: Path | None = field(default=None, metadata=used(Use.HERE))
    """A folder with the wheels of ArcOps and of all that it needs, such as 'pip download' or 'pip wheel' makes it."""
    trust: Path | None = field(default=None, metadata=used(Use.HERE))
    """A folder as the site's own with what is trusted: keys, revocations, roots of Sigstore."""
    data: Path | None = field(default=None, metadata=used(Use.HERE))
    """A folder with advisory databases, as 'arcops data import' makes it."""
    policies: Path | None = field(default=None, metadata=used(Use.HERE))
    """A folder with policies."""
    docs: Path | None = field(default=None, metadata=used(Use.HERE))
    """A folder with pages to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleMade:
    """The bundle, its file, and what it does not carry, because it is hidden (``policies/.git``)."""

    path: Path
    bundle: BundleShown
    hidden: tuple[str, ...]


@tool(title="Make a bundle", scope=Scope.PUBLISH, long=True)
def make_bundle(ask: MakeBundle, at: Place) -> BundleMade:
    """Write what a site needs without a network to one signed file: each piece is checked, and what is not given is said."""
    from foundation.site_bundle.making import Given, make

    if ask.policies is not None:
        _refuse_wrong_policy(ask.policies)
    others = {one: getattr(ask, one) for one in ("chart", "wheels", "trust", "data", "policies", "docs")}
    signer = at.signer()
    given = Given(images=ask.images, others=others)
    made = make(ask.file, given, signer=signer, now=at.now())
    return BundleMade(path=ask.file, bundle=_shown(made, (signer.public.id,)), hidden=given.hidden())


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyBundle(SealedFile):
    """Which bundle to verify, and by which keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleVerified:
    """A bundle that is sound."""

    bundle: BundleShown


@tool(title="Verify a bundle", scope=Scope.READ, reads_only=True, long=True)
def verify_bundle(ask: VerifyBundle, at: Place) -> BundleVerified:
    """Check every byte of a bundle, its signature, each image and each wheel. It changes nothing."""
    from artifacts.signed_tar import opened_tar
    from foundation.site_bundle.reading import verify

    with opened_tar(ask.file, f"the bundle {at.told(ask.file)}", at.within) as tar:
        found = verify(tar, counting_keys(ask.keys, at))
    return BundleVerified(bundle=_shown(found.bundle, found.signers))


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePushed:
    """An image that is in the registry: its name in the bundle, the ``reference`` by which a pod takes it, and how many bytes
    were ``sent``; the others were there already.
    """

    name: str
    reference: str
    sent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PushBundle(SealedFileHere):
    """Which bundle's images to bring into the site's registry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BundlePushed:
    """The images that are in the registry, and the ``values`` (YAML) by which the chart takes them from there."""

    images: tuple[ImagePushed, ...]
    values: str


@tool(title="Push a bundle's images", scope=Scope.TRUST, destructive=True, idempotent=True, long=True, connects=always)
def push_bundle(ask: PushBundle, at: Place) -> BundlePushed:
    """Verify a bundle, and bring its images into the site's registry (ARCOPS_REGISTRY), each blob by its digest. What is there
    is not sent again, so if it was cut off, run the same again. On the machine itself only.
    """
    _refuse_remote(at)
    from artifacts.signed_tar import opened_tar
    from foundation.site_bundle.bringing import bring, values_for
    from foundation.site_bundle.installing import id_of
    from foundation.site_bundle.reading import verify

    asking = site_registry(at)
    with opened_tar(ask.file, f"the bundle {ask.file}") as tar:
        bundle = verify(tar, counting_keys(ask.keys, at)).bundle
        pushed = bring(tar, bundle, id_of(bundle), asking)
    return BundlePushed(images=_pushed(pushed), values=values_for(pushed))


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallBundle(SealedFileHere):
    """Which bundle is to count here."""

    no_program: bool = False
    """Install no wheels: the program comes another way, such as by an image, and is of the version that the bundle has."""
    push: bool = False
    """Bring the images into the site's registry (ARCOPS_REGISTRY) before the bundle counts."""
    older: bool = False
    """Take a bundle that was made before the one that counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleInstalled:
    """The bundle that counts now: its id, its folder, the id of the one before, if there was one, and the command of its own
    program, if it brings one. If not ``counts``, that program has to install the same file: only it knows its schema.
    ``images`` are in the registry, if they were brought there; ``values.yaml`` in the folder has their names for the chart.
    """

    id: str
    folder: Path
    before: str
    counts: bool
    program: tuple[str, ...]
    bundle: BundleShown
    images: tuple[ImagePushed, ...]


def _pushes(ask: InstallBundle) -> bool:
    return ask.push


@tool(
    title="Install a bundle",
    scope=Scope.TRUST,
    destructive=True,
    idempotent=True,
    long=True,
    restores=True,
    connects=_pushes,
)
def install_bundle(ask: InstallBundle, at: Place) -> BundleInstalled:
    """Let a bundle count here: verified first, and its wheels installed beside those of other versions; then the site is backed
    up, and trust roots, policies, advisories, the database's schema and the program change at once. Stop every host before. If
    it was cut off, run the same again. On the machine itself only.
    """
    _refuse_remote(at)
    from foundation.site_bundle.environment import program_in
    from foundation.site_bundle.installing import install

    doing = replace(_doing(at, counting_keys(ask.keys, at)), older=ask.older, registry=site_registry(at) if ask.push else None)
    done = install(ask.file, replace(doing, environment_of=None) if ask.no_program else doing)
    return BundleInstalled(
        id=done.id,
        folder=done.folder,
        before=done.before,
        counts=done.counts,
        program=tuple(program_in(done.environment)) if done.environment is not None else (),
        bundle=_shown(done.verified.bundle, done.verified.signers),
        images=_pushed(done.pushed),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RollBackBundle:
    """Asks to take back the bundle that counts."""

    id: str = field(default="", metadata=shaped(positional=True, title="ID"))
    """Its id, so that a second call takes back no other one; by default the one that counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleRolledBack:
    """The id of the bundle that counted, and of the one that counts now, if there was one, with the command of its program."""

    id: str
    now: str
    program: tuple[str, ...]


@tool(title="Take a bundle back", scope=Scope.TRUST, destructive=True, long=True, restores=True)
def roll_back_bundle(ask: RollBackBundle, at: Place) -> BundleRolledBack:
    """Let the site be as it was before the bundle that counts: what is trusted, policies, keys, and the database, schema too.

    The store and the advisories stay. Rows that were added since are lost. On the machine itself only.
    """
    _refuse_remote(at)
    from foundation.site_bundle.environment import program_in
    from foundation.site_bundle.installing import take_back

    done = take_back(_doing(at, ()), ask.id)
    program = tuple(program_in(done.environment)) if done.environment is not None else ()
    return BundleRolledBack(id=done.id, now=done.now, program=program)


def _refuse_remote(at: Place) -> None:
    if at.remote:
        raise Refused("a bundle is only installed or taken back on the machine itself, with 'arcops bundle'; ask its operator")


def _doing(at: Place, keys: tuple[PublicKey, ...]) -> Doing:
    from foundation.site_bundle.installing import Doing

    return Doing(
        settings=at.settings,
        signer=at.signer,
        keys=keys,
        passphrase=backup_passphrase(at),
        now=at.now(),
        environment=os.environ,
    )


def _refuse_wrong_policy(folder: Path) -> None:
    from flows.policies.reading import load_policy

    for path in sorted(folder.glob("*.yaml")):
        load_policy(str(path))


def _shown(bundle: SiteBundle, signers: tuple[str, ...]) -> BundleShown:
    return BundleShown(
        version=bundle.version,
        made=bundle.made,
        signers=signers,
        images=tuple(one.name for one in bundle.images),
        wheels=len(bundle.wheels),
        files=len(bundle.parts),
        size=sum(one.size for one in bundle.parts),
        not_given=bundle.not_given,
    )


def _pushed(images: tuple[Pushed, ...]) -> tuple[ImagePushed, ...]:
    return tuple(ImagePushed(name=one.name, reference=one.reference, sent=one.sent) for one in images)
