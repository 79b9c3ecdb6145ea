"""Who may do what (Kubernetes, "Using RBAC Authorization"; authorization.k8s.io and authentication.k8s.io)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.simulators.kube.answers import User
from tests.simulators.kube.store import Store

API_AUDIENCE = "https://kubernetes.default.svc"
ADMIN = User(name="admin", groups=("system:masters", "system:authenticated"), uid="admin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as authorization sees it; a non-resource request has only ``path``."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""


@dataclass
class Access:
    """``tokens`` are bearer tokens. ``used`` is every right that someone used: user, verb, group, resource with subresource."""

    store: Store
    tokens: dict[str, User] = field(default_factory=dict)
    audiences: dict[str, tuple[str, ...]] = field(default_factory=dict)
    used: set[tuple[str, str, str, str]] = field(default_factory=set)
    denied: list[tuple[str, str, str, str, str]] = field(default_factory=list)

    def who(self, header: str, certificate: str) -> User | None:
        if certificate:
            return ADMIN
        return self.tokens.get(header.removeprefix("Bearer "))

    def account(self, namespace: str, name: str, token: str) -> User:
        """A token for a service account."""
        user = User(
            name=f"system:serviceaccount:{namespace}:{name}",
            groups=("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"),
            uid=f"uid-{namespace}-{name}",
        )
        self.tokens[token] = user
        return user

    def may(self, user: User, asked: Asked) -> bool:
        if "system:masters" in user.groups:
            return True
        if asked.path and asked.path.startswith(("/api", "/apis", "/openapi", "/version", "/healthz", "/livez", "/readyz")):
            return True
        if asked.group == "authorization.k8s.io" and asked.resource.startswith("self"):
            return True
        for binding in self.store.of("clusterrolebindings.rbac.authorization.k8s.io").values():
            if self._bound(binding.obj, user, "") and self._allowed(binding.obj, "", asked):
                return True
        if asked.namespace:
            for (namespace, _), held in self.store.of("rolebindings.rbac.authorization.k8s.io").items():
                if (
                    namespace == asked.namespace
                    and self._bound(held.obj, user, namespace)
                    and self._allowed(held.obj, namespace, asked)
                ):
                    return True
        return False

    def _bound(self, binding: dict[str, Any], user: User, namespace: str) -> bool:
        for one in binding.get("subjects") or ():
            match one.get("kind"):
                case "ServiceAccount":
                    name = f"system:serviceaccount:{one.get('namespace', namespace)}:{one['name']}"
                    if user.name == name:
                        return True
                case "User" if user.name == one["name"]:
                    return True
                case "Group" if one["name"] in user.groups:
                    return True
        return False

    def _allowed(self, binding: dict[str, Any], namespace: str, asked: Asked) -> bool:
        ref = binding["roleRef"]
        plural = "clusterroles" if ref["kind"] == "ClusterRole" else "roles"
        held = self.store.get(f"{plural}.rbac.authorization.k8s.io", "" if plural == "clusterroles" else namespace, ref["name"])
        if held is None:
            return False
        wanted = f"{asked.resource}/{asked.subresource}" if asked.subresource else asked.resource
        for rule in held.obj.get("rules") or ():
            if asked.path:
                if asked.verb in (rule.get("verbs") or []) and asked.path in (rule.get("nonResourceURLs") or []):
                    return True
                continue
            verbs, groups, resources = (rule.get(one) or [] for one in ("verbs", "apiGroups", "resources"))
            names = rule.get("resourceNames") or []
            if (
                (asked.verb in verbs or "*" in verbs)
                and (asked.group in groups or "*" in groups)
                and (wanted in resources or "*" in resources or f"*/{asked.subresource}" in resources)
                and (not names or asked.name in names)
            ):
                return True
        return False

    def review(self, kind: str, body: dict[str, Any], user: User) -> dict[str, Any]:
        """The answer to a SubjectAccessReview, a TokenReview or one about oneself."""
        spec = body.get("spec") or {}
        if kind == "TokenReview":
            token = spec.get("token", "")
            of = self.audiences.get(token, (API_AUDIENCE,))
            common = [one for one in spec.get("audiences") or [API_AUDIENCE] if one in of]
            found = self.tokens.get(token) if common else None
            status: dict[str, Any] = {"authenticated": found is not None}
            if found is None:
                status["error"] = "invalid bearer token"
            else:
                status["user"] = {"username": found.name, "uid": found.uid, "groups": list(found.groups)}
                status["audiences"] = common
            return {**body, "status": status}
        if kind == "SelfSubjectReview":
            return {**body, "status": {"userInfo": {"username": user.name, "uid": user.uid, "groups": list(user.groups)}}}
        if kind == "SelfSubjectRulesReview":
            return {**body, "status": {"resourceRules": [], "nonResourceRules": [], "incomplete": True}}
        about = user
        if kind == "SubjectAccessReview":
            about = User(name=spec.get("user", ""), groups=tuple(spec.get("groups") or ()), uid=spec.get("uid", ""))
        told = spec.get("resourceAttributes") or {}
        path = (spec.get("nonResourceAttributes") or {}).get("path", "")
        asked = Asked(
            verb=told.get("verb", ""),
            group=told.get("group", ""),
            resource=told.get("resource", ""),
            subresource=told.get("subresource", ""),
            namespace=told.get("namespace", ""),
            name=told.get("name", ""),
            path=path,
        )
        return {**body, "status": {"allowed": self.may(about, asked)}}
