"""What the server serves: discovery, aggregated and not, and OpenAPI v3 (Kubernetes, "The Kubernetes API")."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.simulators.kube.answers import Answer, Request, of
from tests.simulators.kube.kinds import Resource

VERSION = {"major": "1", "minor": "36", "gitVersion": "v1.36.0", "platform": "linux/amd64"}
_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


def answered(request: Request, kinds: Iterable[Resource]) -> Answer | None:
    """The answer, if *request* is about what is served."""
    known = list(kinds)
    parts = [one for one in request.path.split("/") if one]
    aggregated = "as=APIGroupDiscoveryList" in request.headers.get("accept", "")
    match parts:
        case ["version"]:
            return of(VERSION)
        case ["healthz" | "livez" | "readyz"]:
            return Answer(body=b"ok", form="text/plain")
        case ["api"] if aggregated:
            return _aggregated([one for one in known if not one.group])
        case ["apis"] if aggregated:
            return _aggregated([one for one in known if one.group])
        case ["api"]:
            return of({"kind": "APIVersions", "versions": ["v1"]})
        case ["apis"]:
            return of({"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(g, known) for g in _groups(known) if g]})
        case ["apis", group] if any(one.group == group for one in known):
            return of({"apiVersion": "v1", "kind": "APIGroup", **_group(group, known)})
        case ["api", "v1"]:
            return of(_resources("", "v1", known))
        case ["apis", group, version] if any(one.group == group and version in one.versions for one in known):
            return of(_resources(group, version, known))
        case ["openapi", "v3"]:
            paths = {f"{'apis/' + one.group if one.group else 'api'}/{v}" for one in known for v in one.versions}
            return of({"paths": {one: {"serverRelativeURL": f"/openapi/v3/{one}?hash=1"} for one in sorted(paths)}})
        case ["openapi", "v3", "api", "v1"]:
            return of(_openapi("", "v1", known))
        case ["openapi", "v3", "apis", group, version]:
            return of(_openapi(group, version, known))
    return None


def _groups(known: list[Resource]) -> list[str]:
    return list(dict.fromkeys(one.group for one in known))


def _versions(group: str, known: list[Resource]) -> list[str]:
    return list(dict.fromkeys(version for one in known if one.group == group for version in one.versions))


def _group(group: str, known: list[Resource]) -> dict[str, Any]:
    versions = [{"groupVersion": f"{group}/{one}", "version": one} for one in _versions(group, known)]
    return {"name": group, "versions": versions, "preferredVersion": versions[0]}


def _rows(group: str, version: str, known: list[Resource]) -> list[Resource]:
    return [one for one in known if one.group == group and version in one.versions]


def _resources(group: str, version: str, known: list[Resource]) -> dict[str, Any]:
    found: list[dict[str, Any]] = []
    for one in _rows(group, version, known):
        row = {
            "name": one.plural, "singularName": one.singular, "namespaced": one.namespaced, "kind": one.kind,
            "verbs": ["create"] if one.virtual else _VERBS,
        }  # fmt: skip
        if one.short:
            row["shortNames"] = list(one.short)
        if one.categories:
            row["categories"] = list(one.categories)
        found.append(row)
        for name, kind in _below(one):
            found.append(
                {"name": f"{one.plural}/{name}", "singularName": "", "namespaced": one.namespaced, "kind": kind,
                 "verbs": ["get", "patch", "update"]}
            )  # fmt: skip
    whole = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": whole, "resources": found}


def _below(one: Resource) -> list[tuple[str, str]]:
    return [*([("status", one.kind)] if one.status else []), *([("scale", "Scale")] if one.scale else [])]


def _aggregated(known: list[Resource]) -> Answer:
    items = []
    for group in _groups(known):
        versions = []
        for version in _versions(group, known):
            rows = []
            for one in _rows(group, version, known):
                row: dict[str, Any] = {
                    "resource": one.plural,
                    "responseKind": {"group": group, "version": version, "kind": one.kind},
                    "scope": "Namespaced" if one.namespaced else "Cluster",
                    "singularResource": one.singular,
                    "verbs": ["create"] if one.virtual else _VERBS,
                }
                if one.short:
                    row["shortNames"] = list(one.short)
                if one.categories:
                    row["categories"] = list(one.categories)
                below = [
                    {"subresource": name, "responseKind": {"group": group, "version": version, "kind": kind},
                     "verbs": ["get", "patch", "update"]}
                    for name, kind in _below(one)
                ]  # fmt: skip
                if below:
                    row["subresources"] = below
                rows.append(row)
            versions.append({"version": version, "resources": rows, "freshness": "Current"})
        items.append({"metadata": {"name": group, "creationTimestamp": None}, "versions": versions})
    answer = of({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
    answer.form = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    return answer


def _openapi(group: str, version: str, known: list[Resource]) -> dict[str, Any]:
    root = f"/apis/{group}/{version}" if group else f"/api/{version}"
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {_META: {"type": "object", "description": "ObjectMeta is metadata that all objects have."}}
    for one in _rows(group, version, known):
        gvk = {"group": group, "version": version, "kind": one.kind}
        name = f"{'.'.join(reversed(group.split('.'))) or 'io.k8s.api.core'}.{version}.{one.kind}"
        schemas[name] = {**_schema(one, version), "x-kubernetes-group-version-kind": [gvk]}
        ref = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
        operation = {"x-kubernetes-group-version-kind": gvk, "responses": {"200": {"description": "OK", "content": ref}}}
        validation = {"name": "fieldValidation", "in": "query", "schema": {"type": "string", "uniqueItems": True}}
        place = f"{root}/namespaces/{{namespace}}/{one.plural}" if one.namespaced else f"{root}/{one.plural}"
        content = {form: {"schema": {"$ref": f"#/components/schemas/{name}"}} for form in ("application/json",)}
        paths[place] = {
            "get": {**operation, "x-kubernetes-action": "list"},
            "post": {
                **operation,
                "x-kubernetes-action": "post",
                "parameters": [validation],
                "requestBody": {"content": content},
            },
        }
        paths[f"{place}/{{name}}"] = {
            "get": {**operation, "x-kubernetes-action": "get"},
            "patch": {
                **operation,
                "x-kubernetes-action": "patch",
                "parameters": [validation],
                "requestBody": {"content": content},
            },
        }
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.36.0"},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _schema(one: Resource, version: str) -> dict[str, Any]:
    base = one.schemas.get(version) or {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {}}
    own = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"allOf": [{"$ref": f"#/components/schemas/{_META}"}], "default": {}},
    }
    return {**base, "properties": {**base.get("properties", {}), **own}}
