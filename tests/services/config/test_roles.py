"""Roles that leave a way to release alone, or none to release at all, are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from arcops.errors import Refused
from artifacts.client_release import ReleaseKind
from services.config.envelopes import opened, signed
from services.config.roles import Roles, read_roles
from services.config.rows import State
from tests.services.config.place import DRAFT, site

pytestmark = pytest.mark.requirement("CONF-SEC/roles-and-keys")

A, B, C = (f"sha256:{one * 64}" for one in "abc")


@pytest.mark.parametrize("approvals", [1, 2])
def test_a_revert_needs_no_fewer_approvals_than_a_release(approvals: int) -> None:
    assert Roles(publishers=(A,), approvers=(B, C), approvals=approvals).needed(ReleaseKind.REVERT) == approvals
    assert Roles(publishers=(A,), approvers=(B, C), approvals=1, emergency=2).needed(ReleaseKind.REVERT) == 2
    with pytest.raises(Refused, match="calling it a revert"):
        Roles(publishers=(A,), approvers=(B, C), approvals=approvals, emergency=approvals - 1)


@pytest.mark.parametrize(
    ("publishers", "approvers", "approvals"),
    [((A,), (A,), 1), ((A, B), (B,), 1), ((A,), (A, B), 2), ((A,), (B, B), 2), ((A,), (), 1)],
)
def test_roles_under_which_a_publisher_could_never_be_approved(
    publishers: tuple[str, ...], approvers: tuple[str, ...], approvals: int
) -> None:
    with pytest.raises(Refused, match="never be approved"):
        Roles(publishers=publishers, approvers=approvers, approvals=approvals)
    assert Roles(publishers=publishers, approvers=(*approvers, *(B, C)), approvals=approvals)


def test_a_file_of_roles_from_before_says_what_to_do(tmp_path: Path) -> None:
    text = f"publishers: ['{A}']\napprovers: ['{B}']\napprovals: 1\n"
    (tmp_path / "client-roles.yaml").write_text(text)
    assert read_roles(tmp_path).needed(ReleaseKind.REVERT) == 1
    (tmp_path / "client-roles.yaml").write_text(text + "emergency: 0\n")
    with pytest.raises(Refused, match="leave 'emergency' out"):
        read_roles(tmp_path)


def test_only_a_key_of_the_log_releases(tmp_path: Path) -> None:
    """An approver whose key is not one of the log's sends the signature to one who has such a key."""
    import base64
    from dataclasses import replace

    made = site(tmp_path, approvals=1)
    made.roles = replace(made.roles, logs=(made.other_key.public.id,))
    one = made.publisher().publish(DRAFT, changelog="First.", signer=made.publisher_key).publication
    with pytest.raises(Refused, match="may not sign the log"):
        made.publisher().approve(one.id, log=made.publisher_key, approver=made.approver_key)
    given = base64.b64encode(signed(opened(one.envelopes[0].encode()).payload, made.approver_key).signature).decode()
    done = made.publisher().approve(one.id, log=made.other_key, signatures=(given,))
    assert done.publication.state is State.RELEASED
    made.roles = replace(made.roles, approvals=0)
    with pytest.raises(Refused, match="may not sign the log"):
        made.publisher().publish(DRAFT.replace(b"1.0.0", b"1.1.0"), changelog="x", signer=made.publisher_key)
    assert not made.rows.waiting()
    made.database.close()
    made.store.close()
