"""Creating, changing and deleting (API conventions: metadata, spec and status, concurrency control)."""

from __future__ import annotations

import copy
import itertools
import random
import re
import string
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.simulators.kube import admission, defaults, definitions, fields, patching
from tests.simulators.kube.access import Asked
from tests.simulators.kube.answers import Answer, Refusal, Request, User, not_found, of
from tests.simulators.kube.fields import Owned
from tests.simulators.kube.kinds import Resource
from tests.simulators.kube.store import Held

if TYPE_CHECKING:
    from tests.simulators.kube.api import Api

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_APPLY = "application/apply-patch+yaml"


def now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


class Writing:
    """What changes the store, for one API server."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._store = api.store
        self._addresses = itertools.count(1)

    async def done(self, request: Request, kind: Resource, version: str, asked: Asked, user: User) -> Answer:
        """Do what *request* asks."""
        if asked.verb == "deletecollection":
            for (namespace, name), held in list(self._store.of(kind.name).items()):
                if self._api._chosen(held, asked, request.query) and (not asked.namespace or namespace == asked.namespace):
                    self.delete(kind, namespace, name, "Background")
            return of({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})
        if asked.verb == "delete":
            return await self._delete(request, kind, version, asked, user)
        dry = request.query.get("dryRun") == "All"
        manager = request.query.get("fieldManager") or request.headers.get("user-agent", "unknown").split("/")[0]
        before = self._store.get(kind.name, asked.namespace, asked.name) if asked.verb != "create" else None
        owners = (
            [Owned(o.manager, o.operation, o.subresource, o.version, o.time, set(o.fields)) for o in before.owners]
            if before
            else []
        )
        shape = kind.shape(version)
        form = request.headers.get("content-type", "").split(";")[0]
        applied = asked.verb == "patch" and form == _APPLY
        live = before.obj if before is not None else None
        if asked.subresource == "scale":
            return self._scale(request, kind, asked, live, form)
        if applied:
            new, version_of = self._applied(request, kind, version, asked, live, owners, manager)
        elif asked.verb == "create":
            new, version_of = request.object(), None
            self._named(new, kind, version, asked)
        else:
            if live is None:
                raise not_found(kind.group, kind.plural, asked.name)
            new = self._patched(request, form, live, shape) if asked.verb == "patch" else request.object()
            version_of = (new.get("metadata") or {}).get("resourceVersion")
            self._named(new, kind, version, asked)
        meta = new["metadata"]
        if live is not None:
            if version_of and version_of != live["metadata"]["resourceVersion"]:
                raise self._stale(kind, asked)
            if meta.get("uid", live["metadata"]["uid"]) != live["metadata"]["uid"]:
                text = f"Precondition failed: UID in precondition: {meta['uid']}, UID in object meta: {live['metadata']['uid']}"
                raise self._conflict(kind, asked.name, text)
            new = self._keep(kind, live, new, asked.subresource)
        else:
            if applied:  # an apply that creates needs the right to create, too
                self._api.allowed(user, replace(asked, verb="create"))
            if applied and meta.get("uid"):
                text = f"uid mismatch: the provided object specified uid {meta['uid']}, and no existing object was found"
                raise self._conflict(kind, asked.name, text)
            new = self._born(kind, new, asked)
        new = self._fit(request, kind, version, new, live)
        if live is not None and new.get("metadata", {}).get("deletionTimestamp") is None:
            pass
        if live is not None and not applied:
            given = new["metadata"].pop("managedFields", None)
            if given == [{}]:
                owners = []
            fields.update(live, new, owners, shape, manager=manager, subresource=asked.subresource,
                          version=kind.version(version), now=now())  # fmt: skip
        elif live is None and not applied:
            new["metadata"].pop("managedFields", None)
            fields.update({}, new, owners, shape, manager=manager, subresource=asked.subresource,
                          version=kind.version(version), now=now())  # fmt: skip
        operation = "CREATE" if live is None else "UPDATE"
        as_asked = Asked(verb="create" if live is None else "update", group=kind.group, resource=kind.plural,
                         subresource=asked.subresource, namespace=asked.namespace, name=new["metadata"]["name"])  # fmt: skip
        about = admission.review(kind, version, as_asked, new, live, user, dry=dry, operation=operation)
        admission.policies(self._store, as_asked, version, about)
        await admission.webhooks(self._store, as_asked, version, about, self._api.services)
        if live is None:
            self._within_quota(kind, asked)
        now_live = self._store.get(kind.name, asked.namespace, new["metadata"]["name"])
        if (now_live.version if now_live else 0) != (before.version if before else 0):  # changed while a webhook was called
            raise self._exists(kind, new["metadata"]["name"]) if before is None else self._stale(kind, asked)
        status = 201 if live is None else 200
        if dry:
            return self._api._one(request, kind, version, Held(new, owners, before.version if before else 0), status)
        if live is not None and before is not None and self._same(live, new) and _owned(owners) == _owned(before.owners):
            return self._api._one(request, kind, version, before, status)
        if (
            live is not None
            and "deletionTimestamp" in new["metadata"]
            and not new["metadata"].get("finalizers")
            and kind.plural not in ("pods", "namespaces")
        ):
            gone = self._store.put(kind.name, new, owners)
            self._store.remove(kind.name, asked.namespace, asked.name)
            return self._api._one(request, kind, version, gone, status)
        return self._api._one(request, kind, version, self._store.put(kind.name, new, owners), status)

    def _applied(
        self,
        request: Request,
        kind: Resource,
        version: str,
        asked: Asked,
        live: dict[str, Any] | None,
        owners: list[Owned],
        manager: str,
    ) -> tuple[dict[str, Any], str | None]:
        """What server-side apply makes, and the resource version that it asks for."""
        if not request.query.get("fieldManager"):
            raise Refusal(422, "Invalid", "fieldManager: Required value: is required for apply patch")
        given = request.object()
        self._named(given, kind, version, asked)
        meta = given["metadata"]
        if meta.get("managedFields"):
            raise Refusal(400, "BadRequest", "metadata.managedFields must be nil")
        version_of = meta.pop("resourceVersion", None)
        if live is None and (version_of or asked.subresource):
            raise not_found(kind.group, kind.plural, asked.name)
        wanted = given
        if asked.subresource == "status":
            wanted = {name: one for name, one in given.items() if name in ("apiVersion", "kind", "metadata", "status")}
            wanted["metadata"] = {name: one for name, one in meta.items() if name in ("name", "namespace", "uid")}
        elif kind.status:
            wanted = {name: one for name, one in given.items() if name != "status"}
        if kind.schemas:
            wanted = definitions.drop_nulls(copy.deepcopy(wanted))
            unknown = definitions.prune(wanted, kind.schemas[version])
            if unknown and request.query.get("fieldValidation") == "Strict":
                raise Refusal(400, "BadRequest", "; ".join(f".{one}: field not declared in schema" for one in unknown))
        else:
            wanted = copy.deepcopy(wanted)
        start = live if live is not None else {"apiVersion": given["apiVersion"], "kind": given["kind"], "metadata": {}}
        start = self._api.shown(kind, version, start)
        normal = wanted if kind.schemas else _normal(kind.name, wanted)
        try:
            made = fields.apply(
                start, normal, owners, kind.shape(version), manager=manager, subresource=asked.subresource,
                version=kind.version(version), force=request.query.get("force") == "true", now=now(),
            )  # fmt: skip
        except fields.Conflict as conflict:
            told = [f'conflict with "{who}": {what}' for who, what in conflict.causes]
            causes = [
                {"reason": "FieldManagerConflict", "message": f'conflict with "{who}"', "field": what}
                for who, what in conflict.causes
            ]
            text = (
                f"Apply failed with {len(told)} conflict{'s' if len(told) > 1 else ''}: {told[0] if len(told) == 1 else told}"
            )
            raise Refusal(409, "Conflict", text, details={"causes": causes}) from None
        return copy.deepcopy(made), version_of

    def _patched(self, request: Request, form: str, live: dict[str, Any], shape: fields.Shape) -> dict[str, Any]:
        if form == "application/json-patch+json":
            import json

            return dict(patching.by_steps(live, json.loads(request.body)))
        if form == "application/strategic-merge-patch+json":
            if shape.schema is not None:
                text = (
                    "the body of the request was in an unknown format - accepted media types include: "
                    "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
                )
                raise Refusal(415, "UnsupportedMediaType", text)
            return dict(patching.strategic(copy.deepcopy(live), request.object(), shape))
        return copy.deepcopy(dict(patching.merge(live, request.object())))

    def _named(self, new: dict[str, Any], kind: Resource, version: str, asked: Asked) -> None:
        """Check that the body is about what the path names."""
        meta = new.setdefault("metadata", {})
        if new.setdefault("kind", kind.kind) != kind.kind or new.setdefault(
            "apiVersion", kind.version(version)
        ) != kind.version(version):
            if kind.plural != "events":
                raise Refusal(400, "BadRequest", f"{new['apiVersion']}, Kind={new['kind']} is not at this path")
            new["regarding"] = new.pop("involvedObject", new.get("regarding"))
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = meta["generateName"] + "".join(random.choices(string.ascii_lowercase + string.digits, k=5))  # noqa: S311
        if asked.name and meta.setdefault("name", asked.name) != asked.name:
            raise Refusal(
                400, "BadRequest", f"the name of the object ({meta['name']}) does not match the name on the URL ({asked.name})"
            )
        if kind.namespaced:
            if not asked.namespace:
                raise Refusal(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
            if meta.setdefault("namespace", asked.namespace) != asked.namespace:
                raise Refusal(
                    400, "BadRequest", "the namespace of the provided object does not match the namespace sent on the request"
                )
        else:
            meta.pop("namespace", None)
        if not meta.get("name") or not _NAME.fullmatch(meta["name"].replace(":", "-")) or len(meta["name"]) > 253:
            raise Refusal(422, "Invalid", f"metadata.name: Invalid value: {meta.get('name')!r}")

    def _born(self, kind: Resource, new: dict[str, Any], asked: Asked) -> dict[str, Any]:
        meta = new["metadata"]
        if self._store.get(kind.name, asked.namespace, meta["name"]) is not None:
            raise self._exists(kind, meta["name"])
        if kind.namespaced:
            space = self._store.get("namespaces", "", asked.namespace)
            if space is None:
                raise Refusal(404, "NotFound", f'namespaces "{asked.namespace}" not found',
                              details={"name": asked.namespace, "kind": "namespaces"})  # fmt: skip
            if space.obj["metadata"].get("deletionTimestamp"):
                cause = {
                    "reason": "NamespaceTerminating",
                    "message": f"namespace {asked.namespace} is being terminated",
                    "field": "metadata.namespace",
                }
                raise Refusal(
                    403, "Forbidden",
                    f'{kind.plural} "{meta["name"]}" is forbidden: unable to create new content in namespace {asked.namespace} '
                    "because it is being terminated", details={"causes": [cause]},
                )  # fmt: skip
        if kind.status and kind.plural not in ("namespaces", "pods", "nodes"):
            new.pop("status", None)
        made = copy.deepcopy(new)
        made["metadata"].update(uid=str(uuid.uuid4()), creationTimestamp=now())
        made["metadata"].pop("deletionTimestamp", None)
        made["metadata"]["generation"] = 1
        return made

    def _keep(self, kind: Resource, live: dict[str, Any], new: dict[str, Any], below: str) -> dict[str, Any]:
        """*new* with what an update cannot change, and its generation."""
        old, meta = live["metadata"], dict(new["metadata"])
        for name in ("uid", "creationTimestamp", "generation", "deletionTimestamp", "namespace"):
            if name in old:
                meta[name] = old[name]
            else:
                meta.pop(name, None)
        meta["resourceVersion"] = old["resourceVersion"]
        made = {**new, "metadata": meta}
        if below == "status":
            made = {**live, "metadata": {**old}, **({"status": new["status"]} if "status" in new else {})}
            if "managedFields" in meta:
                made["metadata"]["managedFields"] = meta["managedFields"]
            return made
        if kind.status:
            made.pop("status", None)
            if "status" in live:
                made["status"] = live["status"]
        return made

    def _fit(
        self, request: Request, kind: Resource, version: str, new: dict[str, Any], live: dict[str, Any] | None
    ) -> dict[str, Any]:
        """*new* with defaults and checked; the generation grows with every change outside metadata and status."""
        if kind.schemas:
            new = definitions.checked(kind, version, new, live, strict=request.query.get("fieldValidation") == "Strict")
            new = self._api.shown(kind, kind.stored if kind.stored in kind.versions else version, new)
        else:
            new = copy.deepcopy(new)
            count = next(self._addresses)
            defaults.put_in(
                kind.name, new, f"10.96.{count // 250 % 250}.{count % 250 + 1}" if kind.plural == "services" else ""
            )
            self._valid(kind, new, live)
        if kind.plural == "customresourcedefinitions":
            new.setdefault("status", {})["conditions"] = [
                {"type": one, "status": "True", "reason": "Accepted", "message": "", "lastTransitionTime": now()}
                for one in ("NamesAccepted", "Established")
            ]
            try:
                definitions.resource(new)
            except (KeyError, ValueError, StopIteration) as error:
                raise Refusal(422, "Invalid", f"the definition is not valid: {error!r}") from error
        if live is not None:
            generation = live["metadata"].get("generation", 1)
            changed = _desired(live) != _desired(new)
            new["metadata"]["generation"] = generation + (1 if changed else 0)
        return new

    def _valid(self, kind: Resource, new: dict[str, Any], live: dict[str, Any] | None) -> None:
        """The rules of built-in kinds that tests meet."""
        spec = new.get("spec") or {}
        if kind.name == "deployments.apps":
            chosen = (spec.get("selector") or {}).get("matchLabels") or {}
            labels = (spec.get("template", {}).get("metadata") or {}).get("labels") or {}
            problem = ""
            if not spec.get("selector"):
                problem = "spec.selector: Required value"
            elif any(labels.get(name) != value for name, value in chosen.items()):
                problem = "spec.template.metadata.labels: Invalid value: `selector` does not match template `labels`"
            elif live is not None and live["spec"]["selector"] != spec["selector"]:
                problem = "spec.selector: Invalid value: field is immutable"
            elif not spec["template"]["spec"].get("containers"):
                problem = "spec.template.spec.containers: Required value"
            if problem:
                name = new["metadata"]["name"]
                raise Refusal(422, "Invalid", f'Deployment.apps "{name}" is invalid: {problem}')

    def _scale(self, request: Request, kind: Resource, asked: Asked, live: dict[str, Any] | None, form: str) -> Answer:
        from tests.simulators.kube.api import scale_of

        if live is None:
            raise not_found(kind.group, kind.plural, asked.name)
        told = scale_of(live)
        wanted = patching.merge(told, request.object()) if asked.verb == "patch" else request.object()
        held = self._store.get(kind.name, asked.namespace, asked.name)
        new = copy.deepcopy(live)
        new["spec"]["replicas"] = wanted["spec"]["replicas"]
        if new["spec"] != live["spec"]:
            new["metadata"]["generation"] += 1
            owners = [Owned(o.manager, o.operation, o.subresource, o.version, o.time, set(o.fields)) for o in held.owners]
            manager = request.query.get("fieldManager") or "scale"
            fields.update(live, new, owners, kind.shape(kind.stored), manager=manager, subresource="scale",
                          version=kind.version(kind.stored), now=now())  # fmt: skip
            new = self._store.put(kind.name, new, owners).obj
        return of(scale_of(new))

    async def _delete(self, request: Request, kind: Resource, version: str, asked: Asked, user: User) -> Answer:
        held = self._store.get(kind.name, asked.namespace, asked.name)
        if held is None:
            raise not_found(kind.group, kind.plural, asked.name)
        options = request.object() if request.body else {}
        wanted = options.get("preconditions") or {}
        meta = held.obj["metadata"]
        for name in ("uid", "resourceVersion"):
            if wanted.get(name, meta[name]) != meta[name]:
                raise self._conflict(
                    kind,
                    asked.name,
                    f"Precondition failed: {name} in precondition: {wanted[name]}, in object meta: {meta[name]}",
                )
        about = admission.review(kind, version, asked, None, held.obj, user, dry=False, operation="DELETE")
        admission.policies(self._store, asked, version, about)
        await admission.webhooks(self._store, asked, version, about, self._api.services)
        if request.query.get("dryRun") == "All" or options.get("dryRun"):
            return self._api._one(request, kind, version, held)
        policy = request.query.get("propagationPolicy") or options.get("propagationPolicy") or "Background"
        left = self.delete(kind, asked.namespace, asked.name, policy)
        if left is not None:
            return self._api._one(request, kind, version, left)
        details = {"name": asked.name, "group": kind.group, "kind": kind.plural, "uid": meta["uid"]}
        return of({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})

    def delete(self, kind: Resource, namespace: str, name: str, policy: str = "Background") -> Held | None:
        """Delete it, or mark it if something has to happen before: then it is the answer."""
        held = self._store.get(kind.name, namespace, name)
        if held is None:
            return None
        meta = held.obj["metadata"]
        graceful = kind.name == "pods" and self._api.upkeep.kubelet and (held.obj["spec"].get("nodeName"))
        if meta.get("finalizers") or kind.name == "namespaces" or graceful:
            if meta.get("deletionTimestamp"):
                return held
            obj = copy.deepcopy(held.obj)
            obj["metadata"].update(deletionTimestamp=now(), generation=meta.get("generation", 1) + 1)
            if kind.name == "namespaces":
                obj["status"]["phase"] = "Terminating"
            return self._store.put(kind.name, obj, held.owners)
        if policy == "Orphan":
            self._api.upkeep.orphan(meta["uid"])
        self._store.remove(kind.name, namespace, name)
        return None

    def _within_quota(self, kind: Resource, asked: Asked) -> None:
        """ResourceQuota by count (Kubernetes, "Resource Quotas")."""
        if not asked.namespace:
            return
        for (namespace, name), held in self._store.of("resourcequotas").items():
            if namespace != asked.namespace:
                continue
            for what, most in (held.obj["spec"].get("hard") or {}).items():
                counted = what.removeprefix("count/")
                used = sum(1 for place, _ in self._store.of(kind.name) if place == namespace)
                if counted == kind.name and used >= int(most):
                    raise Refusal(
                        403, "Forbidden",
                        f'{kind.name} "{asked.name}" is forbidden: exceeded quota: {name}, requested: {what}=1, used: '
                        f"{what}={used}, limited: {what}={most}",
                    )  # fmt: skip

    @staticmethod
    def _same(live: dict[str, Any], new: dict[str, Any]) -> bool:
        return live == {**new, "metadata": {**new["metadata"], "resourceVersion": live["metadata"]["resourceVersion"]}}

    @staticmethod
    def _exists(kind: Resource, name: str) -> Refusal:
        return Refusal(409, "AlreadyExists", f'{kind.name} "{name}" already exists',
                       details={"name": name, "group": kind.group, "kind": kind.plural})  # fmt: skip

    def _stale(self, kind: Resource, asked: Asked) -> Refusal:
        return self._conflict(
            kind, asked.name, "the object has been modified; please apply your changes to the latest version and try again"
        )

    @staticmethod
    def _conflict(kind: Resource, name: str, text: str) -> Refusal:
        return Refusal(409, "Conflict", f'Operation cannot be fulfilled on {kind.name} "{name}": {text}',
                       details={"name": name, "group": kind.group, "kind": kind.plural})  # fmt: skip


def _owned(owners: list[Owned]) -> dict[tuple[str, str, str], frozenset[fields.Path]]:
    return {(one.manager, one.operation, one.subresource): frozenset(one.fields) for one in owners}


def _desired(obj: dict[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in obj.items() if name not in ("metadata", "status", "apiVersion", "kind")}


def _normal(name: str, applied: dict[str, Any]) -> dict[str, Any]:
    """*applied* with its quantities as the server writes them, so that equal values do not conflict."""
    spec = applied.get("spec")
    if name in ("deployments.apps", "replicasets.apps") and isinstance(spec, dict):
        for one in (spec.get("template", {}).get("spec") or {}).get("containers") or ():
            for part in ("limits", "requests"):
                amounts = (one.get("resources") or {}).get(part) or {}
                for key, value in amounts.items():
                    amounts[key] = defaults.quantity(value)
    return applied
