"""What a permission profile becomes at a site, and who enforces it. What cannot be enforced is refused with a sentence."""

from __future__ import annotations

from dataclasses import dataclass, field

from gates.network.network.sound import ENFORCERS
from manifests.server.plan import Egress, Scratch
from manifests.server.spec import Builtin, Profile
from services.operator.observed import Observed
from services.operator.refusal import Reason, Refusal
from services.operator.site import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A profile as it is enforced. ``enforcement`` says who does that, a sentence each."""

    egress: Egress = field(default_factory=Egress)
    scratch: tuple[Scratch, ...] = ()
    enforcement: tuple[str, ...] = ()


def compile_profile(profile: Profile, namespace: str, observed: Observed, site: Site) -> Compiled | Refusal:
    """*profile* for pods in *namespace*."""
    plugin = site.network.cni
    if not site.enforces_policies:
        names = ", ".join(sorted(ENFORCERS))
        what = f"{plugin} is not known to enforce" if plugin else "the operator was not told which network plugin enforces"
        return Refusal(
            reason=Reason.NOT_ENFORCEABLE,
            text=f"{what} NetworkPolicy, so egress could not be limited; plugins that do: {names}",
        )
    match profile:
        case Builtin.NONE:
            return Compiled(enforcement=(f"no egress, not even DNS: NetworkPolicy, by {plugin}",))
        case Builtin.NETWORK:
            return _open(namespace, site)
        case _:
            return Refusal(reason=Reason.NOT_ENFORCEABLE, text="profiles of ConfigMaps are not supported by this version")


def _open(namespace: str, site: Site) -> Compiled | Refusal:
    if not site.policy(namespace).open_network:
        return Refusal(
            reason=Reason.NOT_ALLOWED,
            text=f"the namespace {namespace} does not allow egress to every host; the operator's settings can (openNetwork)",
            stops=True,
        )
    if not site.network.api_server:
        return Refusal(
            reason=Reason.NOT_ENFORCEABLE,
            text="the operator was not told the addresses of the API server (apiServer), so they could not be left out",
        )
    said = f"egress to all but metadata services and the API server: NetworkPolicy, by {site.network.cni}"
    return Compiled(egress=Egress(everything=True), enforcement=(said,))
