"""What the API server and the server itself say now of one resource. The one who watches fills it in; nothing is read here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from manifests.objects import Json, ObjectName


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """An object that has the name of one of ours. ``owner`` is the uid of its controller, or the one in its
    annotation `manifests.server.names.OWNER_ANNOTATION` if it has no controller; empty without both.

    ``live`` is the object as the API server has it; it says whether anything must be written.
    """

    name: ObjectName
    uid: str
    owner: str
    resource_version: str
    live: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenConfigMap:
    """A ConfigMap that the resource names, with its texts: profiles, policies and issuers are in it."""

    resource_version: str
    data: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenSecret:
    """A Secret's ``version``, and the first one, ``since`` which its data is the same as far as that was seen."""

    version: str
    since: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """What the server said when it was opened, through the pod's own way. ``problem`` is empty if the handshake succeeded.

    ``of`` is the generation of the Deployment that answered (for a remote server: that of the resource). ``capabilities`` are
    those that the server said it has.
    """

    of: int
    problem: str = ""
    protocol_version: str = ""
    server: str = ""
    capabilities: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """All of it.

    ``children`` are objects with the names of ours, also those of other owners, and all that we own. ``config_maps`` are those
    that the resource names; one that is not there is absent. ``secrets`` has the versions of the data of the Secrets that it
    names, only in namespaces that allow that; `None` if they cannot be looked at now. ``key_sets`` has the keys of each issuer
    (a JSON Web Key Set) that the operator fetched, by issuer, and ``key_problem`` says why they could not be. ``policies`` are
    the NetworkPolicies of others that may select its pods; `None` if they cannot be looked at now. ``status`` is
    that of the resource as it stands.
    """

    children: Mapping[ObjectName, Child] = field(default_factory=dict)
    config_maps: Mapping[str, SeenConfigMap] = field(default_factory=dict)
    secrets: Mapping[str, SeenSecret] | None = field(default_factory=dict)
    key_sets: Mapping[str, str] = field(default_factory=dict)
    key_problem: str = ""
    policies: tuple[Mapping[str, Json], ...] | None = ()
    handshake: Handshake | None = None
    status: Mapping[str, Json] = field(default_factory=dict)
