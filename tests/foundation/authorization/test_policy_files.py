"""The files of a policy: read strictly, read again when they change, and never half used. What is wrong denies everything."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from unittest import mock

import pytest

from arcops.errors import Refused
from foundation.authorization import policy_files
from foundation.authorization.authorizing import OPERATOR, Authorization, decide
from foundation.authorization.policy_files import settled
from foundation.authorization.role_policy import parse_roles
from foundation.authorization.shipped import shipped_roles
from tests.foundation.authorization.sites import ANY, OBJECTS, caller, site, write

pytestmark = pytest.mark.requirement("BASE-3/a-policy-that-is-wrong-denies")

READER = caller(scopes=("read",))
NO_READING = "roles: {read: {allows: []}}\n"


def may(at: Authorization) -> bool:
    return decide(READER, "call", "show_artifact", None, at).allowed


def chain(length: int) -> str:
    links = "".join(f"  c{one}: {{inherits: [c{one + 1}]}}\n" for one in range(length))
    return f"roles:\n{links}  c{length}: {{}}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "0 documents"),
        ("[]", "not a mapping"),
        ("rolls: {}", "'rolls', which is not known"),
        ("roles: []", "not a mapping by name"),
        ("roles: {Ops: {}}", "'Ops' is no name"),
        ("roles: {ops: []}", "not a mapping"),
        ("roles: {ops: {alows: []}}", "'alows', which is not known"),
        ("roles: {ops: {allows: check_model:call}}", "not a list"),
        ("roles: {ops: {allows: [check_model]}}", "no permission"),
        ("roles: {ops: {allows: ['check_model:call ']}}", "no permission"),
        ("roles: {ops: {allows: [1]}}", "not a printable text"),
        ("roles: {ops: {allows: ['check_model:call', 'check_model:call']}}", "twice"),
        ("roles: {ops: {allows: ['chek_model:call']}}", "did you mean 'check_model'"),
        ("roles: {ops: {denies: ['chek_model:call']}}", "did you mean 'check_model'"),
        ("roles: {ops: {allows: ['check_model:cal']}}", "action 'cal'"),
        ("roles: {ops: {allows: ['check_model:approve']}}", "no action 'approve'"),
        ("roles: {ops: {allows: ['@chek:call']}}", "did you mean 'check'"),
        ("roles: {ops: {allows: ['chek_*:call']}}", "fits no tool"),
        ("roles: {ops: {allows: ['ch*ck:call']}}", "no permission"),
        ("roles: {ops: {inherits: [reed]}}", "did you mean 'read'"),
        ("roles: {ops: {inherits: [ops]}}", "circle: ops → ops"),
        ("roles: {a: {inherits: [b]}, b: {inherits: [c]}, c: {inherits: [a]}}", "circle: a → b → c → a"),
        ("roles: {read: {inherits: [ops]}, ops: {inherits: [read]}}", "circle"),
        (chain(9), "more than 8"),
        ("roles: {ops: {issuers: []}}", "at least one"),
        ("roles: {ops: {doc: [x]}}", "doc"),
        ("groups: {read: [check_model]}", "comes with ArcOps"),
        ("groups: {own: [chek_model]}", "did you mean 'check_model'"),
        ("groups: {own: check_model}", "not a list"),
        ("engines: {roles: false, cedar: false}", "nothing would decide"),
        ("engines: {roles: 'off'}", "true or false"),
        ("engines: {casbin: true}", "'casbin', which is not known"),
        ("engines: []", "not a mapping"),
        ("callers: {}", "not a list"),
        ("callers: [{issuer: i, id: x}]", "roles is not a list"),
        ("callers: [{issuer: i, roles: [read]}]", "id"),
        ("callers: [{id: x, roles: [read]}]", "issuer"),
        ("callers: [{issuer: '', id: x, roles: [read]}]", "issuer"),
        ("callers: [{issuer: i, id: x, roles: [reed]}]", "did you mean 'read'"),
        ("callers: [{issuer: i, id: x, roles: [read], email: a@b}]", "'email', which is not known"),
        ("callers: [{issuer: i, id: x, roles: []}, {issuer: i, id: x, roles: [read]}]", "twice"),
        ("callers: [{issuer: 'arcops:this-machine', id: operator, roles: []}]", "this machine"),
        ('callers: [{issuer: i, id: "x\\n", roles: []}]', "printable"),
        ("roles: {}\n---\nroles: {}\n", "2 documents"),
        ("roles: {ops: {}, ops: {}}", "twice"),
        ("roles: &a {ops: *a}", "aliases"),
        ("roles: {ops: !!python/object:os.system {}}", "tags"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_the_roles_is_refused_and_denies_everything(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(Refused, match=said) as refused:
        parse_roles(text.encode(), where="roles.yaml", objects=OBJECTS, shipped=shipped_roles(OBJECTS))
    assert "roles.yaml" in str(refused.value)
    at = site(tmp_path / "access")
    (tmp_path / "access" / "roles.yaml").write_bytes(text.encode())
    found = decide(READER, "call", "show_artifact", None, at)
    assert not found.allowed
    assert found.engines[0].rule == str(refused.value)
    assert str(tmp_path) not in found.reason
    assert decide(OPERATOR, "call", "new_key", None, at).allowed


def test_there_is_a_limit_to_roles_and_permissions() -> None:
    for name in ("MOST_ROLES", "MOST_RULES"):
        text = "roles: {ops: {allows: ['check_gpus:call', '*:connect']}}" if name == "MOST_RULES" else chain(3)
        with (
            mock.patch(f"foundation.authorization.role_policy.{name}", 8),
            pytest.raises(Refused, match="more than"),
        ):
            parse_roles(text.encode(), where="roles.yaml", objects=OBJECTS, shipped=shipped_roles(OBJECTS))


def test_the_longest_chain_of_a_file_is_followed_to_its_end(tmp_path: Path) -> None:
    at = site(tmp_path / "access", chain(8).replace("c8: {}", "c8: {allows: ['check_model:call']}"))
    assert decide(caller("c0"), "call", "check_model", None, at).allowed


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("bad.cedar", b"permit (principal", "bad.cedar (line 1) is not in the policy language"),
        ("bad.cedar", b"\xff", "UTF-8"),
        ("bad.cedar", b"permit (principal, action, resource);" + b" " * 1024 * 1024, "larger than"),
        ("roles.yml", b"roles: {}", "roles.yml"),
        ("guard.ceder", b"forbid (principal, action, resource);", "guard.ceder"),
        ("roles.yaml~", b"", "roles.yaml~"),
        ("roles.yaml", b"\xff\xfe", "cannot be read"),
    ],
)  # fmt: skip
def test_a_damaged_or_misnamed_file_denies_everything(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    at = site(tmp_path / "access", "roles: {}\n", good=ANY)
    assert may(at)
    (tmp_path / "access" / name).write_bytes(data)
    found = decide(READER, "call", "show_artifact", None, at)
    assert not found.allowed
    assert said in found.engines[0].rule
    if name != "roles.yaml":
        (tmp_path / "access" / name).unlink()
        assert may(at), "and it is right again as soon as the file is"


def test_a_new_policy_counts_at_once_and_the_one_before_it_never_again(tmp_path: Path) -> None:
    folder = tmp_path / "access"
    at = site(folder)
    first = at.policy().epoch
    assert may(at)
    write(folder, NO_READING)
    assert not may(at)
    second = at.policy().epoch
    write(folder, "roles: {read: {allows: ['@read:call']}}\n")
    assert may(at)
    third = at.policy().epoch
    write(folder, "roles: {read: {alows: ['@read:call']}}\n")
    assert not may(at), "the last good policy is not used in its place"
    assert at.policy().wrong
    write(folder, NO_READING)
    assert not may(at)
    assert at.policy().epoch == second
    assert len({first, second, third}) == 3
    assert all(one.startswith("sha256:") for one in (first, second, third))


def test_the_epoch_is_that_of_the_content(tmp_path: Path) -> None:
    one, two = site(tmp_path / "a", "roles: {}\n", x=ANY), site(tmp_path / "b", "roles: {}\n", x=ANY)
    assert one.policy().epoch == two.policy().epoch
    (tmp_path / "b" / "x.cedar").rename(tmp_path / "b" / "y.cedar")
    assert one.policy().epoch != two.policy().epoch
    three = site(tmp_path / "c", "roles: {}\n", x=f"{ANY} ")
    assert one.policy().epoch != three.policy().epoch


@pytest.mark.parametrize("lost", ["roles.yaml", "x.cedar", "folder"])
def test_what_a_site_wrote_does_not_turn_into_what_ships(tmp_path: Path, lost: str) -> None:
    folder = tmp_path / "access"
    at = site(folder, NO_READING, x="forbid (principal, action, resource);\n")
    assert not may(at)
    if lost == "folder":
        folder.rename(tmp_path / "away")
    else:
        (folder / lost).unlink()
    found = decide(READER, "call", "show_artifact", None, at)
    assert not found.allowed
    assert "is gone" in found.engines[0].rule
    assert may(Authorization(tmp_path / "nothing", OBJECTS)), "but a new start without any policy is the operator's word"


def test_a_folder_that_was_named_must_have_a_policy(tmp_path: Path) -> None:
    folder = tmp_path / "access"
    at = Authorization(folder, OBJECTS, named=True)
    assert not may(at)
    assert "is named" in at.policy().wrong
    write(folder)
    assert not may(at)
    write(folder, "roles: {}\n")
    assert may(at)


def test_cedar_of_a_site_stands_alone(tmp_path: Path) -> None:
    at = site(tmp_path / "access", x='forbid (principal, action, resource == Object::"new_key");\n')
    found = decide(READER, "call", "show_artifact", None, at)
    assert not found.allowed, "what ships would permit it, but the site's own policies permit nothing"
    assert "no policy of this site permits" in found.reason


@pytest.mark.parametrize("rested", [False, True], ids=["changed lately", "at rest"])
def test_files_that_every_user_may_change_count_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, rested: bool
) -> None:
    if rested:
        monkeypatch.setattr(policy_files, "_SETTLED_SECONDS", -1.0)
    folder = tmp_path / "access"
    at = site(folder, "roles: {}\n", x=ANY)
    assert may(at)
    (folder / "x.cedar").chmod(0o666)
    assert not may(at)
    assert "every user" in at.policy().wrong
    (folder / "x.cedar").chmod(0o644)
    assert may(at)
    folder.chmod(0o777)
    assert not may(at)
    folder.chmod(0o755)
    assert may(at)


@pytest.mark.parametrize("kind", ["fifo", "folder", "dangling"])
def test_what_is_no_file_denies_and_does_not_wait(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "access"
    at = site(folder, "roles: {}\n")
    assert may(at)
    path = folder / "x.cedar"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(folder / "nowhere")
    assert not may(at)


def test_the_folder_may_be_a_mounted_config_map(tmp_path: Path) -> None:
    """Kubernetes mounts links to a hidden folder, and exchanges the folder."""
    folder = tmp_path / "access"
    for name, text in (("..1", "roles: {}\n"), ("..2", NO_READING)):
        write(folder)
        (folder / name).mkdir()
        (folder / name / "roles.yaml").write_text(text)
    (folder / "..data").symlink_to("..1")
    (folder / "roles.yaml").symlink_to("..data/roles.yaml")
    at = Authorization(folder, OBJECTS)
    assert may(at)
    (folder / "..new").symlink_to("..2")
    (folder / "..new").replace(folder / "..data")
    assert not may(at)
    assert not at.policy().wrong


def test_a_folder_that_cannot_be_read_denies(tmp_path: Path) -> None:
    (tmp_path / "access").write_text("no folder")
    assert not may(Authorization(tmp_path / "access", OBJECTS))
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    assert not may(Authorization(tmp_path / "link", OBJECTS))
    at = site(tmp_path / "good", "roles: {}\n")
    with mock.patch.object(policy_files, "read_file", side_effect=OSError("disk")):
        assert not may(at)
    assert may(at), "and it is read again"


def test_files_that_change_while_they_are_read_are_not_mixed(tmp_path: Path) -> None:
    folder = tmp_path / "access"
    at = site(folder, "roles: {}\n", x=ANY)
    reading, read = policy_files.read_file, []

    def meanwhile(path: Path, limit: int) -> bytes:
        data = reading(path, limit)
        read.append(path)
        (folder / "x.cedar").write_text(ANY + "\n" * len(read))
        return data

    with mock.patch.object(policy_files, "read_file", side_effect=meanwhile):
        assert not may(at)
        assert "while they are read" in at.policy().wrong
    assert may(at)


def test_a_change_within_one_tick_of_the_clock_is_seen() -> None:
    seen = (("roles.yaml", 1, 1, 9, 100 * 10**9, 100 * 10**9),)
    assert not settled(seen, now=101.0)
    assert settled(seen, now=103.0)
    assert not settled(seen, now=99.0), "the clock was set back a little"
    assert settled(None)


def test_a_settled_policy_is_not_read_again(tmp_path: Path) -> None:
    at = site(tmp_path / "access", "roles: {}\n", x=ANY)
    for one in (tmp_path / "access").iterdir():
        os.utime(one, (1, 1))
    with mock.patch("foundation.authorization.authorizing.settled", return_value=True):
        assert may(at)
    with mock.patch.object(policy_files, "read_file", side_effect=AssertionError):
        assert may(at)
        write(tmp_path / "access", NO_READING)
        assert not may(at), "it is read, because the folder looks different"


def test_threads_see_one_policy_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "access"
    at = site(folder, "roles: {}\n")
    wrong: list[str] = []

    def asking() -> None:
        for number in range(40):
            found = decide(READER, "call", "show_artifact", {"n": number}, at)
            if found.allowed != (found.epoch == good):
                wrong.append(found.reason)

    good = at.policy().epoch
    threads = [threading.Thread(target=asking) for _ in range(4)]
    for one in threads:
        one.start()
    write(folder, NO_READING)
    for one in threads:
        one.join()
    assert not wrong
    assert not may(at)


def test_a_look_at_the_folder_counts_for_as_long_as_was_said(tmp_path: Path) -> None:
    """Mutation: a look that counts for ever, so that a changed policy is never seen."""
    folder, now = tmp_path / "access", [100.0]
    write(folder, "roles: {}\n")
    for one in folder.iterdir():
        os.utime(one, (1, 1))
    at = Authorization(folder, OBJECTS, look_seconds=0.05, clock=lambda: now[0])
    with mock.patch.object(policy_files.time, "time", return_value=4e9):  # long after every change
        assert may(at)
        write(folder, NO_READING)
        now[0] += 0.04
        assert may(at)
        now[0] += 0.02
        assert not may(at)
        write(folder, "roles: {}\n")
        now[0] -= 50
        assert may(at), "a clock that went back is no reason to wait"
