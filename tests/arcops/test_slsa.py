"""SLSA predicates: both versions become one value, and a misshapen field is refused by name."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused
from arcops.repository import repository, within
from arcops.slsa import (
    PROVENANCE_V02,
    PROVENANCE_V1,
    SUMMARY_V02,
    SUMMARY_V1,
    LevelCount,
    build_level,
    parse_provenance,
    parse_summary,
)

pytestmark = pytest.mark.requirement("ARC-A2/slsa-provenance-is-judged")

V1 = {
    "buildDefinition": {
        "buildType": "https://builds.example/workflow/v1",
        "externalParameters": {
            "workflow": {"ref": "refs/heads/main", "repository": "https://git.example/o/r", "path": ".ci/build.yml"},
            "inputs": {"debug": "yes"},
            "vars": {},
        },
        "resolvedDependencies": [{"uri": "git+https://git.example/o/r@refs/heads/main", "digest": {"gitCommit": "ab" * 20}}],
    },
    "runDetails": {
        "builder": {"id": "https://builds.example/hosted"},
        "metadata": {
            "invocationId": "run/7",
            "startedOn": "2026-11-01T08:00:00Z",
            "finishedOn": "2026-11-01T08:05:00.123456789Z",
        },
    },
}
V02 = {
    "builder": {"id": "https://builds.example/hosted"},
    "buildType": "https://builds.example/workflow@v1",
    "invocation": {
        "configSource": {"uri": "git+https://git.example/o/r@refs/heads/main", "entryPoint": ".ci/build.yml", "digest": {}},
        "parameters": {"inputs": {"debug": "yes"}, "none": None},
    },
    "metadata": {"buildInvocationId": "run/7", "buildStartedOn": "2026-11-01T08:00:00Z", "buildFinishedOn": None},
    "materials": [{"uri": "git+https://git.example/o/r", "digest": {"sha1": "ab" * 20}}],
}
SUMMARY = {
    "verifier": {"id": "https://verifier.example"},
    "timeVerified": "2026-11-01T08:00:00Z",
    "resourceUri": "pkg:generic/m@1",
    "policy": {"uri": "https://verifier.example/policy", "digest": {"sha256": "ab" * 32}},
    "verificationResult": "PASSED",
    "verifiedLevels": ["SLSA_BUILD_LEVEL_3"],
    "dependencyLevels": {"SLSA_BUILD_LEVEL_2": 7, "SLSA_BUILD_LEVEL_3": 5},
}
OLD_SUMMARY = {
    "verifier": {"id": "https://verifier.example"},
    "time_verified": "2026-11-01T08:00:00+00:00",
    "resource_uri": "pkg:generic/m@1",
    "policy": {"uri": "https://verifier.example/policy"},
    "verification_result": "PASSED",
    "policy_level": "SLSA_LEVEL_4",
    "dependency_levels": {"SLSA_LEVEL_2": 1},
}


def changed(document: object, path: str, value: object) -> object:
    """*document* with the member at the dotted *path* replaced, or removed if *value* is ``...``."""
    copied = copy.deepcopy(document)
    *steps, last = path.split(".")
    inner = copied
    for step in steps:
        inner = inner[step]  # type: ignore[index]  # the paths below are those of the documents above
    if value is ...:
        del inner[last]  # type: ignore[attr-defined]  # as above
    else:
        inner[last] = value  # type: ignore[index]  # as above
    return copied


def test_version_1_is_read() -> None:
    made = parse_provenance(PROVENANCE_V1, V1)
    assert (made.builder, made.build_type) == ("https://builds.example/hosted", "https://builds.example/workflow/v1")
    assert (made.sources, made.entry_point, made.parameters) == (("https://git.example/o/r",), ".ci/build.yml", ("inputs",))
    assert made.dependencies[0].digests[0].algorithm == "gitCommit"
    assert made.started == datetime(2026, 11, 1, 8, 0, tzinfo=UTC)


def test_version_02_is_read_as_the_same_value() -> None:
    made = parse_provenance(PROVENANCE_V02, V02)
    assert made.sources == ("git+https://git.example/o/r@refs/heads/main",)
    assert (made.entry_point, made.parameters, made.invocation) == (".ci/build.yml", ("inputs",), "run/7")
    assert made.finished is None


@pytest.mark.parametrize(
    ("parameters", "sources", "others"),
    [
        ({"source": "https://git.example/o/r", "entryPoint": "x", "vars": {"A": "b"}}, ("https://git.example/o/r",), ("vars",)),
        ({"source": {"uri": "git+https://git.example/o/r", "digest": {}}}, ("git+https://git.example/o/r",), ()),
        ({"repository": "https://git.example/o/r", "ref": "main"}, ("https://git.example/o/r",), ("ref",)),
        (
            {"sourceToBuild": {"repository": "https://a.x/x"}, "repository": "https://b.x/y"},
            ("https://a.x/x", "https://b.x/y"),
            (),
        ),
        ({"source": 3}, (), ("source",)),
        ({}, (), ()),
    ],
)
def test_the_source_is_found_where_build_types_put_it(
    parameters: dict[str, object], sources: tuple[str, ...], others: tuple[str, ...]
) -> None:
    made = parse_provenance(PROVENANCE_V1, changed(V1, "buildDefinition.externalParameters", parameters))
    assert (made.sources, made.parameters) == (sources, others)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("buildDefinition", ...),
        ("buildDefinition", []),
        ("buildDefinition.buildType", ...),
        ("buildDefinition.buildType", ""),
        ("buildDefinition.externalParameters", "x"),
        ("buildDefinition.resolvedDependencies", {}),
        ("buildDefinition.resolvedDependencies", [3]),
        ("runDetails", ...),
        ("runDetails.builder", ...),
        ("runDetails.builder.id", 3),
        ("runDetails.metadata.startedOn", "yesterday"),
        ("runDetails.metadata.startedOn", "2026-11-01T08:00:00"),
    ],
)
def test_a_misshapen_version_1_is_refused(path: str, value: object) -> None:
    with pytest.raises(Refused, match=path.split(".")[-1] if value != [3] else "resolvedDependencies"):
        parse_provenance(PROVENANCE_V1, changed(V1, path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("builder", ...),
        ("builder.id", ...),
        ("buildType", ...),
        ("invocation", []),
        ("invocation.configSource", "x"),
        ("invocation.configSource.uri", 3),
        ("materials", "x"),
        ("metadata.buildStartedOn", 3),
    ],
)
def test_a_misshapen_version_02_is_refused(path: str, value: object) -> None:
    with pytest.raises(Refused, match=path.split(".")[-1]):
        parse_provenance(PROVENANCE_V02, changed(V02, path, value))


def test_summaries_of_both_versions_are_read_as_one() -> None:
    summary, old = parse_summary(SUMMARY_V1, SUMMARY), parse_summary(SUMMARY_V02, OLD_SUMMARY)
    assert (summary.levels, old.levels) == (("SLSA_BUILD_LEVEL_3",),) * 2
    assert old.dependency_levels == (LevelCount(level="SLSA_BUILD_LEVEL_2", count=1),)
    assert summary.verified_at == old.verified_at
    assert build_level(summary.levels) == 3
    assert build_level(("FAILED", "SLSA_SOURCE_LEVEL_3")) == 0


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("verifier", ...),
        ("verifier.id", ...),
        ("timeVerified", ...),
        ("timeVerified", "soon"),
        ("resourceUri", ...),
        ("policy", ...),
        ("policy.uri", ...),
        ("policy.digest", {"sha256": "XY"}),
        ("verificationResult", ...),
        ("verifiedLevels", ...),
        ("verifiedLevels", "SLSA_BUILD_LEVEL_3"),
        ("verifiedLevels", [3]),
        ("verifiedLevels", ["SLSA_BUILD_LEVEL_1", "SLSA_BUILD_LEVEL_3"]),
        ("dependencyLevels", {"SLSA_BUILD_LEVEL_1": -1}),
        ("dependencyLevels", {"SLSA_BUILD_LEVEL_1": True}),
        ("dependencyLevels", {"SLSA_BUILD_LEVEL_1": 1.5}),
    ],
)
def test_a_misshapen_summary_is_refused(path: str, value: object) -> None:
    with pytest.raises(Refused):
        parse_summary(SUMMARY_V1, changed(SUMMARY, path, value))


def test_each_parser_takes_its_own_kind_alone() -> None:
    with pytest.raises(Refused, match="not an SLSA provenance"):
        parse_provenance("https://slsa.dev/provenance/v1-rc1", V1)
    with pytest.raises(Refused, match="not an SLSA verification summary"):
        parse_summary(PROVENANCE_V1, SUMMARY)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@given(st.sampled_from(sorted({"buildDefinition", "runDetails", "builder", "buildType", "invocation", "materials"})), _JSON)
def test_any_predicate_is_read_or_refused(name: str, value: object) -> None:
    for kind, document in ((PROVENANCE_V1, V1), (PROVENANCE_V02, V02)):
        try:
            said = repr(parse_provenance(kind, json.loads(json.dumps({**document, name: value}))))
        except Refused as error:
            said = str(error)
        assert said


@pytest.mark.parametrize(
    ("address", "prefix", "inside"),
    [
        ("git+https://git.example/o/r@refs/heads/main", "https://git.example/o/r", True),
        ("https://git.example/o/r.git", "https://git.example/o", True),
        ("https://GIT.example/o/r/", "https://git.example/o/r.git", True),
        ("https://git.example/o/r", "https://git.example", True),
        ("https://git.example/organisation/r", "https://git.example/o", False),
        ("https://git.example.evil/o/r", "https://git.example", False),
        ("http://git.example/o/r", "https://git.example/o/r", False),
        ("https://git.example/O/r", "https://git.example/o/r", False),
        ("https://git.example:8443/o/r", "https://git.example/o/r", False),
        ("https://git.example/o", "https://git.example/o/r", False),
    ],
)
def test_a_source_is_compared_step_by_step(address: str, prefix: str, inside: bool) -> None:
    assert within(address, prefix) is inside


@pytest.mark.parametrize(
    "address",
    [
        "",
        "git.example/o/r",
        "https://git.example@evil.example/o/r",
        "https://git.example\\@evil.example/o/r",
        "https://git.example/o/../evil",
        "https://git.example/o/%2e%2e/evil",
        "https://git.example//o/r",
        "https://git.example/o/r?x=y",
        "javascript:https://git.example/o/r",
        "https://git.example/o/r\n",
        "https://",
    ],
)
def test_an_address_that_could_be_two_places_is_refused(address: str) -> None:
    with pytest.raises(Refused):
        repository(address)
