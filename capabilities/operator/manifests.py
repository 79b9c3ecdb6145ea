"""The manifests of the operator itself."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from arcops.asks import shaped
from arcops.errors import Refused
from capabilities.contract import Scope, tool
from flows.place import Place
from manifests.bundle import ManifestText

_MOST_TEXT = 1024 * 1024
_BY_DIGEST = re.compile(r"[^@\s]+@sha256:[0-9a-f]{64}")
_KEY_ID = re.compile(r"sha256:[0-9a-f]{64}")
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeOperatorManifests:
    """What to install."""

    settings: str = field(metadata=shaped(positional=True, text_of=_MOST_TEXT))
    """The operator's settings in YAML (a file on the command line): what the cluster can enforce, and what each namespace may
    be given."""

    image: str
    """The image of ArcOps, by its digest: NAME@sha256:…"""

    image_signers: tuple[str, ...] = field(default=(), metadata=shaped(option="--image-signer", most=20, title="KEY_ID"))
    """The id of a key (sha256:…) whose verdicts on images count; without one, no image was judged, and no server starts."""

    discovery_tls: str = ""
    """The Secret (tls.crt, tls.key) under which callers find the servers that they may list; without it, they cannot ask."""

    serve_v1: bool = False
    """Serve ome.io/v1, too; the admission webhook (arcops-admission) converts."""

    ca_bundle: str = ""
    """The PEM of the CA of the webhook's certificate, in base64 on one line; only with --serve-v1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorManifests:
    """The files, in the order in which to apply them."""

    files: tuple[ManifestText, ...]


@tool(title="Make the operator's manifests", scope=Scope.READ, reads_only=True)
def make_operator_manifests(ask: MakeOperatorManifests, at: Place) -> OperatorManifests:
    """Make everything that the operator of MCP servers needs on a cluster.

    Definitions of the resources, rights, the operator's pods, network policies around them, and admission policies.
    """
    from manifests.crds.definitions import Conversion
    from manifests.operator.installation import ADMISSION, Installation, installation
    from services.operator.settings import read_settings

    site = read_settings(ask.settings.encode(), "the settings")
    if not _BY_DIGEST.fullmatch(ask.image):
        raise Refused(f"{ask.image[:200]!r} does not name an image by its digest; write NAME@sha256:…")
    for one in ask.image_signers:
        if not _KEY_ID.fullmatch(one):
            raise Refused(f"{one[:100]!r} is not the id of a key; write sha256:…, as 'arcops keys trust' says it")
    if ask.discovery_tls and not _NAME.fullmatch(ask.discovery_tls):
        raise Refused(f"{ask.discovery_tls[:100]!r} is not the name of a Secret")
    if ask.ca_bundle and not (ask.serve_v1 and _BASE64.fullmatch(ask.ca_bundle)):
        raise Refused("the CA bundle is base64 on one line, and only for --serve-v1")
    conversion = (
        Conversion(namespace=site.operator_namespace, service=ADMISSION, ca_bundle=ask.ca_bundle) if ask.serve_v1 else None
    )
    made = installation(
        Installation(
            image=ask.image,
            settings=ask.settings,
            site=site.network,
            namespace=site.operator_namespace,
            cluster_namespace=site.cluster_namespace,
            rotating=site.rotating,
            egress=site.egress,
            monitoring=site.monitoring,
            discovery_tls=ask.discovery_tls,
            conversion=conversion,
            signers=ask.image_signers,
        )
    )
    return OperatorManifests(files=made)
