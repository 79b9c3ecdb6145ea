"""Admission: ValidatingAdmissionPolicy in CEL, and the call of validating webhooks (Kubernetes, "Dynamic Admission Control",
"Validating Admission Policy").
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import uuid
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from tasks.kubernetes.manifests.functions import Meter, functions
from tests.simulators.kube.access import Asked
from tests.simulators.kube.answers import Refusal, User
from tests.simulators.kube.kinds import Resource
from tests.simulators.kube.selecting import meets
from tests.simulators.kube.store import Store

_METER = Meter()


def _verb(asked: Asked) -> str:
    return {"create": "CREATE", "update": "UPDATE", "patch": "UPDATE", "delete": "DELETE"}.get(asked.verb, "CONNECT")


def _ruled(rules: list[dict[str, Any]], asked: Asked, version: str) -> bool:
    name = f"{asked.resource}/{asked.subresource}" if asked.subresource else asked.resource
    operation = _verb(asked)
    for one in rules:
        if (
            (operation in one["operations"] or "*" in one["operations"])
            and (asked.group in one["apiGroups"] or "*" in one["apiGroups"])
            and (version in one["apiVersions"] or "*" in one["apiVersions"])
            and (name in one["resources"] or "*/*" in one["resources"] or (not asked.subresource and "*" in one["resources"]))
        ):
            return True
    return False


def review(
    kind: Resource, version: str, asked: Asked, new: Any, old: Any, user: User, *, dry: bool, operation: str
) -> dict[str, Any]:
    """The ``request`` of an AdmissionReview, which CEL sees, too."""
    gvk = {"group": kind.group, "version": version, "kind": kind.kind}
    gvr = {"group": kind.group, "version": version, "resource": kind.plural}
    return {
        "uid": str(uuid.uuid4()),
        "kind": gvk,
        "resource": gvr,
        "requestKind": gvk,
        "requestResource": gvr,
        "subResource": asked.subresource,
        "name": asked.name,
        "namespace": asked.namespace,
        "operation": operation,
        "userInfo": {"username": user.name, "uid": user.uid, "groups": list(user.groups)},
        "object": new,
        "oldObject": old,
        "dryRun": dry,
    }


def _selected(store: Store, found: dict[str, Any], asked: Asked, obj: Any) -> bool:
    spaces = found.get("namespaceSelector") or {}
    if asked.namespace and spaces:
        held = store.get("namespaces", "", asked.namespace)
        if held is None or not meets(held.obj["metadata"].get("labels") or {}, spaces):
            return False
    wanted = found.get("objectSelector") or {}
    return not wanted or meets(((obj or {}).get("metadata") or {}).get("labels") or {}, wanted)


def policies(store: Store, asked: Asked, version: str, request: dict[str, Any]) -> None:
    """Ask each ValidatingAdmissionPolicy that is bound. Raises `Refusal`."""
    held = store.of("validatingadmissionpolicies.admissionregistration.k8s.io")
    if not held:
        return
    for binding in store.of("validatingadmissionpolicybindings.admissionregistration.k8s.io").values():
        spec = binding.obj["spec"]
        policy = held.get(("", spec["policyName"]))
        if policy is None:
            continue
        told = policy.obj["spec"]
        for constraints in (told.get("matchConstraints") or {}, spec.get("matchResources") or {}):
            rules = constraints.get("resourceRules")
            if rules is not None and not _ruled(rules, asked, version):
                break
            if not _selected(store, constraints, asked, request["object"] or request["oldObject"]):
                break
        else:
            said = _denied(told, request)
            if said and "Deny" in spec.get("validationActions", ["Deny"]):
                name, by = policy.obj["metadata"]["name"], binding.obj["metadata"]["name"]
                raise Refusal(
                    422,
                    "Invalid",
                    f"{asked.resource} {request['name']!r} is forbidden: ValidatingAdmissionPolicy '{name}' with binding "
                    f"'{by}' denied request: {said}",
                )


def _denied(told: dict[str, Any], request: dict[str, Any]) -> str:
    values = {"object": request["object"], "oldObject": request["oldObject"], "request": request, "variables": {}}
    fails = told.get("failurePolicy", "Fail") == "Fail"
    for one in told.get("matchConditions") or ():
        if _cel(one["expression"], values) is not True:
            return ""
    for one in told.get("variables") or ():
        found = _cel(one["expression"], values)
        values["variables"][one["name"]] = found if not isinstance(found, _Failed) else None
    for one in told.get("validations") or ():
        found = _cel(one["expression"], values)
        if isinstance(found, _Failed):
            if fails:
                return f"expression '{one['expression']}' resulted in error: {found}"
        elif found is not True:
            if "messageExpression" in one:
                composed = _cel(one["messageExpression"], values)
                if isinstance(composed, str):
                    return composed
            return str(one.get("message") or f"failed expression: {one['expression']}")
    return ""


class _Failed(str):
    __slots__ = ()


def _cel(text: str, values: dict[str, Any]) -> Any:
    from cel_expr_python import cel

    try:
        found = _compiled(text).eval(data=values)
    except RuntimeError as error:
        return _Failed(str(error))
    if found.type() in (cel.Type.ERROR, cel.Type.UNKNOWN):
        return _Failed(str(found.value()))
    return _plain(found)


def _plain(found: Any) -> Any:
    value = found.value() if hasattr(found, "value") else found
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(_plain(name)): _plain(one) for name, one in value.items()}
    return value


@cache
def _compiled(text: str) -> Any:
    from cel_expr_python import cel
    from cel_expr_python.ext import ext_bindings, ext_optional, ext_strings

    extensions = [ext_strings.ExtStrings(), ext_optional.ExtOptional(), ext_bindings.ExtBindings(), functions(_METER)]
    names = ("object", "oldObject", "request", "variables")
    return cel.NewEnv(variables=dict.fromkeys(names, cel.Type.DYN), extensions=extensions).compile(text)


async def webhooks(
    store: Store, asked: Asked, version: str, request: dict[str, Any], services: dict[tuple[str, str], str]
) -> None:
    """Call each validating webhook whose rules name the request. *services* are addresses by namespace and name."""
    for held in store.of("validatingwebhookconfigurations.admissionregistration.k8s.io").values():
        for one in held.obj.get("webhooks") or ():
            if not _ruled(one.get("rules") or [], asked, version):
                continue
            if not _selected(store, one, asked, request["object"] or request["oldObject"]):
                continue
            values = {"object": request["object"], "oldObject": request["oldObject"], "request": request, "variables": {}}
            if any(_cel(condition["expression"], values) is not True for condition in one.get("matchConditions") or ()):
                continue
            try:
                said = await asyncio.wait_for(_called(one["clientConfig"], request, services), one.get("timeoutSeconds", 10))
            except (OSError, ValueError, KeyError, TimeoutError, ssl.SSLError) as error:
                if one.get("failurePolicy", "Fail") == "Ignore":
                    continue
                text = f'failed calling webhook "{one["name"]}": failed to call webhook: {error or type(error).__name__}'
                raise Refusal(500, "InternalError", f"Internal error occurred: {text}") from error
            if not said.get("allowed"):
                status = said.get("status") or {}
                text = status.get("message") or "no message"
                raise Refusal(
                    int(status.get("code") or 403),
                    status.get("reason") or "Forbidden",
                    f'admission webhook "{one["name"]}" denied the request: {text}',
                )


async def _called(config: dict[str, Any], request: dict[str, Any], services: dict[tuple[str, str], str]) -> dict[str, Any]:
    url = config.get("url", "")
    name = ""
    if not url:
        service = config["service"]
        name = f"{service['name']}.{service['namespace']}.svc"
        url = services[service["namespace"], service["name"]] + service.get("path", "/")
    parts = urlsplit(url)
    authority = base64.b64decode(config.get("caBundle", "")).decode()
    context = ssl.create_default_context(cadata=authority or None)
    host, port = parts.hostname or "", parts.port or 443
    reader, writer = await asyncio.open_connection(
        host, port, ssl=context if parts.scheme == "https" else None,
        server_hostname=(name or host) if parts.scheme == "https" else None,
    )  # fmt: skip
    body = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).encode()
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    writer.write(
        f"POST {path} HTTP/1.1\r\nHost: {name or host}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
        + body
    )
    data = await reader.read()
    writer.close()
    head, _, rest = data.partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n")[0]:
        raise ValueError(f"the server responded with {head.split(b' ', 2)[1].decode()}")
    if b"chunked" in head.lower():
        rest = _joined(rest)
    answer = json.loads(rest)["response"]
    if answer.get("uid") != request["uid"]:
        raise ValueError("the answer is for another request")
    return dict(answer)


def _joined(data: bytes) -> bytes:
    found = b""
    while data:
        line, _, data = data.partition(b"\r\n")
        size = int(line, 16)
        if not size:
            break
        found, data = found + data[:size], data[size + 2 :]
    return found
