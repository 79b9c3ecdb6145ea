"""What could stop the workload itself: quotas, limit ranges, and images that cannot be pulled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from arcops.finding import Finding, Rule
from arcops.seen.cluster import Amount, LimitLine, QuotaLine, quantity
from gates.cluster.cluster.words import MIRRORS, Seen, answer, unseen
from gates.words import shown

_NO_IMAGE = frozenset(
    (
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    )
)
"""Why a container waits if its image cannot be pulled (kubelet, ``pkg/kubelet/images/types.go``)."""
_MUST_BE_SAID = frozenset(("cpu", "memory", "ephemeral-storage"))
"""If a quota counts one of these, a pod that names no amount of it is refused."""
_DEFAULT_REGISTRY = "docker.io"


def needs(amounts: tuple[Amount, ...]) -> dict[str, Decimal]:
    """What a pod of the workload asks for, which is also its limit; by resource."""
    return {one.resource: quantity(one.quantity) or Decimal(0) for one in amounts}


QUOTAS = Rule(
    id="cluster/quotas",
    asks="Do all quotas admit the workload?",
    fix="Raise the ResourceQuota, free what is used, or request less.",
)


def quotas(seen: Seen, namespace: str, wanted: Mapping[str, Decimal]) -> Iterator[Finding]:
    if not namespace:
        yield QUOTAS.passes("The policy names no namespace for the workload, so no quota was checked.", seen)
        return
    lacking = unseen(QUOTAS, seen, "resourcequotas", "namespaces")
    if lacking:
        yield from lacking
        return
    if namespace not in seen.body.namespaces:
        yield QUOTAS.fails(shown(f"There is no namespace {namespace!r}."), seen, about=namespace)
        return
    lines = [one for one in seen.body.quotas if one.namespace == namespace]
    found = (finding for one in lines for finding in _over(seen, one, wanted))
    yield from answer(
        QUOTAS, seen, found, f"The {len(lines)} quota line(s) in namespace {namespace!r} leave room for the workload."
    )


def _over(seen: Seen, one: QuotaLine, wanted: Mapping[str, Decimal]) -> Iterator[Finding]:
    resource = one.resource.removeprefix("requests.").removeprefix("limits.")
    need = Decimal(1) if one.resource in ("pods", "count/pods") else wanted.get(resource, Decimal(0))
    hard, used = quantity(one.hard), quantity(one.used)
    title = f"{one.namespace}/{one.quota} {one.resource}"
    if not need and resource in _MUST_BE_SAID:
        text = f"Quota {title} refuses pods that name no amount of {resource}, and 'asks' of the policy names none."
        yield QUOTAS.unknown(shown(text), seen, about=title)
    if not need:
        return
    if hard is None or used is None:
        text = f"Quota {title} allows {one.hard!r} and reports {one.used!r} as used; these amounts cannot be read."
        yield QUOTAS.unknown(shown(text), seen, about=title)
    elif hard - used < need:
        text = f"Quota {title} allows {one.hard}, of which {one.used} is used; the workload needs {need}."
        if one.scoped:
            text = f"{text} It counts only some pods, and whether it counts the workload's pods is not known."
        yield (QUOTAS.unknown if one.scoped else QUOTAS.fails)(shown(text), seen, about=title)


LIMITS = Rule(
    id="cluster/limit-ranges",
    asks="Do all limit ranges admit the workload?",
    fix="Change the LimitRange, or request an amount between its minimum and its maximum.",
)


def limits(seen: Seen, namespace: str, wanted: Mapping[str, Decimal]) -> Iterator[Finding]:
    lacking = unseen(LIMITS, seen, "limitranges")
    if not namespace:
        yield LIMITS.passes("The policy names no namespace for the workload, so no limit range was checked.", seen)
    elif lacking:
        yield from lacking
    else:
        lines = [one for one in seen.body.limits if one.namespace == namespace and one.kind in ("Container", "Pod")]
        found = (finding for one in lines for finding in _outside(seen, one, wanted))
        yield from answer(
            LIMITS, seen, found, f"The {len(lines)} limit range line(s) in namespace {namespace!r} admit the workload."
        )


def _outside(seen: Seen, one: LimitLine, wanted: Mapping[str, Decimal]) -> Iterator[Finding]:
    need = wanted.get(one.resource)
    title = f"{one.namespace}/{one.limits} {one.kind} {one.resource}"
    if need is None:
        return
    for word, bound in (("least", one.least), ("most", one.most)):
        number = quantity(bound)
        if bound and number is None:
            yield LIMITS.unknown(shown(f"Limit range {title} says {bound!r}, which is not an amount."), seen, about=title)
        elif number is not None and (need < number if word == "least" else need > number):
            text = f"Limit range {title} allows at {word} {bound}; the workload requests {need}."
            yield LIMITS.fails(shown(text), seen, about=title)


PULL_SECRET = Rule(
    id="cluster/pull-secret",
    asks="Does the workload's service account name the image-pull secret that the policy wants?",
    fix="Add the secret under 'imagePullSecrets' of the ServiceAccount.",
)


def pull_secret(seen: Seen, namespace: str, account: str, secret: str) -> Iterator[Finding]:
    if not secret or not namespace:
        yield PULL_SECRET.passes("The policy requires no image-pull secret.", seen)
        return
    lacking = unseen(PULL_SECRET, seen, "serviceaccounts")
    found = next((one for one in seen.body.accounts if (one.namespace, one.name) == (namespace, account)), None)
    title = f"{namespace}/{account}"
    if lacking:
        yield from lacking
    elif found is None:
        yield PULL_SECRET.fails(shown(f"There is no service account {title}."), seen, about=title)
    elif secret not in found.pull_secrets:
        yield PULL_SECRET.fails(shown(f"Service account {title} does not name the secret {secret!r}."), seen, about=title)
    else:
        text = f"Service account {title} names the secret {secret!r}; ArcOps does not read secrets."
        yield PULL_SECRET.passes(shown(text), seen)


PULLS = Rule(
    id="cluster/pulls",
    asks="Do all pods get their images?",
    fix="Check that the image is in the mirror and that the pull secret is correct; 'kubectl describe pod' says what failed.",
)


def pulls(seen: Seen, namespace: str) -> Iterator[Finding]:
    """Images that pods wait for: in the workload's own namespace a failure, elsewhere a warning."""
    lacking = unseen(PULLS, seen, "pods")
    if lacking:
        yield from lacking
        return
    found = []
    for pod in seen.body.pods:
        reasons = sorted(_NO_IMAGE.intersection(pod.waiting))
        if reasons:
            title = f"{pod.namespace}/{pod.name}"
            say = PULLS.fails if not namespace or pod.namespace == namespace else PULLS.warns
            found.append(say(shown(f"Pod {title} does not get its image: {', '.join(reasons)}."), seen, about=title))
    yield from answer(PULLS, seen, found, f"None of the {len(seen.body.pods)} pod(s) waits for an image.")


MIRROR = Rule(
    id="cluster/mirror",
    asks="Does every image come from a registry of the site?",
    fix="Copy the image into the site's registry and name it from there, or add a mirror for its registry.",
)


def mirror(seen: Seen, registries: tuple[str, ...]) -> Iterator[Finding]:
    if not registries:
        yield MIRROR.passes("The policy names no registry of the site, so images may come from anywhere.", seen)
        return
    lacking = unseen(MIRROR, seen, "pods")
    if lacking:
        yield from lacking
        return
    known = (*registries, *seen.body.mirrored)
    foreign: dict[str, str] = {}
    for pod in seen.body.pods:
        for image in pod.images:
            if not any(_from(image, one) for one in known):
                foreign.setdefault(image, f"{pod.namespace}/{pod.name}")
    # Without the mirror sets, it is not known which foreign names are pulled from the site's mirror.
    doubt = unseen(MIRROR, seen, *MIRRORS)
    if foreign and doubt:
        yield from doubt
        return
    found = (
        MIRROR.fails(shown(f"Image {image} of pod {pod} does not come from a registry of the site."), seen, about=shown(image))
        for image, pod in sorted(foreign.items())
    )
    yield from answer(MIRROR, seen, found, "Every image comes from a registry of the site, or from one that it mirrors.")


def _from(image: str, registry: str) -> bool:
    """Is *image*, by its full name, below *registry*, such as ``registry.site`` or ``registry.site/models``?"""
    first = image.partition("/")[0]
    named = "/" in image and ("." in first or ":" in first or first == "localhost")
    full = image if named else f"{_DEFAULT_REGISTRY}/{image if '/' in image else f'library/{image}'}"
    base = registry.rstrip("/")
    # After a full path comes a tag or digest; after a bare host, a colon begins a port, so it is another registry.
    return full.startswith((f"{base}/", f"{base}:", f"{base}@") if "/" in base else f"{base}/")
