"""A resource as the API server has it, read strictly: what it is, or what is wrong with it and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from manifests.crds.definitions import GROUP, STORED, ServerKind, resource_schema
from manifests.objects import Json, frozen_mapping, thawed, thawed_mapping
from manifests.server.spec import (
    Authz,
    Builtin,
    ClusterTokens,
    IssuerTokens,
    KeyOf,
    Oidc,
    OidcKind,
    Policies,
    Profile,
    SecretKey,
    ServerSpec,
    ServerType,
    Transport,
)
from tasks.kubernetes.manifests.schemas import Schema, as_written

DEFAULT_PORT = 8080
_MOST_RULES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which resource. ``namespace`` is empty for one of the whole cluster; ``uid`` and ``generation`` for one of a file."""

    kind: ServerKind
    name: str
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    annotations: Mapping[str, str]
    labels: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerResource:
    """A resource that says what it wants."""

    identity: Identity
    spec: ServerSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong, and at which field (``spec.env[0].name``)."""

    at: str
    text: str

    def __str__(self) -> str:
        return f"{self.at}: {self.text}" if self.at else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Problems:
    """A resource that cannot be what it says. ``identity`` is `None` if not even that can be read."""

    identity: Identity | None
    problems: tuple[Problem, ...]

    def __str__(self) -> str:
        return "; ".join(str(one) for one in self.problems)


def parse(value: Mapping[str, Json]) -> ServerResource | Problems:
    """What *value* says, a whole object of ``ome.io/v1beta1``. Unknown fields are problems like all others."""
    identity = _identity(value)
    if identity is None:
        text = f"this is not a resource of {GROUP}/{STORED} of kind {' or '.join(ServerKind)} with a name"
        return Problems(identity=None, problems=(Problem(at="", text=text),))
    copy = thawed_mapping(value)
    found = tuple(Problem(at=as_written(path), text=text) for path, text, _ in _schema().problems(copy, [_MOST_RULES]))
    if identity.kind is ServerKind.CLUSTER and identity.namespace:
        found = (*found, Problem(at="metadata.namespace", text=f"a {identity.kind} is of the whole cluster"))
    spec = value.get("spec")
    if found or not isinstance(spec, Mapping):
        return Problems(identity=identity, problems=found or (Problem(at="spec", text="it has no spec"),))
    return ServerResource(identity=identity, spec=_spec(_Fields(spec)))


@cache
def _schema() -> Schema:
    return Schema(thawed(resource_schema(STORED)))


def _identity(value: Mapping[str, Json]) -> Identity | None:
    metadata, kind = value.get("metadata"), value.get("kind")
    if value.get("apiVersion") != f"{GROUP}/{STORED}" or kind not in list(ServerKind) or not isinstance(metadata, Mapping):
        return None
    name, namespace, uid = metadata.get("name"), metadata.get("namespace", ""), metadata.get("uid", "")
    generation = metadata.get("generation", 0)
    if not isinstance(name, str) or not name or not isinstance(namespace, str) or not isinstance(uid, str):
        return None
    return Identity(
        kind=ServerKind(str(kind)),
        name=name,
        namespace=namespace,
        uid=uid,
        generation=generation if isinstance(generation, int) else 0,
        annotations=_Fields(metadata).texts("annotations"),
        labels=_Fields(metadata).texts("labels"),
    )


class _Fields:
    """The members of a mapping that the schema has allowed, by the types that it gives them."""

    def __init__(self, value: Json) -> None:
        self._value: Mapping[str, Json] = value if isinstance(value, Mapping) else {}

    def __bool__(self) -> bool:
        return bool(self._value)

    def has(self, name: str) -> bool:
        return self._value.get(name) is not None

    def text(self, name: str, default: str = "") -> str:
        found = self._value.get(name)
        return found if isinstance(found, str) else default

    def number(self, name: str) -> int | None:
        found = self._value.get(name)
        return found if isinstance(found, int) and not isinstance(found, bool) else None

    def flag(self, name: str) -> bool:
        return self._value.get(name) is True

    def inner(self, name: str) -> _Fields:
        return _Fields(self._value.get(name))

    def each(self, name: str) -> tuple[_Fields, ...]:
        found = self._value.get(name)
        return tuple(_Fields(one) for one in found) if isinstance(found, list | tuple) else ()

    def words(self, name: str) -> tuple[str, ...]:
        found = self._value.get(name)
        return tuple(one for one in found if isinstance(one, str)) if isinstance(found, list | tuple) else ()

    def texts(self, name: str) -> Mapping[str, str]:
        return MappingProxyType({key: one for key, one in self.inner(name)._value.items() if isinstance(one, str)})

    def flags(self, name: str) -> Mapping[str, bool]:
        return MappingProxyType({key: one for key, one in self.inner(name)._value.items() if isinstance(one, bool)})

    def json(self, name: str) -> Mapping[str, Json]:
        return frozen_mapping(self.inner(name)._value)

    def jsons(self, name: str) -> tuple[Mapping[str, Json], ...]:
        return tuple(frozen_mapping(one._value) for one in self.each(name))


def _spec(of: _Fields) -> ServerSpec:
    port = of.number("port") or DEFAULT_PORT
    return ServerSpec(
        type=ServerType(of.text("type", ServerType.HOSTED)),
        image=of.text("image"),
        url=of.text("url"),
        transport=Transport(of.text("transport", Transport.STDIO)),
        protocol_versions=of.inner("protocol").words("versions"),
        capabilities=of.flags("capabilities"),
        oidc=_oidc(of.inner("oidcConfig")),
        authz=_authz(of.inner("authzConfig")),
        profile=_profile(of.inner("permissionProfile")),
        replicas=of.number("replicas"),
        port=port,
        target_port=of.number("targetPort") or port,
        args=of.words("args"),
        env=of.jsons("env"),
        resources=of.json("resources"),
        secrets=tuple(
            SecretKey(
                name=one.text("name"), key=one.text("key"), variable=one.text("targetEnvName"), path=one.text("mountPath")
            )
            for one in of.each("secrets")
        ),
        service_account=of.text("serviceAccount"),
        tools_filter=of.words("toolsFilter") if of.has("toolsFilter") else None,
        node_selector=of.texts("nodeSelector"),
        tolerations=of.jsons("tolerations"),
        affinity=of.json("affinity"),
        pod_template=of.json("podTemplateSpec"),
        volume_mounts=of.jsons("volumeMounts"),
        volumes=of.jsons("volumes"),
    )


def _key(of: _Fields, default: str) -> KeyOf:
    return KeyOf(name=of.text("name"), key=of.text("key", default))


def _oidc(of: _Fields) -> Oidc | None:
    if not of:
        return None
    match OidcKind(of.text("type")):
        case OidcKind.KUBERNETES:
            one = of.inner("kubernetes")
            return ClusterTokens(
                namespace=one.text("namespace"),
                service_account=one.text("serviceAccount"),
                audience=one.text("audience"),
                issuer=one.text("issuer"),
                use_cluster_auth=one.flag("useClusterAuth"),
            )
        case OidcKind.CONFIG_MAP:
            return _key(of.inner("configMap"), "oidc.json")
        case OidcKind.INLINE:
            one = of.inner("inline")
            return IssuerTokens(
                issuer=one.text("issuer"),
                audience=one.text("audience"),
                jwks_url=one.text("jwksURL"),
                ca_bundle_path=one.text("thvCABundlePath"),
                jwks_auth_token_path=one.text("jwksAuthTokenPath"),
                client_certificate_path=one.text("clientCertificatePath"),
                client_key_path=one.text("clientKeyPath"),
            )


def _authz(of: _Fields) -> Authz | None:
    if not of:
        return None
    if of.text("type") == "configMap":
        return _key(of.inner("configMap"), "policy.cedar")
    one = of.inner("inline")
    return Policies(policies=one.words("policies"), entities=one.text("entitiesJSON", "[]"), actions=one.texts("actions"))


def _profile(of: _Fields) -> Profile:
    """A server without a profile has the strictest one."""
    if not of:
        return Builtin.NONE
    return _key(of, "") if of.text("type") == "configmap" else Builtin(of.text("name"))
