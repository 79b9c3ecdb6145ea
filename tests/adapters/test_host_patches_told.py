"""The proposal of a patched version reaches those who are told about artifacts, once; and only one that is signed is shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from capabilities.artifact.feed import AskNew, new_artifacts
from capabilities.publishing.receivers import AddReceiver, TellReceivers, add_receiver, tell_receivers
from capabilities.server.patches_told import keep_proposal, proposal_for
from capabilities.server.patching import Proposed
from services.host.row import HostedRow, Version
from services.host.spec import Spec
from tests.adapters.test_host_advisories import place
from tests.simulators.webhook import inbox

pytestmark = pytest.mark.requirement("HOST-001-004/patches-are-told")

ROW = HostedRow(
    name="time",
    current=Version(number=3, spec=Spec(package="pypi:time==1"), lock=None, author="ann", made=0, served=1),
    enabled=True,
    owner="ann",
    generation=0,
    allowed=True,
)
ONE = Proposed(name="time", known="GHSA-1 covers pkg:pypi/time@1", version=4, verdict="GREEN", fixes=("GHSA-1: fixed in 2",))


def test_a_web_address_has_it_once_and_the_server_shows_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", "a-secret-of-twenty-four-bytes-or-more")
    at = place(tmp_path)
    assert proposal_for(ROW, at) is None
    with inbox() as box:
        hook = AddReceiver(name="hook", address=box.url, secret="env:HOOK_SECRET", kinds=("patch-proposal",))
        add_receiver(hook, at)
        kept = keep_proposal(at, ROW, ONE)
        assert keep_proposal(at, ROW, ONE) == kept, "the same is one artifact"
        tell_receivers(TellReceivers(), at)
        (told,) = box.took
    assert (told["data"]["kind"], told["data"]["subject"], told["data"]["standing"]) == (
        "patch-proposal",
        "servers/time",
        "verified",
    )
    assert [one.kind for one in new_artifacts(AskNew(), at).artifacts] == ["patch-proposal"]
    shown = proposal_for(ROW, at)
    assert shown is not None
    assert (shown.version, shown.verdict, shown.fixes, shown.artifact) == (4, "GREEN", ONE.fixes, kept)
    assert keep_proposal(at, ROW, replace(ONE, verdict="RED")) != kept


def test_what_is_about_another_version_or_by_no_one_who_is_trusted_is_not_shown(tmp_path: Path) -> None:
    at = place(tmp_path)
    keep_proposal(at, ROW, ONE)
    assert proposal_for(replace(ROW, current=replace(ROW.current, number=4)), at) is None
    assert proposal_for(replace(ROW, name="other"), at) is None
    for key in at.settings.trust.rglob("*.pub"):
        key.unlink()
    assert proposal_for(ROW, at) is None
