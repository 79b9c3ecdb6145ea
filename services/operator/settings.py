"""The operator's settings, as their file says them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from arcops.errors import Refused
from artifacts.wire import from_values
from foundation.strict_yaml import load_all
from manifests.description import Site as NetworkSite
from services.operator.site import NamespacePolicy, Site

_OLDEST = 30
"""The first minor version whose pods have sidecars and a pause before they end, without a feature gate."""
_VERSION = re.compile(r"1\.([0-9]{1,3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSettings:
    """A `Site`, with the version of Kubernetes as people write it (``"1.36"``)."""

    network: NetworkSite
    kubernetes: str
    sidecar_image: str
    cluster_namespace: str = "arcops-mcp"
    operator_namespace: str = "arcops-system"
    policies: Mapping[str, NamespacePolicy] = field(default_factory=dict)
    otherwise: NamespacePolicy = field(default_factory=NamespacePolicy)
    issuer: str = "https://kubernetes.default.svc"
    supported: bool = True
    plain_urls: bool = False
    strict_reads: bool = False
    read_profile: str = ""
    app_armor: bool = False
    image_volumes: bool = False
    allowed_prefixes: tuple[str, ...] = ()

    def site(self) -> Site:
        """The site. Raises `Refused` for a version that is not one."""
        found = _VERSION.fullmatch(self.kubernetes)
        if found is None:
            raise Refused(f'kubernetes is {self.kubernetes[:40]!r}; write its version, such as "1.36" with quotation marks')
        if int(found[1]) < _OLDEST:
            raise Refused(f"Kubernetes 1.{found[1]} has no sidecars that end last; 1.{_OLDEST} or newer is needed")
        told = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "kubernetes"}
        return Site(kubernetes=(1, int(found[1])), **told)


def read_settings(data: bytes, what: str) -> OperatorSettings:
    """The settings in *data*, one YAML mapping. Raises `Refused` with the first place that does not fit; *what* it is."""
    documents = load_all(data, what=what)
    if len(documents) != 1:
        raise Refused(f"{what} is not one YAML mapping")
    return from_values(OperatorSettings, documents[0])
