"""The policy on docs/access.md is one that counts, with the tools that there are."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from capabilities.access.known import known_objects
from foundation.authorization.authorizing import Authorization, decide
from tests.foundation.authorization.sites import caller, write

pytestmark = pytest.mark.requirement("BASE-3/roles-down-to-a-tool")

PAGE = Path(__file__).resolve().parents[3] / "docs" / "access.md"


def test_the_policy_of_the_page_decides_as_the_page_says(tmp_path: Path) -> None:
    blocks = dict(re.findall(r"```(yaml|cedar)\n(.*?)```", PAGE.read_text(), re.DOTALL))
    write(tmp_path / "access", blocks["yaml"], site=blocks["cedar"])
    at = Authorization(tmp_path / "access", known_objects())
    assert not at.policy().wrong
    known, other = caller(id="7f3"), replace(caller("gpu-team"), issuer="https://other.example.org")
    assert decide(known, "call", "check_gpus", None, at).allowed
    assert decide(caller("gpu-team"), "call", "check_gpus", None, at).allowed
    assert not decide(other, "call", "check_gpus", None, at).allowed
    for scopes in ((), ("trust",)):
        assert not decide(replace(known, scopes=frozenset(scopes)), "call", "new_key", None, at).allowed
    checking = replace(known, scopes=frozenset(("check",)))
    assert decide(checking, "call", "check_model", {"target": "lab/a"}, at).allowed
    assert not decide(checking, "call", "check_model", {"target": "a"}, at).allowed
