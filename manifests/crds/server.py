"""The shape of an MCP server's resource: each field of OEP-0005 (API Specifications), and the rules between fields.

``docs/operator.md`` says what was decided about contradictions of the OEP and about types that it leaves open.
"""

from __future__ import annotations

from manifests.crds.pods import affinity, mounts, resources, tolerations, variables, volumes
from manifests.crds.shapes import KEY, NAME, Shape, flag, listed, mapped, one_of, record, rule, said, text, whole
from manifests.objects import Json

_URL = text(2048, least=1)
_OBJECT = text(253, least=1, pattern=NAME)
_FILE = text(1024, least=1, pattern="^/")
_OF_PODS = (
    "image",
    "replicas",
    "env",
    "args",
    "secrets",
    "volumes",
    "volumeMounts",
    "resources",
    "serviceAccount",
    "permissionProfile",
    "podTemplateSpec",
    "targetPort",
    "nodeSelector",
    "tolerations",
    "affinity",
)
"""Fields that mean something only for a server whose pods run here."""


def _exactly(blocks: dict[str, str]) -> tuple[Shape, ...]:
    """A type names the one block that is there: *blocks* are those of each type."""
    holds = " && ".join(f"(self.type == '{kind}') == has(self.{block})" for kind, block in blocks.items())
    return (rule(holds, "type names exactly the one block that is given"),)


def _url(field: str) -> Shape:
    return rule(
        f"!has(self.{field}) || (isURL(self.{field}) && url(self.{field}).getScheme() in ['https', 'http'] "
        f"&& url(self.{field}).getHostname() != '')",
        f"{field} is not an http or https URL with a host",
        at=f".{field}",
    )


def _oidc(bundle: str) -> Shape:
    """*bundle* is the name of the field for the certificate authorities: it differs between the versions."""
    of_cluster = record(
        {
            "namespace": text(63),
            "serviceAccount": text(253),
            "audience": text(253),
            "issuer": _URL,
            "useClusterAuth": flag(),
        },
        rules=(_url("issuer"),),
        about="Tokens of the cluster's own service accounts.",
    )
    inline = record(
        {
            "issuer": _URL,
            "audience": text(253),
            "jwksURL": _URL,
            bundle: said(_FILE, "A file in the pod with the certificate authorities of the issuer."),
            "jwksAuthTokenPath": said(_FILE, "A file in the pod with the bearer token for jwksURL."),
            "clientCertificatePath": said(_FILE, "A file in the pod: the certificate for mutual TLS with the issuer."),
            "clientKeyPath": said(_FILE, "A file in the pod: the key of clientCertificatePath."),
        },
        needs=("issuer",),
        rules=(
            _url("issuer"),
            _url("jwksURL"),
            rule("has(self.clientCertificatePath) == has(self.clientKeyPath)", "a client certificate and its key go together"),
        ),
        about="Tokens of one issuer.",
    )
    return record(
        {
            "type": one_of("kubernetes", "configMap", "inline"),
            "kubernetes": of_cluster,
            "configMap": _from_map("oidc.json"),
            "inline": inline,
        },
        needs=("type",),
        rules=_exactly({"kubernetes": "kubernetes", "configMap": "configMap", "inline": "inline"}),
        about="Whose tokens callers show. Without it, only what may reach the pods is limited.",
    )


def _from_map(key: str) -> Shape:
    return record({"name": _OBJECT, "key": {**text(253, least=1, pattern=KEY), "default": key}}, needs=("name",))


def _authz() -> Shape:
    inline = record(
        {
            "policies": listed(text(16384, least=1), 100, least=1),
            "entitiesJSON": {**text(262144), "default": "[]"},
            "actions": said(mapped(text(253, least=1), 500), 'The Cedar action of each tool; of others it is Action::"call".'),
        },
        needs=("policies",),
        about="Policies in Cedar, and the entities that they name.",
    )
    return record(
        {"type": one_of("configMap", "inline"), "configMap": _from_map("policy.cedar"), "inline": inline},
        needs=("type",),
        rules=_exactly({"configMap": "configMap", "inline": "inline"}),
        about="What callers may do, decided for each call of a tool.",
    )


def _profile() -> Shape:
    return record(
        {"type": one_of("builtin", "configmap"), "name": _OBJECT, "key": text(253, least=1, pattern=KEY)},
        needs=("type", "name"),
        rules=(
            rule(
                "self.type != 'builtin' || self.name in ['none', 'network']",
                "a builtin profile has the name none or network",
                at=".name",
            ),
            rule("(self.type == 'configmap') == has(self.key)", "a profile of a ConfigMap has a key, a builtin one does not"),
        ),
        about="Which files and hosts the server may use. Without it: none.",
    )


def _secrets() -> Shape:
    one = record(
        {
            "name": _OBJECT,
            "key": text(253, least=1, pattern=KEY),
            "targetEnvName": text(253, pattern=r"^[-._a-zA-Z][-._a-zA-Z0-9]*$"),
            "mountPath": said(_FILE, "The file to put the key into; targetEnvName is then given this path."),
        },
        needs=("name", "key"),
    )
    return listed(one, 50)


def specification(*, bundle: str) -> Shape:
    """``spec``; *bundle* is the name of the field for an issuer's certificate authorities."""
    members: dict[str, Shape] = {
        "type": said(one_of("Hosted", "Remote", default="Hosted"), "Does it run in this cluster, or elsewhere?"),
        "image": said(text(1024, least=1), "The image, by its digest (NAME@sha256:…)."),
        "url": said(_URL, "The address of a remote server."),
        "transport": said(one_of("stdio", "streamable-http", "sse", default="stdio"), "How the server speaks."),
        "protocol": record(
            {"versions": listed(text(10, pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), 10, unique=True, least=1)},
            about="Revisions of MCP: the server must speak one of them.",
        ),
        "capabilities": record(
            {name: flag() for name in ("tools", "resources", "prompts", "logging", "completions")},
            about="What the server must offer (true) or must not (false), as it says itself.",
        ),
        "oidcConfig": _oidc(bundle),
        "authzConfig": _authz(),
        "permissionProfile": _profile(),
        "replicas": whole(0, 100),
        "port": said(whole(1, 65535), "The port of the Service; 8080 if it is not given."),
        "targetPort": said(whole(1, 65535), "The port on which the server's own process listens; that of port if not given."),
        "args": listed(text(4096), 100),
        "env": variables(),
        "resources": resources(),
        "secrets": _secrets(),
        "serviceAccount": text(253, least=1, pattern=NAME),
        "toolsFilter": said(listed(text(253, least=1), 500, unique=True), "The only tools that callers see and may call."),
        "nodeSelector": mapped(text(63), 50),
        "tolerations": tolerations(),
        "affinity": affinity(),
        "podTemplateSpec": {
            "description": "More of the pods. It may restrict them more; what would open them is refused.",
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
        },
        "volumeMounts": mounts(),
        "volumes": volumes(),
    }
    unset = " && ".join(f"!has(self.{name})" for name in _OF_PODS)
    return record(
        members,
        rules=(
            rule("self.type != 'Hosted' || (has(self.image) && !has(self.url))", "a Hosted server has an image and no url"),
            rule("self.type != 'Remote' || has(self.url)", "a Remote server has a url", at=".url"),
            rule(
                f"self.type != 'Remote' || ({unset})",
                f"a Remote server has no pods, so none of: {', '.join(_OF_PODS)}",
            ),
            rule(
                "self.type != 'Remote' || self.transport != 'stdio'",
                "a Remote server has the transport streamable-http or sse",
                at=".transport",
            ),
            _url("url"),
            rule(
                "self.transport != 'stdio' || !has(self.replicas) || self.replicas <= 1",
                "stdio has one replica: set transport to streamable-http or sse, or replicas to 1",
                at=".replicas",
            ),
            rule("self.transport != 'stdio' || !has(self.targetPort)", "stdio has no targetPort", at=".targetPort"),
            rule(
                "!has(self.volumeMounts) || self.volumeMounts.all(m, "
                "has(self.volumes) && self.volumes.exists(v, v.name == m.name))",
                "each of volumeMounts names one of volumes",
                at=".volumeMounts",
            ),
            rule(
                "!has(oldSelf.type) || self.type == oldSelf.type", "type cannot be changed; make another resource", at=".type"
            ),
        ),
        about="The server that is wanted.",
    )


def status() -> Shape:
    """``status``: only the operator writes it."""
    condition = record(
        {
            "type": text(316, least=1),
            "status": one_of("True", "False", "Unknown"),
            "observedGeneration": whole(0, 2**53, wide=True),
            "lastTransitionTime": {"type": "string", "format": "date-time"},
            "reason": text(1024, least=1),
            "message": text(32768),
        },
        needs=("type", "status", "lastTransitionTime", "reason", "message"),
    )
    return record(
        {
            "observedGeneration": whole(0, 2**53, wide=True),
            "conditions": listed(condition, 20, keys=("type",)),
            "url": said(text(2048), "The address for clients; only while it is Ready."),
            "verdict": said(text(16), "What the gate says of the image."),
            "replicas": whole(0, 2**31 - 1),
            "readyReplicas": whole(0, 2**31 - 1),
            "protocolVersion": said(text(64), "The revision of MCP that the server spoke at its handshake."),
            "server": said(text(512), "The server's own name and version, as it says."),
            "enforcement": said(listed(text(1024), 50), "Who enforces what of the profile."),
        }
    )


def columns() -> list[Json]:
    """What ``kubectl get`` prints."""
    made: list[tuple[str, str, str]] = [
        ("Type", "string", ".spec.type"),
        ("Transport", "string", ".spec.transport"),
        ("Ready", "string", ".status.conditions[?(@.type=='Ready')].status"),
        ("Verdict", "string", ".status.verdict"),
        ("URL", "string", ".status.url"),
        ("Age", "date", ".metadata.creationTimestamp"),
    ]
    reason: Json = {
        "name": "Reason",
        "type": "string",
        "jsonPath": ".status.conditions[?(@.type=='Ready')].reason",
        "priority": 1,
    }
    return [*({"name": name, "type": kind, "jsonPath": path} for name, kind, path in made), reason]
