"""The operator's settings, as their file says them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_network

from arcops.errors import Refused
from artifacts.wire import from_values
from foundation.strict_yaml import load_all
from services.operator.site import Site

_OLDEST = 30
"""The first minor version whose pods have sidecars and a pause before they end, without a feature gate."""
_VERSION = re.compile(r"1\.([0-9]{1,3})")


def read_settings(data: bytes, what: str) -> Site:
    """The site in *data*, one YAML mapping, in which the version of Kubernetes is written as people do (``"1.36"``).

    Raises `Refused` with the first place that does not fit; *what* it is.
    """
    documents = load_all(data, what=what)
    if len(documents) != 1 or not isinstance(documents[0], Mapping):
        raise Refused(f"{what} is not one YAML mapping")
    told = dict(documents[0])
    if "kubernetes" in told:
        told["kubernetes"] = [1, _minor(told["kubernetes"])]
    site = from_values(Site, told)
    if site.otherwise.rotate_secrets:
        raise Refused("rotateSecrets is a right in a namespace, so it is given by name, under policies, and not otherwise")
    for one in site.egress:
        _network(one)
    return site


def _minor(version: object) -> int:
    found = _VERSION.fullmatch(version) if isinstance(version, str) else None
    if found is None:
        raise Refused(f'kubernetes is {str(version)[:40]!r}; write its version, such as "1.36" with quotation marks')
    if int(found[1]) < _OLDEST:
        raise Refused(f"Kubernetes 1.{found[1]} has no sidecars that end last; 1.{_OLDEST} or newer is needed")
    return int(found[1])


def _network(text: str) -> None:
    try:
        found = ip_network(text)
    except ValueError:
        raise Refused(f"egress holds {text[:100]!r}, which is no network; write ADDRESS/BITS") from None
    if not found.prefixlen:
        raise Refused(f"egress holds {text}, which is every address; write the networks of the issuers and remote servers")
