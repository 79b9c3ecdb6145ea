"""Policies are read strictly: what an operator mistyped is an error that names the place, never a default."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused
from arcops.policy import Policy
from flows.policies.reading import Miswritten, load_policy, parse_policy, shipped_policies
from foundation.strict_yaml import JSON, load_all
from tests.sketch import NUMBER, NumberPolicy

pytestmark = pytest.mark.requirement("ARC-4/a-wrong-policy-is-an-error")

GOOD = """
name: site
validFor: P7D
gates:
  number:
    most: 4
waivers:
  - rule: number/even
    anyContent: true
    subject: model-*
    owner: Ada
    reason: accepted for the pilot
    expires: 2027-01-31T00:00:00Z
"""


def parse(text: str) -> Policy:
    return parse_policy(text.encode(), where="site.yaml", gates=[NUMBER])


def test_a_policy_is_read_whole() -> None:
    policy = parse(GOOD)
    assert policy.gates == {"number": NumberPolicy(most=4)}
    assert policy.valid_for == timedelta(days=7)
    assert policy.waivers[0].owner == "Ada"


def test_its_digest_is_of_its_bytes() -> None:
    assert parse(GOOD).digest != parse(GOOD + "# a remark").digest


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("most: 4", "moist: 4", "moist"),
        ("most: 4", "most: four", "most"),
        ("most: 4", "most: '4'", "most"),
        ("most: 4", "most: 4\n    most: 5", "twice"),
        ("number:\n", "numbers:\n", "no gate 'numbers'"),
        ("number/even", "number/evil", "no gate has"),
        ("number/even", "other/even", "no gate has"),
        ("owner: Ada", "owner: ''", "owner"),
        ("    owner: Ada\n", "", "owner"),
        ("2027-01-31T00:00:00Z", "2027-01-31T00:00:00", "time zone"),
        ("P7D", "-P7D", "positive"),
        ("validFor: P7D\n", "", "validFor"),
        ("name: site", "name: site\ncolour: green", "colour"),
        ("gates:\n  number:\n    most: 4", "gates: {}", "gates"),
        ("name: site", "name: &a site\nother: *a", "aliases"),
        ("name: site", "name: !!python/object/apply:os.system [id]", "YAML"),
        ("name: site", "name: [", "YAML"),
    ],
)
def test_a_mistake_is_refused_and_named(old: str, new: str, says: str) -> None:
    assert old in GOOD
    with pytest.raises(Refused, match=says):
        parse(GOOD.replace(old, new))


@given(st.text() | st.binary())
def test_no_bytes_crash_the_reader(data: str | bytes) -> None:
    raw = data.encode(errors="surrogatepass") if isinstance(data, str) else data
    with pytest.raises(Refused):
        parse_policy(raw, where="noise", gates=[NUMBER])


def test_words_that_look_like_booleans_stay_words() -> None:
    assert parse(GOOD.replace("name: site", "name: no")).name == "no"


@pytest.mark.parametrize("name", shipped_policies())
def test_every_shipped_policy_can_be_read(name: str) -> None:
    assert load_policy(name).name == name


def test_an_unknown_policy_is_refused_with_the_names_that_exist() -> None:
    with pytest.raises(Refused, match="nonesuch"):
        load_policy("nonesuch")


def test_a_waiver_by_a_name_alone_is_refused_with_what_to_write() -> None:
    old = GOOD.replace("    anyContent: true\n", "")
    with pytest.raises(Refused, match=r"rename a folder; add 'digest: sha256:…'.*or 'anyContent: true'"):
        parse(old)
    (waiver,) = parse_policy(old.encode(), where="kept", gates=[NUMBER], as_then=True).waivers
    assert waiver.by_name_alone
    (named,) = parse(GOOD.replace("anyContent: true\n    subject: model-*", f"digest: sha256:{'ab' * 32}")).waivers
    assert (named.digest, named.subject) == (f"sha256:{'ab' * 32}", "*")
    for wrong in ("anyContent: false", "anyContent: 'yes'", "digest: model-*", "digest: ''", "digest: '*'"):
        with pytest.raises(Refused):
            parse(GOOD.replace("anyContent: true", wrong))


def test_no_policy_holds_a_waiver_by_a_name_alone() -> None:
    (waiver,) = parse(GOOD).waivers
    with pytest.raises(Refused, match="by a subject's name alone"):
        replace(parse(GOOD), waivers=(replace(waiver, any_content=False),))


@pytest.mark.parametrize(
    "gates",
    [
        "signatures: {signers: [{key: '*', subjects: [SUBJECT]}]}",
        "signatures: {revocationSigners: [{key: '*', subjects: ['*', SUBJECT]}]}",
        "provenance: {builders: [{id: b, level: 1, signers: [{key: '*', subjects: [SUBJECT]}]}]}",
        "provenance: {verifiers: [{id: v, signers: [{key: '*', subjects: [SUBJECT]}]}]}",
        "vulnerabilities: {vexSigners: [{key: '*', subjects: [SUBJECT]}]}",
        "admission: {signers: [{key: '*', subjects: [SUBJECT]}]}",
        "benchmark: {signers: [{key: '*', subjects: [SUBJECT]}]}",
    ],
)
def test_a_signer_is_bound_to_content_and_to_no_name(gates: str) -> None:
    def policy(subject: str, **more: bool) -> Policy:
        text = f"name: site\nvalidFor: P1D\ngates: {{{gates.replace('SUBJECT', subject)}}}\n"
        return parse_policy(text.encode(), where="site.yaml", **more)

    for subject in ("'tiny-*'", "tiny", "'**'", "'?*'", "'[a-z]*'", "'sha256:ab'"):
        with pytest.raises(Refused, match="rename a folder; give subjects by digest"):
            policy(subject)
        assert policy(subject, as_then=True), "what judged before still reads"
    assert policy("'*'")
    assert policy(f"'sha256:{'ab' * 32}'")


@pytest.mark.parametrize(
    ("day", "until"),
    [
        ("2027-01-31", datetime(2027, 1, 31, 23, 59, 59, tzinfo=UTC)),
        ('"2027-01-31"', datetime(2027, 1, 31, 23, 59, 59, tzinfo=UTC)),
        ("2028-02-29", datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC)),
        ("2027-01-31T12:00:00Z", datetime(2027, 1, 31, 12, tzinfo=UTC)),
        ("2027-01-31T12:00:00+02:00", datetime(2027, 1, 31, 10, tzinfo=UTC)),
    ],
)
def test_a_waiver_expires_at_a_moment_or_with_the_day_that_is_written(day: str, until: datetime) -> None:
    (waiver,) = parse(GOOD.replace("2027-01-31T00:00:00Z", day)).waivers
    assert waiver.expires == until
    assert waiver.expires.date().isoformat() in day  # never a later day than the one that is written


@given(st.dates())
def test_whatever_day_is_written_none_after_it_is_waived(day: date) -> None:
    (waiver,) = parse(GOOD.replace("2027-01-31T00:00:00Z", day.isoformat())).waivers
    assert waiver.expires.date() == day
    assert waiver.expires + timedelta(seconds=1) > datetime.combine(day, datetime.max.time(), tzinfo=UTC) or day == date.max


@pytest.mark.parametrize(
    "day",
    [
        "2027-02-29",
        "2027-13-01",
        "2027-1-31",
        "31.01.2027",
        "tomorrow",
        "20270131",
        "2027-01",
        "\u0662\u0660\u0662\u0667-01-31",
    ],
)
def test_what_is_no_day_is_refused(day: str) -> None:
    with pytest.raises(Refused, match=r"which is not a day|a moment such as|expires"):
        parse(GOOD.replace("2027-01-31T00:00:00Z", day))


@pytest.mark.parametrize(
    ("old", "new", "yaml"),
    [
        ("validFor", "validfor", {"validFor": "P7D"}),
        ("validFor: P7D\n", "", {"validFor": "P7D"}),
        ("name: site\n", "", {"name": "ours"}),
        ("gates:", "gate:", {"gates": {"number": {"most": 4}}}),
        ("  number:\n", "  nummber:\n", {"gates": {"number": {"most": 4}}}),
        ("most: 4", "mots: 4", {"gates": {"number": {"most": 4}}}),
        ("    reason: accepted for the pilot\n", "", {"waivers": [{
            "rule": "number/even", "owner": "Ada", "reason": "WHY IT IS ACCEPTABLE", "expires": "2027-01-31T00:00:00Z",
            "anyContent": True, "subject": "model-*"}]}),
        ("owner: Ada", "ownr: Ada", {"waivers": [{
            "rule": "number/even", "owner": "Ada", "reason": "accepted for the pilot", "expires": "2027-01-31T00:00:00Z",
            "anyContent": True, "subject": "model-*"}]}),
    ],
)  # fmt: skip
def test_what_is_lacking_or_misspelt_comes_as_yaml_to_copy(old: str, new: str, yaml: JSON) -> None:
    with pytest.raises(Miswritten) as refused:
        parse(GOOD.replace(old, new))
    (found,) = load_all(refused.value.yaml.encode(), what="yaml", most_values=100)
    if isinstance(found, dict) and "gates" in found and old == "gates:":
        found = {"gates": found["gates"]}
    assert found == yaml


def test_a_policy_that_is_wrong_in_another_way_has_nothing_to_copy() -> None:
    with pytest.raises(Refused) as refused:
        parse(GOOD.replace("most: 4", "most: four"))
    assert not isinstance(refused.value, Miswritten)


VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
)


@given(st.dictionaries(st.text(max_size=12), VALUES, max_size=5))
def test_whatever_is_refused_is_refused_in_a_sentence(document: dict[str, JSON]) -> None:
    """A correction is help: it never fails, and never makes a policy of what is not one."""
    with pytest.raises(Refused):
        parse(json.dumps({**document, "gates": document.get("gates", {"numbr": document})}))
