"""The judge: whatever goes wrong on the way to a verdict is RED, and nothing that is added makes a verdict better."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Broken, Refused
from arcops.evidence import Body, Cause, Evidence, Missing, Seen
from arcops.finding import Finding, Outcome, Waiver
from arcops.gate import Gate
from arcops.judge import judge
from arcops.result import GateResult
from arcops.verdict import Verdict, worst
from tests.evidence import NOW, evidence
from tests.sketch import EVEN, NUMBER, SMALL, Number, NumberPolicy, Twice

pytestmark = pytest.mark.requirement("ARC-0/verdict-follows-from-findings", "ARC-4/no-failed-collector-is-green")

POLICY = NumberPolicy(most=9)
CONTENT, OTHER = f"sha256:{'ab' * 32}", f"sha256:{'cd' * 32}"


def ask(
    collected: dict[str, Evidence[Body] | Missing],
    gate: Gate[object] = NUMBER,
    waivers: tuple[Waiver, ...] = (),
    *,
    as_then: bool = False,
) -> GateResult:
    return judge(
        gate, POLICY, collected, at=NOW, subject_name="model", subject_digests=(CONTENT,), waivers=waivers, as_then=as_then
    )


def answering(answer: Callable[[Seen], Iterator[Finding]]) -> Gate[object]:
    return replace(NUMBER, findings=lambda seen, _: answer(seen))


def seen(value: int) -> dict[str, Evidence[Body] | Missing]:
    return {"number": evidence(Number(value=value))}


def test_the_worst_of_nothing_is_red() -> None:
    assert worst([]) is Verdict.RED
    assert worst([Verdict.GREEN]) is Verdict.GREEN
    assert sorted([Verdict.RED, Verdict.GREEN, Verdict.AMBER]) == [Verdict.GREEN, Verdict.AMBER, Verdict.RED]


def test_every_rule_answered_well_is_green() -> None:
    assert ask(seen(2)).verdict is Verdict.GREEN


@pytest.mark.parametrize("cause", list(Cause))
def test_missing_evidence_is_red_and_says_why(cause: Cause) -> None:
    result = ask({"number": Missing(kind="number", collector="c", cause=cause, reason="the cable was cut")})
    assert result.verdict is Verdict.RED
    assert "the cable was cut" in result.findings[0].text
    assert result.findings[0].outcome is Outcome.UNKNOWN


def test_evidence_that_was_not_collected_is_red() -> None:
    assert ask({}).verdict is Verdict.RED


def test_wanted_evidence_may_be_missing() -> None:
    absent = Missing(kind="twice", collector="c", cause=Cause.ABSENT, reason="none")
    assert ask({**seen(2), "twice": absent}).verdict is Verdict.GREEN


def test_a_gate_that_throws_is_red_and_keeps_what_it_said_before() -> None:
    def answer(found: Seen) -> Iterator[Finding]:
        yield EVEN.passes("fine so far", found[Number])
        raise ValueError("boom")

    result = ask(seen(2), answering(answer))
    assert result.verdict is Verdict.RED
    assert any("boom" in finding.text for finding in result.findings)
    assert any(finding.text == "fine so far" for finding in result.findings)


def test_a_gate_that_says_nothing_is_red() -> None:
    result = ask(seen(2), answering(lambda _: iter(())))
    assert result.verdict is Verdict.RED
    assert len(result.findings) == 2, "each unanswered rule is named"


def test_a_rule_left_unanswered_is_red() -> None:
    result = ask(seen(2), answering(lambda found: iter([EVEN.passes("yes", found[Number])])))
    assert result.verdict is Verdict.RED
    assert "number/small" in result.findings[-1].text


def both(found: Seen) -> list[Finding]:
    return [EVEN.passes("yes", found[Number]), SMALL.passes("yes", found[Number])]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda finding: replace(finding, cites=()),
        lambda finding: replace(finding, cites=("sha256:00",)),
        lambda finding: replace(finding, rule="number/unheard-of"),
        lambda finding: replace(
            finding, waiver=Waiver(rule=finding.rule, subject="*", owner="me", reason="because", expires=NOW)
        ),
    ],
    ids=["cites nothing", "cites other evidence", "is of no declared rule", "waives itself"],
)
def test_a_pass_that_cannot_be_believed_is_red(spoil: Callable[[Finding], Finding]) -> None:
    def answer(found: Seen) -> Iterator[Finding]:
        first, second = both(found)
        yield first
        yield spoil(second)

    assert ask(seen(2), answering(answer)).verdict is Verdict.RED


def test_a_gate_may_not_look_at_what_it_did_not_declare() -> None:
    undeclared = replace(NUMBER, wants=())

    def answer(found: Seen) -> Iterator[Finding]:
        found[Twice]
        yield from both(found)

    collected = {**seen(2), "twice": evidence(Twice(value=4))}
    result = ask(collected, replace(undeclared, findings=lambda found, _: answer(found)))
    assert result.verdict is Verdict.RED


@given(
    outcomes=st.lists(st.sampled_from([Outcome.PASS, Outcome.WARN, Outcome.FAIL, Outcome.UNKNOWN])),
    more=st.sampled_from(list(Outcome)),
)
def test_one_more_finding_never_improves_a_verdict(outcomes: list[Outcome], more: Outcome) -> None:
    def saying(said: list[Outcome]) -> Verdict:
        def answer(found: Seen) -> Iterator[Finding]:
            yield from both(found)
            for outcome in said:
                yield replace(both(found)[0], outcome=outcome)

        return ask(seen(2), answering(answer)).verdict

    assert saying([*outcomes, more]) >= saying(outcomes)


def waiver(**changes: object) -> Waiver:
    usual = Waiver(
        rule="number/even", subject="mod*", any_content=True, owner="Ada", reason="accepted", expires=NOW + timedelta(days=1)
    )
    return replace(usual, **changes)  # type: ignore[arg-type]  # a test varies one field at a time


def test_a_waiver_turns_a_failure_into_a_warning_and_is_named() -> None:
    result = ask(seen(3), waivers=(waiver(),))
    assert result.verdict is Verdict.AMBER
    assert result.findings[0].waiver == waiver()


@pytest.mark.parametrize(
    "changes",
    [
        {"rule": "number/small"},
        {"subject": "other*"},
        {"about": "weights.bin"},
        {"expires": NOW},
        {"any_content": False},
        {"any_content": False, "digest": OTHER},
        {"any_content": False, "digest": CONTENT, "subject": "other*"},
        {"expires": NOW + timedelta(days=366, seconds=1)},
    ],
    ids=[
        "another rule",
        "another subject",
        "another thing",
        "expired this very moment",
        "a name alone",
        "other content",
        "this content by another name",
        "no end for more than a year",
    ],
)
def test_a_waiver_that_does_not_fit_changes_nothing(changes: dict[str, object]) -> None:
    assert ask(seen(3), waivers=(waiver(**changes),)).verdict is Verdict.RED


@pytest.mark.parametrize("subject", ["*", "mod*"])
def test_a_waiver_of_a_digest_holds_for_that_content(subject: str) -> None:
    named = waiver(any_content=False, digest=CONTENT, subject=subject, expires=NOW + timedelta(days=366))
    assert ask(seen(3), waivers=(named,)).findings[0].waiver == named


def test_a_name_that_reads_like_the_digest_is_not_the_content() -> None:
    result = judge(
        NUMBER, POLICY, seen(3), at=NOW, subject_name=CONTENT, subject_digests=(OTHER,),
        waivers=(waiver(any_content=False, digest=CONTENT, subject="*"),),
    )  # fmt: skip
    assert result.verdict is Verdict.RED


def test_a_waiver_without_an_end_is_mentioned_and_does_not_count() -> None:
    (endless, *_) = ask(seen(3), waivers=(waiver(expires=NOW.replace(year=9999)),)).findings
    assert (endless.outcome, endless.waiver) == (Outcome.FAIL, None)
    assert "ends on 9999-" in endless.text


@pytest.mark.parametrize("as_then", [True, False])
def test_a_waiver_by_a_name_alone_counts_only_if_it_is_judged_again(as_then: bool) -> None:
    old = waiver(any_content=False, expires=NOW.replace(year=9999))
    assert ask(seen(3), waivers=(old,), as_then=as_then).verdict is (Verdict.AMBER if as_then else Verdict.RED)


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"digest": CONTENT}, "use one of them"), ({"any_content": False, "digest": "sha256:ab"}, "64 hex digits")],
)
def test_a_waiver_says_which_content_in_one_way(changes: dict[str, object], said: str) -> None:
    with pytest.raises(Refused, match=said):
        waiver(**changes)


def test_an_expired_waiver_is_mentioned() -> None:
    assert "Ada expired" in ask(seen(3), waivers=(waiver(expires=NOW),)).findings[0].text


def test_what_could_not_be_seen_cannot_be_waived() -> None:
    absent = Missing(kind="number", collector="c", cause=Cause.ABSENT, reason="none")
    assert ask({"number": absent}, waivers=(waiver(rule="number/judged"),)).verdict is Verdict.RED


@pytest.mark.parametrize("field", ["rule", "subject", "owner", "reason"])
def test_a_waiver_without_a_name_or_a_reason_is_refused(field: str) -> None:
    with pytest.raises(Refused, match=field):
        waiver(**{field: " "})


@pytest.mark.parametrize("claimed", [Verdict.GREEN, Verdict.AMBER])
def test_a_result_refuses_a_verdict_that_its_findings_deny(claimed: Verdict) -> None:
    said = ask(seen(3))
    with pytest.raises(Refused, match="findings say RED"):
        GateResult(gate="number", verdict=claimed, findings=said.findings)
    with pytest.raises(Refused, match="findings say RED"):
        GateResult(gate="number", verdict=claimed, findings=())


def test_evidence_of_another_type_under_a_known_name_is_refused() -> None:
    confused = Seen({"number": evidence(Twice(value=1))}, at=NOW, subject_name="model")
    with pytest.raises(Broken, match="holds a Twice"):
        confused.get(Number)
