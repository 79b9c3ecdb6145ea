"""The gate `integrity`: plain files pass, and each way to be anything else is RED."""

from __future__ import annotations

import pytest

from arcops.finding import Outcome
from arcops.result import GateResult
from arcops.seen.content import Content
from arcops.seen.tree import FileSeen, LinkSeen, Tree, Trouble
from arcops.verdict import Verdict
from gates.model.integrity import IntegrityPolicy, integrity
from tasks.model.content.signatures import EXECUTABLES
from tests.evidence import judged

pytestmark = pytest.mark.requirement("ARC-A5/unexpected-files-are-red")


def file(path: str = "model.safetensors", form: str = "safetensors", *, executable: bool = False) -> FileSeen:
    return FileSeen(path=path, size=10, sha256="5" * 64, executable=executable, content=Content(format=form))


def verdict(tree: Tree, policy: IntegrityPolicy | None = None) -> GateResult:
    return judged(integrity, policy or IntegrityPolicy(), [tree])


def of(*files: FileSeen, links: tuple[LinkSeen, ...] = (), troubles: tuple[Trouble, ...] = ()) -> Tree:
    return Tree(root="9" * 64, files=files, links=links, troubles=troubles)


def failed(result: GateResult) -> dict[str, Outcome]:
    return {finding.rule: finding.outcome for finding in result.findings if finding.outcome is not Outcome.PASS}


def test_examples_come_out_as_they_say() -> None:
    for example in integrity.examples():
        assert judged(integrity, example.policy, example.evidence).verdict is example.verdict, example.name


def test_plain_files_pass_every_rule() -> None:
    result = verdict(of(file(), file("deep/Überblick.md", "text"), file(".gitattributes", "text")))
    assert result.verdict is Verdict.GREEN
    assert [finding.rule for finding in result.findings] == [rule.id for rule in integrity.rules]


INNER = LinkSeen(path="link", target="model.safetensors", escapes=False)
OUTER = LinkSeen(path="link", target="/etc/passwd", escapes=True)


@pytest.mark.parametrize("link", [INNER, OUTER])
def test_any_link_fails(link: LinkSeen) -> None:
    assert failed(verdict(of(file(), links=(link,)))) == {"integrity/links": Outcome.FAIL}


def test_inner_links_may_be_accepted_and_outer_ones_never() -> None:
    policy = IntegrityPolicy(inner_links=True)
    assert failed(verdict(of(file(), links=(INNER,)), policy)) == {"integrity/links": Outcome.WARN}
    assert failed(verdict(of(file(), links=(OUTER,)), policy)) == {"integrity/links": Outcome.FAIL}


def test_trouble_is_unknown() -> None:
    result = verdict(of(file(), troubles=(Trouble(path="x", reason="it cannot be opened"),)))
    assert failed(result) == {"integrity/troubles": Outcome.UNKNOWN}
    assert result.verdict is Verdict.RED


@pytest.mark.parametrize("form", sorted(EXECUTABLES))
def test_a_program_fails_whatever_it_is_called(form: str) -> None:
    assert failed(verdict(of(file(), file("notes.txt", form)))) == {"integrity/executables": Outcome.FAIL}


def test_execute_permission_fails_unless_the_path_is_allowed() -> None:
    tree = of(file(), file("bin/run", "elf", executable=True))
    assert failed(verdict(of(file(executable=True)))) == {"integrity/executables": Outcome.FAIL}
    assert failed(verdict(tree)) == {"integrity/executables": Outcome.FAIL}
    assert verdict(tree, IntegrityPolicy(executables=("bin/*",))).verdict is Verdict.GREEN
    assert verdict(tree, IntegrityPolicy(executables=("sbin/*",))).verdict is Verdict.RED


@pytest.mark.parametrize(
    "names",
    [
        ("a\nb",),
        ("a\x1b[2J",),
        ("model\u202egnp.exe",),
        ("a\u200bb",),
        ("a\\b",),
        ("C:x",),
        ("a ",),
        ("deep /a",),
        ("a.",),
        ("Model.bin", "model.bin"),
        ("deep/x", "Deep/y"),
        ("é", "e\u0301"),
        ("ﬁle", "file"),
    ],
)
def test_a_confusing_name_fails(names: tuple[str, ...]) -> None:
    result = verdict(of(file(), *(file(name) for name in names)))
    assert failed(result) == {"integrity/names": Outcome.FAIL}
    assert all(finding.text.isprintable() and finding.about.isprintable() for finding in result.findings)


def test_a_link_collides_with_a_file_too() -> None:
    link = LinkSeen(path="MODEL.safetensors", target="model.safetensors", escapes=False)
    assert "integrity/names" in failed(verdict(of(file(), links=(link,))))
