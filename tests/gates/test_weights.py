"""The gate `weights`: what was allowed passes, and the smallest step beyond it is RED."""

from __future__ import annotations

from dataclasses import replace

import pytest

from arcops.finding import Outcome
from arcops.result import GateResult
from arcops.seen.content import Content
from arcops.seen.tree import FileSeen, Tree, Trouble
from arcops.verdict import Verdict
from gates.listing import MOST
from gates.model.weights.gate import SAFE_FORMATS, TORCH_TENSOR_IMPORTS, WeightsPolicy, weights
from tasks.model.content import describe
from tasks.model.content.window import Window
from tests.evidence import judged

pytestmark = pytest.mark.requirement("ARC-A5/pickles-that-execute-are-red", "ARC-A5/headers-that-lie-are-red")


def file(path: str = "model.safetensors", form: str = "safetensors", **content: object) -> FileSeen:
    said = Content(format=form, **content)  # type: ignore[arg-type]  # the keywords of Content
    return FileSeen(path=path, size=10, sha256="5" * 64, executable=False, content=said)


def tree(*files: FileSeen) -> Tree:
    return Tree(root="9" * 64, files=files)


def verdict(*files: FileSeen, policy: WeightsPolicy | None = None) -> GateResult:
    return judged(weights, policy or WeightsPolicy(), [tree(*files)])


def failed(result: GateResult) -> set[str]:
    return {finding.rule for finding in result.findings if finding.outcome in (Outcome.FAIL, Outcome.UNKNOWN)}


TORCH = WeightsPolicy(formats=(*SAFE_FORMATS, "torch-zip"), imports=TORCH_TENSOR_IMPORTS)
STATE = file("pytorch_model.bin", "torch-zip", imports=("collections.OrderedDict", "torch.FloatStorage"))


def test_examples_come_out_as_they_say() -> None:
    for example in weights.examples():
        assert judged(weights, example.policy, example.evidence).verdict is example.verdict, example.name


def test_data_alone_passes_every_rule() -> None:
    result = verdict(file(), file("config.json", "json"))
    assert result.verdict is Verdict.GREEN
    assert [finding.rule for finding in result.findings] == [rule.id for rule in weights.rules]


def test_what_could_not_be_read_is_unknown() -> None:
    unread = replace(tree(file()), troubles=(Trouble(path="pipe\x1b.pkl", reason="it is a pipe"),))
    result = judged(weights, WeightsPolicy(), [unread])
    [said] = [finding for finding in result.findings if finding.outcome is not Outcome.PASS]
    assert (said.rule, said.outcome) == ("weights/readable", Outcome.UNKNOWN)
    assert said.text.isprintable()


@pytest.mark.parametrize(
    ("rule", "files", "policy"),
    [
        ("weights/present", (file("config.json", "json"),), WeightsPolicy()),
        ("weights/present", (), WeightsPolicy()),
        ("weights/readable", (file(problems=("it lies",)),), WeightsPolicy()),
        ("weights/formats", (file(), file("x", "other")), WeightsPolicy()),
        ("weights/formats", (replace(STATE, content=Content(format="torch-zip")),), WeightsPolicy()),
        ("weights/imports", (STATE,), replace(TORCH, imports=TORCH_TENSOR_IMPORTS[1:])),
        ("weights/imports", (file("m.pt", "torch-zip", imports=("torch.FloatStorag",)),), TORCH),
        ("weights/imports", (file("m.pt", "torch-zip", imports=("xtorch.FloatStorage",)),), TORCH),
        ("weights/code", (file(), file("config.json", "json", code=True)), WeightsPolicy()),
        ("weights/external", (file("m.onnx", "onnx", refers=("m.data",)),), WeightsPolicy()),
        ("weights/external", (file("a/m.onnx", "onnx", refers=("m.data",)), file("m.data", "json")), WeightsPolicy()),
        ("weights/operators", (file("m.onnx", "onnx", operators=("com.acme",)),), WeightsPolicy()),
    ],
)
def test_each_rule_fails_alone(rule: str, files: tuple[FileSeen, ...], policy: WeightsPolicy) -> None:
    result = verdict(*files, policy=policy)
    assert failed(result) == {rule}
    assert result.verdict is Verdict.RED


def test_what_the_policy_allows_passes() -> None:
    assert verdict(STATE, policy=TORCH).verdict is Verdict.GREEN
    operators = file("m.onnx", "onnx", operators=("com.acme",))
    assert verdict(operators, policy=WeightsPolicy(operator_domains=("com.acme",))).verdict is Verdict.GREEN


def test_code_that_the_policy_accepts_is_amber() -> None:
    result = verdict(file(), file("config.json", "json", code=True), policy=WeightsPolicy(code=True))
    assert result.verdict is Verdict.AMBER


def test_raw_data_of_an_onnx_model_passes_but_not_under_a_name_that_torch_would_load() -> None:
    onnx = file("a/m.onnx", "onnx", refers=("./m.onnx_data",))
    assert verdict(onnx, file("a/m.onnx_data", "other")).verdict is Verdict.GREEN
    assert failed(verdict(onnx, file("a/m.onnx_data", "elf"))) == {"weights/formats"}
    torch = file("m.onnx", "onnx", refers=("pytorch_model.bin",))
    assert failed(verdict(torch, file("pytorch_model.bin", "other"))) == {"weights/formats"}


def test_a_finding_names_the_import_and_the_file_so_that_a_waiver_covers_one_alone() -> None:
    result = verdict(file("m.pt", "torch-zip", imports=("os.system", "os.popen")), policy=TORCH)
    abouts = {finding.about for finding in result.findings if finding.outcome is Outcome.FAIL}
    assert abouts == {"os.system in m.pt", "os.popen in m.pt"}


def test_a_flood_of_findings_is_cut_and_the_rest_cannot_be_waived() -> None:
    result = verdict(*(file(f"{number:04}", "other") for number in range(MOST + 50)), file())
    of_formats = [finding for finding in result.findings if finding.rule == "weights/formats"]
    assert len(of_formats) == MOST + 1
    assert of_formats[-1].outcome is Outcome.UNKNOWN
    assert "50 more" in of_formats[-1].text


def test_names_are_said_on_one_line() -> None:
    result = verdict(file(), file("a\nb", "other"))
    assert all("\n" not in finding.text + finding.about for finding in result.findings)


def test_from_bytes_to_verdict() -> None:
    malicious = b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R."
    content = describe(Window.over(malicious), "model.safetensors")
    result = verdict(FileSeen(path="model.safetensors", size=24, sha256="5" * 64, executable=False, content=content))
    assert failed(result) == {"weights/readable", "weights/formats", "weights/imports"}
