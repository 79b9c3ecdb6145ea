"""The service account of the pod in which this process runs, as the kubelet mounts it (kubernetes.io, "Accessing the API from a
Pod"): used on one's own command line if there is no kubeconfig.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from arcops.errors import Refused
from artifacts.reading import read_file
from tasks.kubernetes.kubeconfig import MOST_FILE, decoded

CONTEXT = "in-cluster"
"""The name by which a person may choose it as a context."""
MOUNTED = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccount:
    """The API server's address, its authority (PEM) and the account's token."""

    server: str
    authority: str
    token: str


def is_here(environment: Mapping[str, str]) -> bool:
    """Does this process run in a pod with a service account?"""
    return bool(environment.get("KUBERNETES_SERVICE_HOST")) and (MOUNTED / "token").is_file()


def service_account(environment: Mapping[str, str]) -> ServiceAccount:
    """The account of this pod. Raises `Refused` if it is not complete."""
    host, port = environment.get("KUBERNETES_SERVICE_HOST", ""), environment.get("KUBERNETES_SERVICE_PORT", "443")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise Refused(
            f"KUBERNETES_SERVICE_HOST is {host[:80]!r}, which is not an address; a kubelet sets it in each pod"
        ) from None
    if not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65535:
        raise Refused(f"KUBERNETES_SERVICE_PORT is {port[:80]!r}, which is not a port; a kubelet sets it in each pod")
    authority = decoded(read_file(MOUNTED / "ca.crt", MOST_FILE), "the service account's ca.crt")
    token = decoded(read_file(MOUNTED / "token", MOST_FILE), "the service account's token").strip()
    if not token or not authority.strip():
        raise Refused("the service account of this pod has no token or no ca.crt; name a kubeconfig with --kubeconfig")
    shown = f"[{address}]" if address.version == 6 else str(address)
    return ServiceAccount(server=f"https://{shown}:{port}", authority=authority, token=token)
