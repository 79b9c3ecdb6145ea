"""SLSA statements as values: build provenance v0.2 and v1, verification summaries v0.2 and v1, read by their specifications.

Sources: slsa.dev ``provenance/v0.2``, ``spec/v1.0/provenance``, ``verification_summary/v0.2`` and its v1.0 successor; in-toto
attestation v1 ``resource_descriptor.md`` and ``digest_set.md``. Unknown fields are ignored, as the specifications require;
a field of the wrong form is refused, and so is a missing required field.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime

from arcops.errors import Refused
from arcops.late_dataclass import dataclass
from arcops.late_pattern import late
from arcops.subject import Digest

PROVENANCE_V02 = "https://slsa.dev/provenance/v0.2"
PROVENANCE_V1 = "https://slsa.dev/provenance/v1"
SUMMARY_V02 = "https://slsa.dev/verification_summary/v0.2"
SUMMARY_V1 = "https://slsa.dev/verification_summary/v1"

_MOST = 10_000
_LEVEL = late(r"SLSA_BUILD_LEVEL_([0-9])")
_OLD_LEVEL = late(r"SLSA_LEVEL_([0-4])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Something that a statement refers to: a URI, its digests, or both."""

    uri: str = ""
    digests: tuple[Digest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """How the subject was built, in the terms of any version.

    ``sources`` are the places that the build definition names as the source, as written. ``parameters`` are the names of the
    other external parameters that have a value, sorted: the person who started the build chose them. ``started`` and
    ``finished`` are what the builder says.
    """

    builder: str
    build_type: str
    sources: tuple[str, ...] = ()
    entry_point: str = ""
    parameters: tuple[str, ...] = ()
    dependencies: tuple[Resource, ...] = ()
    invocation: str = ""
    started: datetime | None = None
    finished: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelCount:
    """``count`` of the artifact's dependencies were verified at ``level``."""

    level: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What another verifier concluded. ``levels`` and ``dependency_levels`` are sorted; v0.2's levels are written as v1's."""

    verifier: str
    verified_at: datetime
    resource_uri: str
    policy: Resource
    result: str
    levels: tuple[str, ...] = ()
    dependency_levels: tuple[LevelCount, ...] = ()


def build_level(levels: tuple[str, ...]) -> int:
    """The SLSA build level that *levels* state; 0 if they state none."""
    return max((int(match.group(1)) for match in map(_LEVEL.fullmatch, levels) if match), default=0)


def parse_provenance(predicate_type: str, predicate: object) -> Provenance:
    """The provenance in a decoded *predicate*. Raises `Refused` that names the field that is missing or has the wrong form."""
    what = "the provenance"
    root = _object(predicate, what)
    if predicate_type == PROVENANCE_V02:
        return _provenance_v02(root)
    if predicate_type == PROVENANCE_V1:
        return _provenance_v1(root)
    raise Refused(f"{predicate_type!r} is not an SLSA provenance of version 0.2 or 1")


def parse_summary(predicate_type: str, predicate: object) -> Summary:
    """The verification summary in a decoded *predicate*. Raises `Refused` that names the field that is missing or has the wrong
    form.
    """
    root = _object(predicate, "the summary")
    if predicate_type == SUMMARY_V02:
        return _summary_v02(root)
    if predicate_type == SUMMARY_V1:
        return _summary_v1(root)
    raise Refused(f"{predicate_type!r} is not an SLSA verification summary of version 0.2 or 1")


def digest_set(value: object, what: str) -> tuple[Digest, ...]:
    """An in-toto DigestSet, sorted by algorithm; ``null`` is empty. Raises `Refused` if a value is not lower-case hex."""
    members = _object(value, what, optional=True)
    if len(members) > 64:
        raise Refused(f"{what} lists {len(members)} digests of one thing")
    return tuple(Digest(algorithm=name, value=_text(members[name], f"{what}.{name}")) for name in sorted(members))


def _provenance_v02(root: Mapping[str, object]) -> Provenance:
    invocation = _object(root.get("invocation"), "invocation", optional=True)
    config = _object(invocation.get("configSource"), "invocation.configSource", optional=True)
    parameters = _object(invocation.get("parameters"), "invocation.parameters", optional=True)
    metadata = _object(root.get("metadata"), "metadata", optional=True)
    source = _text(config.get("uri"), "invocation.configSource.uri", optional=True)
    return Provenance(
        builder=_text(_object(root.get("builder"), "builder").get("id"), "builder.id"),
        build_type=_text(root.get("buildType"), "buildType"),
        sources=(source,) if source else (),
        entry_point=_text(config.get("entryPoint"), "invocation.configSource.entryPoint", optional=True),
        parameters=tuple(sorted(name for name, value in parameters.items() if not _empty(value))),
        dependencies=tuple(_resources(root.get("materials"), "materials")),
        invocation=_text(metadata.get("buildInvocationId"), "metadata.buildInvocationId", optional=True),
        started=_moment(metadata.get("buildStartedOn"), "metadata.buildStartedOn"),
        finished=_moment(metadata.get("buildFinishedOn"), "metadata.buildFinishedOn"),
    )


def _provenance_v1(root: Mapping[str, object]) -> Provenance:
    definition = _object(root.get("buildDefinition"), "buildDefinition")
    run = _object(root.get("runDetails"), "runDetails")
    metadata = _object(run.get("metadata"), "runDetails.metadata", optional=True)
    external = _object(definition.get("externalParameters"), "buildDefinition.externalParameters", optional=True)
    named = {name: tuple(_sources(name, value)) for name, value in external.items()}
    workflow = external.get("workflow")
    return Provenance(
        builder=_text(_object(run.get("builder"), "runDetails.builder").get("id"), "runDetails.builder.id"),
        build_type=_text(definition.get("buildType"), "buildDefinition.buildType"),
        sources=tuple(sorted({source for sources in named.values() for source in sources})),
        entry_point=_member(workflow, "path") or _member(external, "entryPoint"),
        parameters=tuple(
            sorted(name for name, value in external.items() if not named[name] and name != "entryPoint" and not _empty(value))
        ),
        dependencies=tuple(_resources(definition.get("resolvedDependencies"), "buildDefinition.resolvedDependencies")),
        invocation=_text(metadata.get("invocationId"), "runDetails.metadata.invocationId", optional=True),
        started=_moment(metadata.get("startedOn"), "runDetails.metadata.startedOn"),
        finished=_moment(metadata.get("finishedOn"), "runDetails.metadata.finishedOn"),
    )


def _sources(name: str, value: object) -> Iterator[str]:
    """The source that the external parameter *name* holds, in the forms of the build types that are in use.

    GitHub's ``workflow`` {repository, ref, path}; ``source`` as a URI (GitLab) or {uri, digest} (slsa-github-generator);
    ``sourceToBuild`` and ``buildConfigSource`` {repository, ref} (Google Cloud Build); a plain ``repository``.
    """
    if name in ("source", "repository", "configSource") and isinstance(value, str) and value:
        yield value
    elif name in ("workflow", "source", "sourceToBuild", "buildConfigSource", "configSource"):
        found = _member(value, "repository") or _member(value, "uri")
        if found:
            yield found


def _summary_v1(root: Mapping[str, object]) -> Summary:
    policy = _object(root.get("policy"), "policy")
    levels = root.get("verifiedLevels")
    if not isinstance(levels, list):
        raise Refused("its 'verifiedLevels' is missing or not a list")
    return _summary(
        root,
        names=("timeVerified", "resourceUri", "verificationResult", "dependencyLevels"),
        policy=policy,
        levels=[_text(level, "verifiedLevels") for level in levels[:_MOST]],
    )


def _summary_v02(root: Mapping[str, object]) -> Summary:
    return _summary(
        root,
        names=("time_verified", "resource_uri", "verification_result", "dependency_levels"),
        policy=_object(root.get("policy"), "policy"),
        levels=[_text(root.get("policy_level"), "policy_level")],
    )


def _summary(
    root: Mapping[str, object], *, names: tuple[str, str, str, str], policy: Mapping[str, object], levels: list[str]
) -> Summary:
    time, resource, result, dependencies = names
    verified_at = _moment(root.get(time), time)
    if verified_at is None:
        raise Refused(f"its {time!r} is missing")
    counts: list[LevelCount] = []
    for level, count in _object(root.get(dependencies), dependencies, optional=True).items():
        if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count < 2**53:
            raise Refused(f"its {dependencies!r} counts {level!r} with a value that is not a whole number")
        counts.append(LevelCount(level=_modern(level), count=count))
    modern = [_modern(level) for level in levels]
    if len(modern) != len(set(modern)) or sum(_LEVEL.fullmatch(level) is not None for level in modern) > 1:
        raise Refused("it states more than one level of one SLSA track, which its specification forbids")
    return Summary(
        verifier=_text(_object(root.get("verifier"), "verifier").get("id"), "verifier.id"),
        verified_at=verified_at,
        resource_uri=_text(root.get(resource), resource),
        policy=Resource(uri=_text(policy.get("uri"), "policy.uri"), digests=digest_set(policy.get("digest"), "policy.digest")),
        result=_text(root.get(result), result),
        levels=tuple(sorted(modern)),
        dependency_levels=tuple(sorted(counts, key=lambda count: (count.level, count.count))),
    )


def _modern(level: str) -> str:
    """SLSA 0.1 levels in the terms of 1.0: the old level 4 has no equal, and promises at least build level 3."""
    match = _OLD_LEVEL.fullmatch(level)
    return f"SLSA_BUILD_LEVEL_{min(int(match.group(1)), 3)}" if match else level


def _object(value: object, what: str, *, optional: bool = False) -> Mapping[str, object]:
    if value is None and optional:
        return {}
    if not isinstance(value, dict):
        raise Refused(f"its {what!r} is missing or not an object")
    return value


def _text(value: object, what: str, *, optional: bool = False) -> str:
    if value is None and optional:
        return ""
    if not isinstance(value, str) or (not value and not optional):
        raise Refused(f"its {what!r} is missing or not a string")
    return value


def _member(value: object, name: str) -> str:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def _empty(value: object) -> bool:
    return value is None or value == "" or value == {} or value == []


def _resources(value: object, what: str) -> Iterator[Resource]:
    if value is None:
        return
    if not isinstance(value, list) or len(value) > _MOST:
        raise Refused(f"its {what!r} is not a list of at most {_MOST}")
    for entry in value:
        members = _object(entry, what)
        yield Resource(uri=_text(members.get("uri"), f"{what}.uri", optional=True), digests=_loose(members.get("digest"), what))


def _loose(value: object, what: str) -> tuple[Digest, ...]:
    """Digests of dependencies, which are shown but not compared; builders write some in other encodings than hex."""
    members = _object(value, f"{what}.digest", optional=True)
    good = {name: digest for name, digest in members.items() if isinstance(digest, str) and re.fullmatch("[0-9a-f]+", digest)}
    return tuple(Digest(algorithm=name, value=good[name]) for name in sorted(good))


def _moment(value: object, what: str) -> datetime | None:
    if value is None or value == "":
        return None
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Refused(f"its {what!r} is not a time with a zone (RFC 3339)")
    return moment
