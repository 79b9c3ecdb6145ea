"""The SBOM gate: its examples hold, and the smallest change for the worse turns it, at exactly the rule that asks."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from arcops.finding import Outcome
from arcops.seen.content import Content
from arcops.seen.sboms import Component, Dependency, Sboms, SbomSeen
from arcops.seen.tree import FileSeen, Tree, Trouble
from arcops.subject import Digest
from arcops.verdict import Verdict
from artifacts.wire import from_json, to_json
from gates.model.sbom.elements import Demand, ElementLevel, ElementScope
from gates.model.sbom.examples import DOCUMENT, FILES, LIBRARY, ROOT, TREE
from gates.model.sbom.files import Binding, Described
from gates.model.sbom.gate import RULES, SbomPolicy, sbom
from tests.evidence import NOW, judged

pytestmark = pytest.mark.requirement("ARC-A3/minimum-elements-are-judged")

POLICY = SbomPolicy()
GATE: Any = sbom


def outcomes(
    *documents: SbomSeen, tree: Tree = TREE, policy: SbomPolicy = POLICY, name: str = "model"
) -> tuple[Verdict, dict[str, Outcome]]:
    result = judged(GATE, policy, (tree, Sboms(documents=documents)), subject_name=name)
    worst: dict[str, Outcome] = {}
    for finding in result.findings:
        if finding.rule not in worst or finding.outcome.verdict > worst[finding.rule].verdict:
            worst[finding.rule] = finding.outcome
    return result.verdict, worst


def with_library(**changes: Any) -> SbomSeen:
    return replace(DOCUMENT, components=(*DOCUMENT.components[:-1], replace(LIBRARY, **changes)))


def with_root(**changes: Any) -> SbomSeen:
    return replace(DOCUMENT, root=replace(ROOT, **changes))


def with_file(**changes: Any) -> SbomSeen:
    first, *others = DOCUMENT.components
    return replace(DOCUMENT, components=(replace(first, **changes), *others))


@pytest.mark.parametrize("example", list(sbom.examples()), ids=lambda example: example.name)
def test_every_example_gets_its_verdict(example: Any) -> None:
    assert judged(GATE, example.policy, example.evidence).verdict is example.verdict


def test_the_examples_show_every_colour() -> None:
    assert {example.verdict for example in sbom.examples()} == set(Verdict)


def test_a_good_sbom_answers_every_rule_with_pass() -> None:
    verdict, answers = outcomes(DOCUMENT)
    assert verdict is Verdict.GREEN
    assert answers == {rule.id: Outcome.PASS for rule in RULES}


OTHER = Digest(algorithm="sha256", value="0" * 64)

MUTATIONS: dict[str, tuple[str, Outcome, SbomSeen]] = {
    "a problem": ("valid", Outcome.FAIL, replace(DOCUMENT, problems=("something is wrong.",))),
    "an old version": ("accepted", Outcome.FAIL, replace(DOCUMENT, spec_version="1.2")),
    "an unknown format": ("accepted", Outcome.FAIL, replace(DOCUMENT, format="unknown", spec_version="")),
    "no supplier of the root": ("supplier", Outcome.FAIL, with_root(supplier="")),
    "no supplier of a library": ("supplier", Outcome.WARN, with_library(supplier="")),
    "no name of a library": ("component-name", Outcome.FAIL, with_library(name="")),
    "no version of a library": ("version", Outcome.FAIL, with_library(version="")),
    "no version of the root": ("version", Outcome.FAIL, with_root(version="")),
    "no identifier of a library": ("identifier", Outcome.FAIL, with_library(purl="")),
    "no identifier of the root": ("identifier", Outcome.FAIL, with_root(purl="")),
    "no dependencies": ("relationships", Outcome.FAIL, replace(DOCUMENT, dependencies=())),
    "a library that nothing needs": (
        "relationships",
        Outcome.FAIL,
        replace(DOCUMENT, dependencies=(Dependency(ref="root", on=("file:config.json", "file:model.safetensors")),)),
    ),
    "no author": ("author", Outcome.FAIL, replace(DOCUMENT, authors=())),
    "no time stamp": ("timestamp", Outcome.FAIL, replace(DOCUMENT, created=None)),
    "no hash of a file": ("hash", Outcome.FAIL, with_file(digests=())),
    "no hash of the root": ("hash", Outcome.FAIL, with_root(digests=())),
    "no licence of a library": ("licence", Outcome.WARN, with_library(licences=())),
    "no tool": ("tool", Outcome.WARN, replace(DOCUMENT, tools=())),
    "no generation context": ("context", Outcome.WARN, replace(DOCUMENT, contexts=())),
    "a day too old": ("age", Outcome.FAIL, replace(DOCUMENT, created=NOW - timedelta(days=366))),
    "made in the future": ("age", Outcome.FAIL, replace(DOCUMENT, created=NOW + timedelta(minutes=6))),
    "the root's digest is another's": ("subject", Outcome.FAIL, with_root(digests=(OTHER,))),
    "no root": ("subject", Outcome.FAIL, replace(DOCUMENT, root=None)),
    "a file's hash is another's": ("files-match", Outcome.FAIL, with_file(digests=(OTHER,))),
    "two hashes for a file": ("files-match", Outcome.FAIL, with_file(digests=(OTHER, *DOCUMENT.components[0].digests))),
    "a file that is not there": ("files-match", Outcome.FAIL, with_file(path="absent.json")),
    "a hash that cannot be compared": (
        "files-match",
        Outcome.WARN,
        with_file(digests=(Digest(algorithm="sha1", value="0" * 40),)),
    ),
    "a file that is not listed": (
        "files-described",
        Outcome.FAIL,
        replace(DOCUMENT, components=DOCUMENT.components[1:]),
    ),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_the_smallest_change_turns_the_rule_that_asks(mutation: str) -> None:
    rule, outcome, document = MUTATIONS[mutation]
    verdict, answers = outcomes(document)
    assert answers[f"sbom/{rule}"] is outcome
    assert verdict is (Verdict.AMBER if outcome is Outcome.WARN else Verdict.RED)


def test_every_rule_has_a_mutation() -> None:
    assert {f"sbom/{rule}" for rule, _, _ in MUTATIONS.values()} == {rule.id for rule in RULES}


def test_the_limits_themselves_are_allowed() -> None:
    assert outcomes(replace(DOCUMENT, created=NOW - timedelta(days=365)))[0] is Verdict.GREEN
    assert outcomes(replace(DOCUMENT, created=NOW + timedelta(minutes=5)))[0] is Verdict.GREEN


def file(path: str, *, code: bool = False, executable: bool = False) -> FileSeen:
    return FileSeen(path=path, size=1, sha256="1" * 64, executable=executable, content=Content(format="other", code=code))


def plus(*files: FileSeen) -> Tree:
    return replace(TREE, files=tuple(sorted((*FILES, *files), key=lambda one: one.path)))


@pytest.mark.parametrize("path", ["sbom.cdx.json", "sbom.spdx.json", "model.sig", "model.sigstore.json", "build.intoto.jsonl"])
def test_what_speaks_about_the_subject_need_not_be_listed(path: str) -> None:
    assert outcomes(DOCUMENT, tree=plus(file(path)))[0] is Verdict.GREEN


@pytest.mark.parametrize("hidden", [file("model.sig", code=True), file("bom.json", executable=True), file("model.sig.bin")])
def test_nothing_that_could_run_hides_behind_such_a_name(hidden: FileSeen) -> None:
    verdict, answers = outcomes(DOCUMENT, tree=plus(hidden))
    assert verdict is Verdict.RED
    assert answers["sbom/files-described"] is Outcome.FAIL


@pytest.mark.parametrize("asked", [Described.ALL, Described.WEIGHTS])
@pytest.mark.parametrize("level", [ElementLevel.FAIL, ElementLevel.WARN])
def test_it_is_unknown_whether_a_file_that_could_not_be_read_is_listed(asked: Described, level: ElementLevel) -> None:
    policy = replace(POLICY, must_describe=asked, undescribed=level)
    unread = replace(TREE, troubles=tuple(Trouble(path=f"pipe-{number}", reason="it is a pipe") for number in range(1000)))
    answers = outcomes(DOCUMENT, tree=unread, policy=policy)[1]
    assert answers == {rule.id: Outcome.PASS for rule in RULES} | {"sbom/files-described": Outcome.UNKNOWN}
    assert outcomes(DOCUMENT, tree=unread, policy=replace(policy, must_describe=Described.NONE))[0] is Verdict.GREEN


def test_only_weights_must_be_listed_if_the_policy_says_so() -> None:
    weights = replace(POLICY, must_describe=Described.WEIGHTS, root=Binding.NAME, hash=Demand(level=ElementLevel.OFF))
    document = replace(DOCUMENT, root=replace(ROOT, digests=()))
    assert outcomes(document, tree=plus(file("README.md")), policy=weights)[0] is Verdict.GREEN
    assert outcomes(document, tree=plus(file("extra.gguf")), policy=weights)[1]["sbom/files-described"] is Outcome.FAIL
    warned = replace(weights, undescribed=ElementLevel.WARN)
    assert outcomes(document, tree=plus(file("extra.gguf")), policy=warned)[1]["sbom/files-described"] is Outcome.WARN


def test_a_file_may_be_listed_by_its_hash_alone() -> None:
    unnamed = with_file(path="", name="the configuration")
    assert outcomes(unnamed)[0] is Verdict.GREEN


@pytest.mark.parametrize(
    ("binding", "name", "digests", "good"),
    [
        (Binding.EITHER, "model", (), True),
        (Binding.EITHER, "other", (), False),
        (Binding.EITHER, "other", ROOT.digests, True),
        (Binding.EITHER, "model", (OTHER,), False),
        (Binding.DIGEST, "model", (), False),
        (Binding.DIGEST, "other", ROOT.digests, True),
        (Binding.NAME, "model", (OTHER,), True),
        (Binding.NAME, "other", ROOT.digests, False),
        (Binding.OFF, "other", (OTHER,), True),
    ],
)
def test_how_a_document_shows_that_it_is_about_the_subject(
    binding: Binding, name: str, digests: tuple[Digest, ...], good: bool
) -> None:
    policy = replace(POLICY, root=binding, hash=Demand(level=ElementLevel.OFF))
    answers = outcomes(with_root(name=name, digests=digests), policy=policy)[1]
    assert answers["sbom/subject"] is (Outcome.PASS if good else Outcome.FAIL)


def test_a_second_document_cannot_repair_a_broken_one() -> None:
    broken = replace(DOCUMENT, path="a.spdx.json", problems=("wrong.",))
    assert outcomes(DOCUMENT, broken)[0] is Verdict.RED
    lacking = replace(DOCUMENT, path="b.cdx.json", components=DOCUMENT.components[1:])
    verdict, answers = outcomes(broken, lacking)
    assert verdict is Verdict.RED
    assert answers["sbom/files-described"] is Outcome.FAIL, "the broken document's list must not count"


def test_a_demand_can_be_lowered_and_narrowed() -> None:
    nameless = with_library(version="")
    for demand, expected in (
        (Demand(level=ElementLevel.WARN), Outcome.WARN),
        (Demand(level=ElementLevel.OFF), Outcome.PASS),
        (Demand(scope=ElementScope.ROOT), Outcome.PASS),
        (Demand(scope=ElementScope.ROOT, beyond=ElementLevel.WARN), Outcome.WARN),
    ):
        assert outcomes(nameless, policy=replace(POLICY, version=demand))[1]["sbom/version"] is expected


def test_thousands_of_faults_are_told_in_few_findings() -> None:
    many = tuple(Component(ref=f"r{number}", name=f"n{number}", kind="library") for number in range(3000))
    document = replace(DOCUMENT, components=(*DOCUMENT.components, *many))
    result = judged(GATE, POLICY, (TREE, Sboms(documents=(document,))))
    assert result.verdict is Verdict.RED
    assert len(result.findings) < 400
    assert any("2950 more" in finding.text for finding in result.findings if finding.rule == "sbom/version")


def test_findings_name_what_they_are_about() -> None:
    result = judged(GATE, POLICY, (TREE, Sboms(documents=(with_library(version=""),))))
    (finding,) = [one for one in result.findings if one.outcome is Outcome.FAIL]
    assert (finding.rule, finding.about) == ("sbom/version", "numpy")
    assert finding.fix


def test_the_policy_has_a_wire_form() -> None:
    assert from_json(SbomPolicy, json.dumps(to_json(POLICY))) == POLICY
    assert {field.name for field in fields(SbomPolicy)} >= {"accepts", "max_age_days", "must_describe"}
