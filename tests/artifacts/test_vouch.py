"""One answer to "who stands behind this artifact, and does it still count?": signers, revocations, old lists, times."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from arcops.errors import Refused
from arcops.policy import MOST_LIST_AGE, MOST_VALID, SKEW
from arcops.seen.signatures import RevocationsSeen, Revoked
from artifacts.bundle import seal
from artifacts.objects import digest_of
from artifacts.private_key import create
from artifacts.vouch import Grounds, NotVouched, Standing, Untimely, vouch, vouch_report
from tests.artifacts.reports import AT, full_report

pytestmark = pytest.mark.requirement(
    "ARC-1/verified-offline",
    "ARC-4/a-missing-signature-is-red",
    "ARC-4/wrong-clocks-are-not-trusted",
    "ARC-2/the-age-of-data-is-judged",
)
KEY, OTHER = create(), create()
REPORT = full_report()
SEALED = seal(REPORT, KEY)
NOW = AT + timedelta(hours=1)
TRUSTED = Grounds(keys=(KEY.public, OTHER.public))


def listing(*revoked: Revoked, issued_at: datetime = AT, problem: str = "") -> RevocationsSeen:
    return RevocationsSeen(path="revocations/a", sha256="aa" * 32, issued_at=issued_at, revoked=revoked, problem=problem)


def standing(data: bytes, ground: Grounds, now: datetime = NOW) -> Standing:
    try:
        vouch(data, ground, now)
    except NotVouched as error:
        return error.state.standing
    return Standing.VERIFIED


def test_an_artifact_of_a_trusted_key_counts() -> None:
    vouched = vouch_report(SEALED, TRUSTED, NOW)
    assert (vouched.report, vouched.signers) == (REPORT, (KEY.public.id,))
    assert "no revocation list" in vouched.warnings[0]


BY_KEY = Revoked(at=AT, reason="stolen", key=KEY.public.id)
BY_DIGEST = Revoked(at=AT, reason="wrong", sha256=digest_of(SEALED).removeprefix("sha256:"))
OLD = NOW - MOST_LIST_AGE - timedelta(seconds=1)


@pytest.mark.parametrize(
    ("ground", "expected"),
    [
        (Grounds(keys=(OTHER.public,)), Standing.UNTRUSTED),
        (Grounds(), Standing.UNTRUSTED),
        (replace(TRUSTED, problem="it cannot be read"), Standing.UNCHECKED),
        (replace(TRUSTED, revocations=(listing(),)), Standing.VERIFIED),
        (replace(TRUSTED, revocations=(listing(replace(BY_KEY, key=OTHER.public.id)),)), Standing.VERIFIED),
        (replace(TRUSTED, revocations=(listing(BY_KEY),)), Standing.REVOKED),
        (replace(TRUSTED, revocations=(listing(BY_DIGEST),)), Standing.REVOKED),
        (replace(TRUSTED, revocations=(listing(BY_KEY), listing())), Standing.REVOKED),
        (replace(TRUSTED, revocations=(listing(problem="unsigned"),)), Standing.UNCHECKED),
        (replace(TRUSTED, revocations=(listing(BY_KEY, issued_at=OLD),)), Standing.REVOKED),
        (replace(TRUSTED, revocations=(listing(issued_at=OLD),)), Standing.UNCHECKED),
        (replace(TRUSTED, revocations=(listing(issued_at=OLD), listing())), Standing.VERIFIED),
        (replace(TRUSTED, revocations=(listing(issued_at=NOW + timedelta(days=1)),)), Standing.UNCHECKED),
    ],
)
def test_what_counts(ground: Grounds, expected: Standing) -> None:
    assert standing(SEALED, ground) is expected


def test_of_an_old_list_it_is_said_that_nothing_is_known() -> None:
    with pytest.raises(NotVouched, match=r"not known whether .*: the newest revocation list is from .*'arcops keys revoke'"):
        vouch(SEALED, replace(TRUSTED, revocations=(listing(issued_at=OLD),)), NOW)


def test_a_second_signer_who_is_not_revoked_is_enough() -> None:
    import json

    both = json.loads(SEALED)
    both["dsseEnvelope"]["signatures"] += json.loads(seal(REPORT, OTHER))["dsseEnvelope"]["signatures"]
    vouched = vouch(json.dumps(both).encode(), replace(TRUSTED, revocations=(listing(BY_KEY),)), NOW)
    assert vouched.signers == (OTHER.public.id,)
    assert "stolen" in vouched.warnings[0]


class TestTimes:
    @pytest.mark.parametrize("ahead", [timedelta(seconds=1), SKEW])
    def test_inside_of_the_skew_is_a_warning_with_the_offset(self, ahead: timedelta) -> None:
        said = vouch_report(SEALED, TRUSTED, AT - ahead).warnings[-1]
        assert f"{ahead.total_seconds():g} s" in said or "2 min" in said

    @pytest.mark.parametrize("ahead", [SKEW + timedelta(seconds=1), timedelta(days=365 * 14)])
    def test_outside_of_it_nothing_counts(self, ahead: timedelta) -> None:
        with pytest.raises(Untimely, match="ahead of the clock here"):
            vouch_report(SEALED, TRUSTED, AT - ahead)

    def test_the_policy_says_how_far_clocks_may_differ(self) -> None:
        with pytest.raises(Untimely):
            vouch_report(SEALED, TRUSTED, AT - timedelta(seconds=1), skew=timedelta(0))
        assert vouch_report(SEALED, TRUSTED, AT - timedelta(minutes=9), skew=timedelta(minutes=10)).report == REPORT

    def test_no_term_is_longer_than_a_policy_may_give(self) -> None:
        longest = replace(REPORT, valid_until=AT + MOST_VALID)
        assert vouch_report(seal(longest, KEY), TRUSTED, NOW).report == longest
        with pytest.raises(Untimely, match="no policy may give more"):
            vouch_report(seal(replace(REPORT, valid_until=AT.replace(year=9999)), KEY), TRUSTED, NOW)

    def test_what_ran_out_is_told_and_not_refused(self) -> None:
        vouched = vouch_report(SEALED, TRUSTED, REPORT.valid_until + timedelta(seconds=1))
        assert vouched.expired(REPORT.valid_until + timedelta(seconds=1))
        assert not vouched.expired(REPORT.valid_until)


def test_a_report_that_contradicts_itself_does_not_count() -> None:
    from artifacts.bundle import seal_statement
    from artifacts.statement import statement

    with pytest.raises(Refused, match="schema"):
        vouch_report(seal_statement(statement("https://example.org/p/v1", [REPORT.subject], {}), KEY), TRUSTED, NOW)
