"""The operator's file: every key in it means something, and what is wrong lets no call through."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import ArcOpsError, Refused, Unavailable
from foundation.limits.reading import parse_limits
from foundation.limits.rules import Limits, Numbers, Rule, Where
from tests.foundation.limits.limited_sites import ACTIONS, ADA, GROUPS, Site, let

pytestmark = pytest.mark.requirement("HOST-025/rate-limits")


def read(text: str) -> Limits:
    return parse_limits(text.encode(), where="limits.yaml", actions=ACTIONS, groups=GROUPS)


GOOD = """\
counters: database
hosts: 3
rates:
  - {name: all, calls: 600, per: minute, burst: 50}
  - {name: some, tools: ["@check", "check_*:connect", "new_key", "*"], calls: 5, per: hour}
quotas:
  - name: month
    calls: 1000
    per: month
    callers: [{issuer: "https://a.example", id: "7", calls: 5}]
"""


def test_a_file_is_read_whole() -> None:
    found = read(GOOD)
    assert (found.where, found.hosts, [one.name for one in found.rules]) == (Where.DATABASE, 3, ["all", "some", "month"])
    assert found.rules[0].numbers == Numbers(calls=600, burst=50)
    assert found.rules[1].numbers == Numbers(calls=5, burst=5), "without a burst, all calls of a period may come at once"
    assert found.rules[2].callers == {("https://a.example", "", "7"): Numbers(calls=5)}
    assert found.by_action


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "0 documents"),
        ("{}", "limits nothing"),
        ("rates: []", "limits nothing"),
        ("[]", "not a mapping"),
        ("rate: []", "'rate', which is not known; do you mean 'rates'"),
        ("rates: {}", "not a list"),
        ("rates: [{name: a, calls: 1}]", "per missing"),
        ("rates: [{name: a, calls: 1, per: year}]", "per 'year'"),
        ("rates: [{name: a, per: minute}]", "no 'calls'"),
        ("rates: [{name: a, calls: 0, per: minute}]", "calls of rate 'a' is 0"),
        ("rates: [{name: a, calls: -1, per: minute}]", "is -1"),
        ("rates: [{name: a, calls: 1.5, per: minute}]", "is 1.5"),
        ("rates: [{name: a, calls: true, per: minute}]", "is True"),
        ("rates: [{name: a, calls: .inf, per: minute}]", "infinite"),
        ('rates: [{name: a, calls: "10", per: minute}]', "is '10'"),
        ("rates: [{name: a, calls: 1000000001, per: minute}]", "whole number from 1 to 1000000000"),
        ("rates: [{name: a, calls: 1, per: minute, burst: 0}]", "burst of rate 'a' is 0"),
        ("rates: [{name: A, calls: 1, per: minute}]", "the name 'A'"),
        ("rates: [{name: 'a\"', calls: 1, per: minute}]", "the name"),
        ("rates: [{calls: 1, per: minute}]", "the name missing"),
        ("rates: [{name: a, calls: 1, per: minute}, {name: a, calls: 2, per: hour}]", "two limits have the name 'a'"),
        ("rates: [{name: a, calls: 1, per: minute, call: 2}]", "'call', which is not known"),
        ("rates: [{name: a, calls: 1, per: minute, tools: []}]", "0 tools"),
        ("rates: [{name: a, calls: 1, per: minute, tools: [check_modell]}]", "'check_modell', which is no tool; do you mean"),
        ("rates: [{name: a, calls: 1, per: minute, tools: ['@chek']}]", "'@chek', which is not known"),
        ("rates: [{name: a, calls: 1, per: minute, tools: ['zz*']}]", "no tool begins so"),
        ("rates: [{name: a, calls: 1, per: minute, tools: ['check_model:fly']}]", "the action 'fly'"),
        ("rates: [{name: a, calls: 1, per: minute, tools: ['servers/']}]", "write servers/NAME/TOOL"),
        ("rates: [{name: a, calls: 1, per: minute, tools: ['servers/time']}]", "write servers/NAME/TOOL"),
        ("rates: [{name: a, calls: 1, per: minute, tools: ['servers/ti*']}]", "write servers/NAME/TOOL"),
        ("rates: [{name: a, calls: 1, per: minute, tools: ['servers/time/*:connect']}]", "the action 'connect'"),
        ("rates: [{name: a, calls: 1, per: minute, tools: [7]}]", "names 7"),
        ("rates: [{name: a, calls: 1, per: minute, callers: [{issuer: x, id: 7, calls: 1}]}]", "the id 7"),
        ("rates: [{name: a, calls: 1, per: minute, callers: [{issuer: x, calls: 1}]}]", "the id missing"),
        ("rates: [{name: a, calls: 1, per: minute, callers: [{issuer: x, id: y}]}]", "no number of its own"),
        (
            "rates: [{name: a, calls: 1, per: minute, callers: [{issuer: x, id: y, calls: 1}, {issuer: x, id: y, calls: 2}]}]",
            "the caller 'y' twice",
        ),
        ("quotas: [{name: a, calls: 1, per: day}]", "'counters' is missing"),
        ("counters: memory\nquotas: [{name: a, calls: 1, per: minute}]", "per 'minute'; use day, month"),
        ("counters: memory\nquotas: [{name: a, calls: 1, per: day, burst: 1}]", "'burst', which is not known"),
        ("counters: file\nrates: [{name: a, calls: 1, per: minute}]", "'counters' is 'file'"),
        ("counters:\nrates: [{name: a, calls: 1, per: minute}]", "'counters' is missing"),
        ("counters: redis\nrates: [{name: a, calls: 1, per: minute}]", "'hosts' is missing"),
        ("counters: redis\nhosts: 0\nrates: [{name: a, calls: 1, per: minute}]", "hosts is 0"),
        ("hosts: 2\nrates: [{name: a, calls: 1, per: minute}]", "'hosts' is for counters"),
        ("rates: [{name: a, calls: 1, per: minute}]\n---\nrates: []", "2 documents"),
        ("rates: &a []\nquotas: *a", "aliases"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(Refused) as caught:
        read(text)
    assert said in str(caught.value)
    assert "limits.yaml" in str(caught.value)


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_no_text_is_a_fault_of_ours(data: bytes) -> None:
    try:
        found = parse_limits(data, where="x", actions=ACTIONS, groups=GROUPS)
    except ArcOpsError:
        return
    assert found.rules


def test_a_file_that_goes_wrong_or_away_lets_no_call_through(tmp_path: Path) -> None:
    usual = Limits(rules=(Rule(name="usual", quota=False, per="minute", numbers=Numbers(calls=2, burst=2)),))
    site = Site(path=tmp_path / "limits.yaml", usual=usual, named=False)
    at = site.deciding()
    assert let(at, ADA, times=5) == 2, "the usual limits"
    site.write("rates: [{name: a, calls: 4, per: minute}]")
    site.clock.later(1)
    assert let(at, ADA, times=9) == 4, "a file counts without a restart"
    site.write("rates: [{name: a, calls: 40000, per: minute}, {nam: 1}]")
    site.clock.later(1)
    with pytest.raises(Unavailable, match="'nam'"):
        let(at, ADA)
    assert "'nam'" in at.file.healthy()
    assert str(tmp_path) not in at.file.healthy()
    site.write("rates: [{name: a, calls: 5, per: hour, burst: 5}]")
    site.clock.later(61)
    assert let(at, ADA, times=9) == 5
    site.path.unlink()
    site.clock.later(1)
    with pytest.raises(Unavailable, match="is not there"):
        let(at, ADA)
    assert at.told.unknown == 2


def test_a_file_of_the_same_size_and_time_is_read_again_while_it_is_young(tmp_path: Path) -> None:
    site = Site(path=tmp_path / "limits.yaml")
    at = site.deciding("rates: [{name: a, calls: 3, per: hour}]")
    status = site.path.stat()
    assert let(at, ADA, times=9) == 3
    site.write("rates: [{name: b, calls: 5, per: hour}]")
    os.utime(site.path, ns=(status.st_atime_ns, status.st_mtime_ns))
    site.clock.later(1)
    assert let(at, ADA, times=9) == 5


@pytest.mark.parametrize("what", ["missing", "open", "folder", "link", "long"])
def test_a_file_that_cannot_be_trusted_lets_no_call_through(tmp_path: Path, what: str) -> None:
    site = Site(path=tmp_path / "limits.yaml")
    if what == "folder":
        site.path.mkdir()
    elif what == "link":
        site.path.symlink_to(tmp_path / "nowhere")
    elif what != "missing":
        site.write(GOOD + ("#" * 2_000_000 if what == "long" else ""))
        if what == "open":
            site.path.chmod(0o666)
    with pytest.raises(Unavailable, match="no tool is called"):
        let(site.deciding(), ADA)
