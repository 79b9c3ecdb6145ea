"""Patches for the rules of the gate ``mesh``: a stricter value, or a missing object that has exactly one strict form."""

from __future__ import annotations

from amend.diff import Change, amended
from amend.yaml_edit import AddKey, Edit, Replace
from arcops.finding import Finding
from arcops.seen.network import Network
from gates.network.patching import Maker, Words, free
from reach.meshed import meshed

_SECURITY, _NETWORKING = "security.istio.io/v1", "networking.istio.io/v1"


def makers(body: Network) -> dict[str, Maker]:
    """The maker of patches for each rule that can have a patch."""
    made = _Patches(body)
    return {"mesh/mtls": made.mtls, "mesh/deny": made.deny, "mesh/outbound": made.outbound, "mesh/registry": made.registry}


class _Patches:
    def __init__(self, body: Network) -> None:
        self._body, self._mesh, self._words = body, body.mesh, Words(body)

    def mtls(self, finding: Finding) -> str:
        """Replace another mode by STRICT; if no mode is set, add a PeerAuthentication with STRICT to the namespace."""
        said = self._mesh.peer_authentications
        if finding.location is not None:
            lax = [one for one in said if one.at == finding.location and one.title == finding.about and not one.ports]
            return self._strict(*(one.at for one in lax))
        namespace = _namespace(finding)
        if not namespace:
            return ""
        whole = [one for one in said if one.namespace == namespace and one.selector is None]
        if whole:
            return "" if any(one.mode == "UNSET" or one.ports for one in whole) else self._strict(*(one.at for one in whole))
        return self._words.added(
            f"mtls-{namespace}",
            f"The pods of {namespace} accept mutual TLS and no plain text.",
            _SECURITY,
            "PeerAuthentication",
            {"name": free("default", (one.name for one in said if one.namespace == namespace)), "namespace": namespace},
            {"mtls": {"mode": "STRICT"}},
        )

    def _strict(self, *places: object) -> str:
        changes: list[Change] = []
        for one in self._body.passages:
            if one.at in places:
                changes.append((one, (Replace(path=("spec", "mtls", "mode"), value="STRICT"),)))
        return amended(*changes) if len(changes) == len(places) else ""

    def deny(self, finding: Finding) -> str:
        """An AuthorizationPolicy that allows nothing, besides those that allow requests."""
        namespace = _namespace(finding)
        if not namespace:
            return ""
        return self._words.added(
            f"mesh-deny-{namespace}",
            f"{namespace} accepts only the requests that other policies allow.",
            _SECURITY,
            "AuthorizationPolicy",
            {"name": free("deny", self._names(namespace)), "namespace": namespace},
            {},
        )

    def _names(self, namespace: str) -> list[str]:
        return [one.name for one in self._mesh.authorizations if one.namespace == namespace]

    def outbound(self, finding: Finding) -> str:
        """REGISTRY_ONLY in the Sidecar that decides, or in a new Sidecar if the namespace has none."""
        for one in self._mesh.sidecars:
            if one.at == finding.location:
                passage = self._words.at(one.at)
                edit: Edit = AddKey(path=("spec",), key="outboundTrafficPolicy", value={"mode": "REGISTRY_ONLY"})
                if one.outbound:
                    edit = Replace(path=("spec", "outboundTrafficPolicy", "mode"), value="REGISTRY_ONLY")
                return amended((passage, (edit,))) if passage is not None else ""
        namespace = _namespace(finding)
        if not namespace or finding.location is not None:
            return ""
        return self._words.added(
            f"sidecar-{namespace}",
            f"The sidecars of {namespace} send nothing to hosts that are not registered.",
            _NETWORKING,
            "Sidecar",
            {
                "name": free("default", (one.name for one in self._mesh.sidecars if one.namespace == namespace)),
                "namespace": namespace,
            },
            {"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}},
        )

    def registry(self, finding: Finding) -> str:
        """Register it for its own namespace, if no other namespace of these manifests has pods in the mesh that may need it."""
        for one in self._mesh.service_entries:
            wide = any("*" in host for host in one.hosts) or any(address.endswith("/0") for address in one.addresses)
            if one.at != finding.location or one.exported or wide:
                continue
            passage = self._words.at(one.at)
            others = {found.pods.namespace for found in meshed(self._body)} - {one.namespace}
            if passage is not None and not others:
                return amended((passage, (AddKey(path=("spec",), key="exportTo", value=["."]),)))
        return ""


def _namespace(finding: Finding) -> str:
    kind, _, name = finding.about.partition(" ")
    return name if kind == "Namespace" else ""
