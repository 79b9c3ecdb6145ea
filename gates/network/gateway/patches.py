"""Patches for the rules of the gate ``gateway``."""

from __future__ import annotations

from amend.diff import amended
from amend.yaml_edit import AddKey, Edit, Path, Replace, Value
from arcops.finding import Finding
from arcops.seen.network import NAMESPACE_NAME, Network
from gates.network.patching import Maker, Words
from reach.attachment import attachments


def makers(body: Network) -> dict[str, Maker]:
    """The maker of patches for each rule that can have a patch."""
    words = Words(body)

    def listeners(finding: Finding) -> str:
        """Accept routes only from the namespaces that use the listener, instead of from all."""
        for gateway in (one for one in body.gateways if one.kind == "Gateway"):
            for position, listener in enumerate(gateway.listeners):
                if listener.routes_from != "All" or listener.at != finding.location:
                    continue
                if finding.about != f"{gateway.title} {listener.name}" or listener.namespaces is not None:
                    continue
                using = {
                    one.route.namespace
                    for one in attachments(body)
                    if one.gateway is gateway and any(taken is listener for taken, _ in one.listeners)
                }
                path: Path = ("spec", "listeners", position, "allowedRoutes", "namespaces")
                edits: tuple[Edit, ...] = (Replace(path=(*path, "from"), value="Same"),)
                if using - {gateway.namespace}:
                    named: Value = {"key": NAMESPACE_NAME, "operator": "In", "values": [*sorted(using)]}
                    edits = (
                        Replace(path=(*path, "from"), value="Selector"),
                        AddKey(path=path, key="selector", value={"matchExpressions": [named]}),
                    )
                passage = words.at(gateway.at)
                return amended((passage, edits)) if passage is not None else ""
        return ""

    return {"gateway/listeners": listeners}
