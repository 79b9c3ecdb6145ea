"""The card collector, on files on disk: what it reports, and what it refuses to be fooled by."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from importlib.metadata import distribution
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused, Unavailable
from arcops.evidence import Seen
from arcops.request import Request
from arcops.seen.card import Card, Fact, LicenceSeen
from arcops.seen.content import Content
from arcops.seen.tree import FileSeen, Tree
from arcops.tier import Tier
from artifacts.wire import digest, from_json
from tasks.model.card import look
from tasks.model.front_matter import parse_front, read_card
from tasks.model.licence_text import recognise
from tests.evidence import evidence

pytestmark = pytest.mark.requirement("ARC-A6/the-card-is-read")

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CARD = """---
language: no
license: apache-2.0
datasets:
- s2orc
- ms_marco
base_model: nreimers/MiniLM
pipeline_tag: sentence-similarity
---
# A model
## Intended uses
Sentences go in and vectors come out.
## Evaluation results
Measured on fourteen public data sets.
"""


def _mit() -> str:
    """The MIT licence's text, as the installed pytest ships it."""
    (path,) = [path for path in distribution("pytest").files or () if path.name == "LICENSE"]
    return path.read_text()


MIT = _mit()


def collected(root: Path) -> Card:
    files = tuple(
        FileSeen(
            path=path.relative_to(root).as_posix(),
            size=path.stat().st_size,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            executable=False,
            content=Content(format="text"),
        )
        for path in sorted(root.rglob("*"))
        if path.is_file()
    )
    return _look(root, Tree(root="00" * 32, files=files))


def _look(root: Path, tree: Tree) -> Card:
    request = Request(target=root, kind="model", tier=Tier.AIR_GAPPED, now=NOW, trust=root, data=root, cache=root)
    body = look.look(request, Seen({Tree.KIND: evidence(tree)}, at=NOW, subject_name="model")).body
    assert digest(body)
    return body


def written(root: Path, **files: str | bytes) -> Card:
    for name, content in files.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return collected(root)


def facts(card: Card) -> dict[Fact, tuple[str, ...]]:
    return {fact.fact: fact.values for fact in card.cards[0].facts}


def only(card: Card) -> LicenceSeen:
    (licence,) = card.licences
    return licence


def test_a_card_tells_its_facts(tmp_path: Path) -> None:
    card = written(tmp_path, README_dot_md=CARD)
    told = facts(card)
    assert told[Fact.LANGUAGE] == ("no",), "a YAML 1.1 reader would have made Norwegian into False"
    assert told[Fact.DATASETS] == ("ms_marco", "s2orc")
    assert told[Fact.BASE_MODEL] == ("nreimers/MiniLM",)
    assert {Fact.INTENDED_USE, Fact.EVALUATION, Fact.TASK, Fact.LICENCE} <= set(told)
    assert Fact.LIMITATIONS not in told
    assert only(card).expression == "Apache-2.0"


def test_no_card_at_all_is_seen_and_not_hidden(tmp_path: Path) -> None:
    card = written(tmp_path, model_dot_bin=b"\0")
    assert (card.looked_at, card.cards, card.licences) == (1, (), ())


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ("## Evaluation\nMeasured on many tasks.\n", True),
        ("## Evaluation\n[More Information Needed]\n", False),
        ("## Evaluation\n<!-- Say here how it was measured. -->\n", False),
        ("## Evaluation\n\n## Next\nWords that belong elsewhere.\n", False),
        ("## Evaluation\n### Metrics\nAccuracy was measured here.\n", True),
        ("```\n## Evaluation\nMeasured on many tasks.\n```\n", False),
        ("Evaluation was done on many tasks.\n", False),
    ],
)
def test_a_section_tells_a_fact_only_with_words_of_its_own(tmp_path: Path, section: str, told: bool) -> None:
    assert (Fact.EVALUATION in facts(written(tmp_path, README_dot_md=f"---\nlicense: mit\n---\n# M\n{section}"))) is told


def test_results_in_the_front_matter_are_an_evaluation_only_with_a_value(tmp_path: Path) -> None:
    head = "---\nmodel-index:\n- name: m\n  results:\n  - metrics:\n    - type: accuracy\n"
    assert facts(written(tmp_path, README_dot_md=f"{head}      value: 0.9\n---\n"))[Fact.EVALUATION] == ("accuracy",)
    assert facts(written(tmp_path, README_dot_md=f"{head}---\n")) == {}


@pytest.mark.parametrize(
    ("front", "why"),
    [
        ("license: mit\nlicense: apache-2.0", "twice"),
        ("a: &a [x]\nb: *a", "alias"),
        ("license: !!python/object:os.system mit", "tag"),
        ("license: !custom mit", "tag"),
        ("- mit", "not a mapping"),
        ("license: [mit", "not YAML"),
        ("[a, b]: c", "not a plain name"),
        ("a: " + "[" * 40 + "]" * 40, "nested more than"),
        ("a: 1\n...\nb: 2", ""),
    ],
)
def test_an_unsound_front_matter_is_the_cards_problem(tmp_path: Path, front: str, why: str) -> None:
    card = written(tmp_path, README_dot_md=f"---\n{front}\n---\n")
    assert why in card.cards[0].problems[0]
    assert card.licences == ()


@pytest.mark.parametrize("content", [b"---\nlicense: mit\n", b"\xff\xfe-\0-\0-\0", b"---\nlicense: \x00mit\n---\n"])
def test_a_card_that_cannot_be_read_says_so(tmp_path: Path, content: bytes) -> None:
    card = written(tmp_path, README_dot_md=content)
    assert len(card.cards[0].problems) == 1
    assert card.licences == ()


@pytest.mark.parametrize("field", ["license: {a: b}", "datasets: [{a: b}]", "language: [[en]]"])
def test_a_field_of_the_wrong_shape_is_a_problem(tmp_path: Path, field: str) -> None:
    assert "neither a value nor a list" in written(tmp_path, README_dot_md=f"---\n{field}\n---\n").cards[0].problems[0]


@given(st.text(max_size=300))
def test_any_front_matter_is_read_or_refused(text: str) -> None:
    try:
        said = f"{read_card(text).body!r} {parse_front(text)!r}"
    except Refused as error:
        said = str(error)
    assert said


@pytest.mark.parametrize(
    ("front", "expression"),
    [
        ("license: mit", "MIT"),
        ("license: [mit, apache-2.0]", "MIT AND Apache-2.0"),
        ("license: other\nlicense_name: NVIDIA open model licence", "LicenseRef-NVIDIA-open-model-licence"),
        ("license: other\nlicense_name: llama3.1", "llama3.1"),
        ("license: other", "NOASSERTION"),
        ("license: llama3", "llama3"),
        ("license: gpl-3.0", "GPL-3.0-only"),
        ("license: MIT OR Apache-2.0", "MIT OR Apache-2.0"),
    ],
)
def test_the_cards_licence_becomes_an_expression(tmp_path: Path, front: str, expression: str) -> None:
    assert only(written(tmp_path, README_dot_md=f"---\n{front}\n---\n")).expression == expression


def test_a_licence_that_is_no_expression_is_kept_as_written(tmp_path: Path) -> None:
    licence = only(written(tmp_path, README_dot_md="---\nlicense: do what you like\n---\n"))
    assert (licence.stated, licence.expression) == ("do what you like", "")
    assert "not a licence expression" in licence.problem


def test_a_licence_text_is_recognised_whatever_its_layout(tmp_path: Path) -> None:
    assert recognise(MIT) == "MIT"
    assert recognise("\n".join(f"// {line}" for line in MIT.upper().replace(",", " ,").splitlines())) == "MIT"
    assert recognise(MIT.replace("Copyright (c)", "Copyright (c) 2022 An Institute for Research\nCopyright (c)")) == "MIT"
    assert only(written(tmp_path, LICENSE=MIT.encode("utf-8-sig"))).expression == "MIT"


@pytest.mark.parametrize(
    "changed",
    [
        MIT.replace("without restriction", "with restriction"),
        MIT.replace("MIT License", "MIT License, for non-commercial use"),
        MIT.replace("sublicense", "lend"),
        MIT.replace("MIT License", "MIT License for research"),
        MIT.replace("Copyright (c)", "Not for commercial use. Copyright (c)"),
        MIT + "\nThe Software shall be used for Good, not Evil.",
        MIT + MIT.replace("MIT", "Other"),
        MIT[: len(MIT) // 2],
        "word " * 80 + MIT,
        "",
    ],
)
def test_a_changed_licence_text_is_nobodys(tmp_path: Path, changed: str) -> None:
    licence = only(written(tmp_path, LICENSE=changed))
    assert licence.expression == ""
    assert licence.problem


@given(st.integers(min_value=0, max_value=160))
def test_no_word_of_a_licence_may_change(at: int) -> None:
    head, body = MIT.split("Permission", 1)
    words = ("Permission" + body).split()
    words[at] = "elephant"
    assert recognise(head + " ".join(words)) == ""


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("SPDX-License-Identifier: MIT OR Apache-2.0\n", "MIT OR Apache-2.0"),
        ("SPDX-License-Identifier: MIT\nSPDX-License-Identifier: ISC\n", ""),
        ("SPDX-License-Identifier: ???\n", ""),
        ("This model is under https://creativecommons.org/licenses/by-nc-sa/4.0/.", "CC-BY-NC-SA-4.0"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("https://creativecommons.org/licenses/by/4.0/ and https://creativecommons.org/licenses/by-nc/4.0/", ""),
        ("Ask us.", ""),
    ],
)
def test_a_short_file_may_point_to_its_licence(text: str, expression: str) -> None:
    assert recognise(text) == expression


def test_the_texts_of_this_machine_are_recognised() -> None:
    folder = Path("/usr/share/common-licenses")
    known = {"Apache-2.0": "Apache-2.0", "CC0-1.0": "CC0-1.0", "GPL-2": "GPL-2.0-only", "GPL-3": "GPL-3.0-only"}
    known |= {"LGPL-2.1": "LGPL-2.1-only", "LGPL-3": "LGPL-3.0-only", "MPL-2.0": "MPL-2.0"}
    present = {name: expression for name, expression in known.items() if (folder / name).is_file()}
    if not present:
        pytest.skip("this machine has no /usr/share/common-licenses")
    assert {name: recognise((folder / name).read_text(encoding="utf-8")) for name in present} == present


def test_an_attribution_notice_states_the_licence_that_asked_for_it(tmp_path: Path) -> None:
    notice = "Llama 3.1 is licensed under the Llama 3.1 Community License, Copyright (c) Meta Platforms, Inc."
    assert only(written(tmp_path, NOTICE=notice)).expression == "llama3.1"
    assert written(tmp_path, NOTICE="This product includes software by somebody.").licences == ()


@pytest.mark.parametrize(
    "name", ["licence_plate_dot_py", "license_dot_json", "LICENSE_dot_safetensors", "model_dot_safetensors"]
)
def test_what_is_no_licence_file_is_none(tmp_path: Path, name: str) -> None:
    assert written(tmp_path, **{name: "{}"}).licences == ()


@pytest.mark.parametrize(
    "name", ["LICENSE", "licence_dot_txt", "COPYING_dot_LESSER", "MIT-LICENSE_dot_txt", "LICENSES__MIT_dot_txt"]
)
def test_what_is_a_licence_file_is_one(tmp_path: Path, name: str) -> None:
    assert only(written(tmp_path, **{name: MIT})).expression == "MIT"


def test_a_licence_deeper_inside_is_a_parts_own(tmp_path: Path) -> None:
    card = written(tmp_path, model__README_dot_md=CARD, model__LICENSE=MIT, LICENSE=MIT, model__part__LICENSE=MIT)
    assert {licence.path: licence.own for licence in card.licences} == {
        "LICENSE": True,
        "model/LICENSE": True,
        "model/README.md": True,
        "model/part/LICENSE": False,
    }


@pytest.mark.parametrize(
    ("config", "expression", "problem"),
    [
        ('{"license": "mit", "limit": Infinity}', "MIT", ""),
        ('{"license": ["mit", "isc"]}', "MIT AND ISC", ""),
        ('{"license": 3}', "", "not a licence's name"),
        ('{"license": "mit", "license": "isc"}', "", "duplicate key"),
        ('{"license": ', "", "not JSON"),
        ("[" * 100_000, "", "nested more than 100 deep"),
    ],
)
def test_a_configuration_file_may_state_a_licence(tmp_path: Path, config: str, expression: str, problem: str) -> None:
    licence = only(written(tmp_path, config_dot_json=config))
    assert licence.expression == expression
    assert problem in licence.problem


def test_a_configuration_without_a_licence_states_none(tmp_path: Path) -> None:
    assert written(tmp_path, config_dot_json='{"hidden_size": 384}').licences == ()


def test_a_card_that_changed_since_it_was_hashed_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(CARD)
    file = FileSeen(path="README.md", size=len(CARD), sha256="00" * 32, executable=False, content=Content(format="text"))
    with pytest.raises(Unavailable, match="changed"):
        _look(tmp_path, Tree(root="00" * 32, files=(file,)))


def test_more_cards_than_anybody_reads_are_refused(tmp_path: Path) -> None:
    files = tuple(
        FileSeen(path=f"{at:04}/README.md", size=1, sha256="00" * 32, executable=False, content=Content(format="text"))
        for at in range(600)
    )
    with pytest.raises(Refused, match="at most"):
        _look(tmp_path, Tree(root="00" * 32, files=files))


def test_what_a_terminal_would_obey_is_not_passed_on(tmp_path: Path) -> None:
    card = written(tmp_path, README_dot_md='---\nbase_model: "a\\e[31mb"\n---\n')
    assert facts(card)[Fact.BASE_MODEL] == ("a\ufffd[31mb",)


def test_the_evidence_survives_the_wire(tmp_path: Path) -> None:
    from artifacts.wire import canonical, to_json

    card = written(tmp_path, README_dot_md=CARD, LICENSE=MIT)
    assert from_json(Card, canonical(to_json(card))) == card
