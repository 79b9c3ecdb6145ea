"""Which policies may be named: those that ship or are registered; on one's own command line a file, too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from arcops.errors import Refused
from arcops.policy import Policy
from flows.policies.reading import load_policy, read_policy, shipped_policies
from flows.policies.registered import named_here, register, registered_policies, registered_policy

pytestmark = pytest.mark.requirement("ARC-C5/a-policy-is-found-by-its-name")

TEXT = "name: site\nvalidFor: P1D\ngates: {integrity: {}}\n"
FULL_WIDTH = "".join(chr(ord(one) + 0xFEE0) for one in "sovereign")
LENIENT = TEXT.replace("name: site", "name: sovereign")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "policies"


def own(tmp_path: Path, text: str) -> str:
    path = tmp_path / "own.yaml"
    path.write_text(text)
    return str(path)


def test_a_registered_policy_is_named_by_its_name_or_its_digest(folder: Path) -> None:
    made = register(TEXT.encode(), folder)
    assert made.path is not None
    for named in ("site", made.policy.digest):
        assert registered_policy(named, folder) == made.policy == named_here(named, folder)
    assert register(TEXT.encode(), folder) == made
    assert {one.policy.name for one in registered_policies(folder)} == {*shipped_policies(), "site"}


@pytest.mark.parametrize("named", shipped_policies())
def test_a_shipped_policy_is_registered_always(folder: Path, named: str) -> None:
    shipped = load_policy(named)
    assert registered_policy(named, folder) == registered_policy(shipped.digest, folder) == shipped
    assert register(shipped.written, folder).path is None


def test_for_remote_callers_no_file_counts_wherever_it_is(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = register(TEXT.encode(), folder)
    assert made.path is not None
    outsider = own(tmp_path, TEXT.replace("site", "other"))
    assert named_here(outsider, folder).name == "other"
    monkeypatch.chdir(tmp_path)
    for named in (
        outsider,
        "own.yaml",
        "./own.yaml",
        str(made.path),
        made.path.name,
        "",
        "SITE",
        "site.yaml",
        f"{made.policy.digest} ",
    ):
        with pytest.raises(Refused, match="registered here"):
            registered_policy(named, folder)


@pytest.mark.parametrize(
    "name", ["sovereign", "Sovereign", '"sovereign "', '" sovereign"', "sov-ereign", FULL_WIDTH, "sove.reign"]
)
@pytest.mark.parametrize("read", [named_here, lambda path, _: load_policy(path)], ids=["named here", "loaded"])
def test_the_name_of_a_shipped_policy_is_its_own(
    tmp_path: Path, folder: Path, name: str, read: Callable[[str, Path], Policy]
) -> None:
    with pytest.raises(Refused, match="rename it"):
        read(own(tmp_path, TEXT.replace("name: site", f"name: {name}")), folder)


def test_a_copy_of_a_shipped_policy_is_that_policy_until_a_byte_differs(tmp_path: Path, folder: Path) -> None:
    copy = own(tmp_path, read_policy("sovereign").decode())
    assert named_here(copy, folder) == load_policy("sovereign")
    with pytest.raises(Refused, match="rename it"):
        named_here(own(tmp_path, read_policy("sovereign").decode() + "# ours\n"), folder)


def test_what_lies_in_the_folder_is_read_strictly(folder: Path) -> None:
    register(TEXT.encode(), folder)
    (folder / ".kept-by-an-editor").write_text("anything")
    assert registered_policy("site", folder).name == "site"
    for text, said in (
        (TEXT, "both named 'site'"),
        (TEXT.replace("P1D", "P2D"), "both named 'site'"),
        (LENIENT, "rename it"),
        (TEXT.replace("integrity", "integrety"), "no gate"),
        (TEXT.replace("name: site", 'name: "s\u043evereign"'), "use at most 100"),  # with a Cyrillic o
        (TEXT.replace("name: site", 'name: "sha256:00"'), "use at most 100"),
        ("", "not one YAML mapping"),
    ):
        second = folder / "second.yaml"
        second.write_text(text)
        for ask in ("site", "other"):
            with pytest.raises(Refused, match=said):
                registered_policy(ask, folder)
        for named in ("pilot", load_policy("pilot").digest):
            assert registered_policy(named, folder) == load_policy("pilot"), "a shipped one is not shut out"
        second.unlink()
    (folder / "deep").mkdir()
    with pytest.raises(Refused, match="not a regular file"):
        registered_policy("site", folder)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TEXT.replace("P1D", "P2D"), "remove that file first"),
        (LENIENT, "rename it"),
        (TEXT.replace("site", "'../site'"), "use at most 100"),
        (TEXT.replace("site", f"sha256-{'x' * 100}"), "use at most 100"),
        (TEXT.replace("gates", "doors"), "gates"),
    ],
)
def test_what_could_be_mistaken_is_not_registered(folder: Path, text: str, said: str) -> None:
    register(TEXT.encode(), folder)
    before = sorted(folder.iterdir())
    with pytest.raises(Refused, match=said):
        register(text.encode(), folder)
    assert sorted(folder.iterdir()) == before
