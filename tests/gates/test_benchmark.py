"""The gates of benchmarks: each smallest change of a good run or baseline that must turn it amber or red, and what must not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from arcops.errors import Refused
from arcops.exercise import Exercise
from arcops.finding import Outcome
from arcops.gate import Gate
from arcops.result import GateResult
from arcops.seen.baseline import Baseline, Baselines, known_figures
from arcops.seen.benchmark import Benchmark, Checked, Machine, Measured, Session, Unit
from arcops.seen.gpu_profile import GpuProfiles
from arcops.signer import ProvenSigner, SignerRule
from arcops.verdict import Verdict
from gates.breach import Weight
from gates.gpu.benchmark.examples import DEVICE, KEY, POLICY, figure, kept_up, known, run, session, slower
from gates.gpu.benchmark.gate import benchmark
from gates.gpu.benchmark.policy import BenchmarkPolicy
from gates.gpu.gpu_datasheet.examples import multiplying, profile, reaching
from gates.gpu.gpu_datasheet.gate import GpuDatasheetPolicy, gpu_datasheet
from tests.evidence import NOW, judged

pytestmark = pytest.mark.requirement("ARC-C2/figures-are-judged-by-baseline-and-kind")

WELL = run()
THEN = known(WELL)
RULES = {"measured", "correct", "baseline", "canary", "sustained"}


def judge(body: Benchmark = WELL, given: Baselines = THEN, policy: BenchmarkPolicy = POLICY) -> GateResult:
    gate: Gate[object] = benchmark  # type: ignore[assignment]  # a gate of its own policy
    return judged(gate, policy, [body, given])


def said(result: GateResult, rule: str) -> dict[Outcome, str]:
    """The first sentence of each outcome of *rule*."""
    found: dict[Outcome, str] = {}
    for finding in result.findings:
        if finding.rule == f"benchmark/{rule}":
            found.setdefault(finding.outcome, finding.text)
    return found


def first(body: Benchmark, change: Callable[[Measured], Measured]) -> Benchmark:
    head, *rest = body.figures
    return replace(body, figures=(change(head), *rest))


def sessions(change: Callable[[int, Session], Session]) -> Callable[[Measured], Measured]:
    return lambda one: replace(one, sessions=tuple(change(number, part) for number, part in enumerate(one.sessions)))


def then(**changed: object) -> Baselines:
    assert THEN.baseline is not None
    return replace(THEN, baseline=replace(THEN.baseline, **changed))  # type: ignore[arg-type]  # by name


def baseline() -> Baseline:
    assert THEN.baseline is not None
    return THEN.baseline


def figure_with(**changed: object) -> Benchmark:
    return first(WELL, lambda one: replace(one, **changed))  # type: ignore[arg-type]  # by name


def machine_with(**changed: str) -> Benchmark:
    return replace(WELL, machines=(replace(WELL.machines[0], **changed),))


def canaries(*times: int, only: int = 100) -> Benchmark:
    """The canary took *times* in the first sessions of each figure, as many as *only*."""
    change = sessions(lambda number, part: replace(part, canary=times) if number < only else part)
    return replace(WELL, figures=tuple(change(one) for one in WELL.figures))


def load_with(**changed: object) -> Benchmark:
    return replace(WELL, sustained=(replace(kept_up(), **changed),))  # type: ignore[arg-type]  # by name


def reasons(*named: str) -> Benchmark:
    return replace(WELL, sustained=(kept_up(reasons=named),))


def tail(**changed: int) -> Benchmark:
    """The last quarter of the load changed."""
    moments = kept_up().moments
    cut = len(moments) * 3 // 4
    return load_with(moments=(*moments[:cut], *(replace(one, **changed) for one in moments[cut:])))


def checked(*, compared: int, wrong: int) -> Benchmark:
    return figure_with(checked=Checked(how="x", compared=compared, wrong=wrong))


FAIL, WARN, UNKNOWN = Outcome.FAIL, Outcome.WARN, Outcome.UNKNOWN
SMALL = Exercise(size=999, fresh=True)
UNKNOWN_SIGNER = ProvenSigner(key=f"sha256:{'00' * 32}")
TOOK = kept_up().moments[0].took
MUTATIONS: list[tuple[str, str, Outcome, Benchmark, Baselines]] = [
    ("a figure that was not measured", "measured", UNKNOWN, figure_with(said="no time"), THEN),
    ("a figure with too few sessions", "measured", UNKNOWN, figure_with(sessions=WELL.figures[0].sessions[:4]), THEN),
    ("a figure that only the baseline knows", "measured", UNKNOWN, replace(WELL, figures=WELL.figures[:1]), THEN),
    ("a small run", "measured", UNKNOWN, replace(WELL, exercise=SMALL), then(exercise=SMALL)),
    ("no figure at all", "measured", UNKNOWN, replace(WELL, figures=()), THEN),
    ("one wrong result", "correct", FAIL, checked(compared=9, wrong=1), THEN),
    ("a result that was not checked", "correct", FAIL, figure_with(checked=None), THEN),
    ("a check of nothing", "correct", FAIL, checked(compared=0, wrong=0), THEN),
    ("seven percent slower", "baseline", FAIL, slower(WELL, "memory-copy", 7), THEN),
    ("slower by just the tolerance", "baseline", WARN, slower(WELL, "memory-copy", 5), THEN),
    ("no baseline", "baseline", WARN, WELL, Baselines()),
    ("a baseline that cannot be believed", "baseline", UNKNOWN, WELL, Baselines(said="no key verifies it")),
    ("a baseline of an unknown signer", "baseline", FAIL, WELL, replace(THEN, signers=(UNKNOWN_SIGNER,))),
    ("a baseline without a signer", "baseline", FAIL, WELL, replace(THEN, signers=())),
    ("a baseline that is a day too old", "baseline", FAIL, WELL, then(measured_at=NOW - timedelta(days=181))),
    ("a baseline from the future", "baseline", FAIL, WELL, then(measured_at=NOW + timedelta(minutes=1))),
    ("a baseline of the processor", "baseline", FAIL, WELL, then(exercise=Exercise(cpu=True, fresh=True))),
    ("a baseline of another size", "baseline", FAIL, WELL, then(exercise=SMALL)),
    ("a baseline without this figure", "baseline", UNKNOWN, WELL, then(figures=baseline().figures[:1])),
    ("a baseline of other work", "baseline", UNKNOWN, figure_with(work=WELL.figures[0].work + 1), THEN),
    ("a baseline of another unit", "baseline", UNKNOWN, figure_with(unit=Unit.OPERATIONS), THEN),
    ("another model", "baseline", UNKNOWN, machine_with(model="NVIDIA L4"), THEN),
    ("another driver", "baseline", WARN, machine_with(software="driver 1"), THEN),
    ("a figure 22 percent faster", "baseline", WARN, slower(WELL, "memory-copy", -22), THEN),
    ("no canary", "canary", UNKNOWN, canaries(), Baselines()),
    ("three of ten sessions disturbed", "canary", WARN, first(WELL, lambda one: canaries(1_200_000, only=3).figures[0]), THEN),
    ("a canary slower than in the baseline", "canary", WARN, canaries(1_200_000), THEN),
    ("a canary faster than in the baseline", "canary", WARN, canaries(800_000), THEN),
    ("no load", "sustained", UNKNOWN, replace(WELL, sustained=()), THEN),
    ("a load that broke off", "sustained", UNKNOWN, load_with(said="it was lost"), THEN),
    ("a load of eight seconds", "sustained", UNKNOWN, load_with(moments=kept_up().moments[:16]), THEN),
    ("a load of seven moments", "sustained", UNKNOWN, replace(WELL, sustained=(kept_up(moments=7),)), THEN),
    ("heat", "sustained", FAIL, reasons("software-thermal-slowdown"), THEN),
    ("a reason without a name", "sustained", FAIL, reasons("bit-40"), THEN),
    ("a cap of the power", "sustained", WARN, reasons("software-power-cap"), THEN),
    ("silence about reasons", "sustained", FAIL, replace(WELL, sustained=(kept_up(reasons=None),)), THEN),
    ("rounds 12 percent longer at the end", "sustained", WARN, tail(took=TOOK * 112 // 100), THEN),
    ("rounds a third longer at the end", "sustained", FAIL, tail(took=TOOK * 133 // 100), THEN),
    ("a clock that fell", "sustained", WARN, tail(clock=1500), THEN),
]


def test_what_is_well_is_green() -> None:
    result = judge()
    assert result.verdict is Verdict.GREEN
    assert {finding.rule.removeprefix("benchmark/") for finding in result.findings} == RULES


@pytest.mark.parametrize(
    ("rule", "outcome", "body", "given"), [one[1:] for one in MUTATIONS], ids=[one[0] for one in MUTATIONS]
)
def test_the_smallest_change_shows(rule: str, outcome: Outcome, body: Benchmark, given: Baselines) -> None:
    result = judge(body, given)
    assert outcome in said(result, rule), result.findings
    assert result.verdict >= outcome.verdict


def test_every_rule_has_mutations() -> None:
    assert {rule for _, rule, *_ in MUTATIONS} == RULES


class TestDisturbed:
    """A neighbour must not make a good device red, nor excuse a slow one."""

    def body(self, *, slow: int, calm: int, loud: int) -> Benchmark:
        """A figure that is so many percent *slow*, and half as long again in the sessions in which the canary was *loud*."""
        quiet = figure("memory-copy", 500_000 * (100 + slow) // 100, sessions=calm).sessions
        noise = tuple(session(750_000 * (100 + slow) // 100, canary=1_500_000) for _ in range(loud))
        return first(
            run(*WELL.figures[:1], figure("gemm-bf16", 900_000, sessions=15, unit=Unit.OPERATIONS)),
            lambda one: replace(one, sessions=(*quiet, *noise)),
        )

    def test_slow_only_while_disturbed_is_not_slow(self) -> None:
        result = judge(self.body(slow=0, calm=5, loud=10))
        assert list(said(result, "baseline")) == [Outcome.PASS]
        assert "10 of 15 sessions were disturbed and left out" in said(result, "baseline")[Outcome.PASS]
        assert result.verdict is Verdict.AMBER  # the canary tells of the neighbour

    def test_slow_in_the_calm_sessions_is_red(self) -> None:
        found = said(judge(self.body(slow=12, calm=6, loud=9)), "baseline")
        assert "9 of 15 sessions were disturbed and left out" in found[Outcome.FAIL]

    def test_too_few_calm_sessions_are_amber_and_never_red(self) -> None:
        result = judge(self.body(slow=12, calm=4, loud=11))
        assert "the 4 others are too few" in said(result, "baseline")[Outcome.WARN]
        assert result.verdict is Verdict.AMBER

    def test_a_canary_that_is_slow_all_the_time_excuses_nothing(self) -> None:
        """Half of the clocks lost: everything is slower, the canary too, and no session is calm by the baseline's measure."""
        slow = tuple(
            replace(one, sessions=tuple(
                Session(samples=tuple(2 * took for took in part.samples), canary=tuple(2 * took for took in part.canary))
                for part in one.sessions
            ))
            for one in WELL.figures
        )  # fmt: skip
        result = judge(replace(WELL, figures=slow))
        assert Outcome.FAIL in said(result, "baseline")
        assert "the device itself" in said(result, "canary")[Outcome.WARN]


class TestPolicy:
    def test_by_default_no_key_may_sign_a_baseline(self) -> None:
        assert Outcome.FAIL in said(judge(policy=BenchmarkPolicy()), "baseline")

    def test_a_signer_may_be_bound_to_nodes(self) -> None:
        for subjects, verdict in ((("node-*",), Verdict.GREEN), (("other-*",), Verdict.RED)):
            assert judge(policy=replace(POLICY, signers=(SignerRule(key=KEY, subjects=subjects),))).verdict is verdict

    def test_the_stricter_tolerance_holds(self) -> None:
        slow = slower(WELL, "memory-copy", 8)
        assert judge(slow, policy=replace(POLICY, tolerance=12)).verdict is Verdict.RED  # the check's own is 5
        wide = replace(slow, exercise=Exercise(tolerance=12, fresh=True))
        assert judge(wide, policy=replace(POLICY, tolerance=12)).verdict is Verdict.GREEN
        assert judge(wide, policy=POLICY).verdict is Verdict.RED

    def test_what_is_optional_may_be_absent_but_not_lost(self) -> None:
        optional = replace(POLICY, optional=("gemm-fp8",))
        absent = replace(figure("gemm-fp8", 1000, unit=Unit.OPERATIONS), sessions=(), checked=None, said="Ampere has no fp8")
        assert judge(replace(WELL, figures=(*WELL.figures, absent)), policy=optional).verdict is Verdict.GREEN
        assert judge(replace(WELL, figures=(*WELL.figures, absent))).verdict is Verdict.RED
        lost = replace(figure("gemm-fp8", 1000), said="the device was lost")
        assert judge(replace(WELL, figures=(*WELL.figures, lost)), policy=optional).verdict is Verdict.RED

    def test_what_the_baseline_knows_is_not_optional_any_more(self) -> None:
        optional = replace(POLICY, optional=("gemm-*",))
        gone = replace(WELL.figures[1], sessions=(), checked=None, said="the library is not there")
        result = judge(replace(WELL, figures=(WELL.figures[0], gone)), policy=optional)
        assert "is in the baseline" in said(result, "measured")[Outcome.UNKNOWN]

    @pytest.mark.parametrize("weight", list(Weight))
    def test_no_baseline_is_as_grave_as_the_policy_says(self, weight: Weight) -> None:
        found = said(judge(given=Baselines(), policy=replace(POLICY, without_baseline=weight)), "baseline")
        assert list(found) == [weight.outcome]
        assert "arcops gpu baseline" in found[weight.outcome]

    def test_a_load_may_be_left_out_if_the_policy_requires_none(self) -> None:
        assert judge(replace(WELL, sustained=()), policy=replace(POLICY, least_sustained=0)).verdict is Verdict.GREEN

    @pytest.mark.parametrize(
        "wrong",
        [
            {"tolerance": 0},
            {"most_age": 0},
            {"least_sessions": 4},
            {"most_growth": 5},
            {"slow_warns": ("gpu-idle",)},
            {"most_disturbed": 101},
        ],
    )
    def test_what_makes_no_sense_is_refused(self, wrong: dict[str, object]) -> None:
        with pytest.raises(Refused):
            replace(POLICY, **wrong)  # type: ignore[arg-type]  # by name


def test_a_pair_of_devices_has_no_canary_nor_load_of_its_own() -> None:
    other = "GPU-2"
    machines = (
        *WELL.machines,
        replace(WELL.machines[0], device=other),
        Machine(device=f"{DEVICE}>{other}", model="NVIDIA H200>NVIDIA H200", software=WELL.machines[0].software),
    )
    peer = replace(figure("peer-copy", 400_000), device=f"{DEVICE}>{other}")
    second = tuple(replace(one, device=other) for one in WELL.figures)
    body = replace(
        WELL,
        machines=machines,
        figures=(*WELL.figures, *second, peer),
        sustained=(kept_up(), replace(kept_up(), device=other)),
    )
    assert judge(body, known(body)).verdict is Verdict.GREEN, judge(body, known(body)).findings


class TestBaseline:
    def test_equal_devices_make_one_figure_together(self) -> None:
        other = tuple(replace(one, device="GPU-2") for one in WELL.figures)
        both = replace(
            WELL, machines=(*WELL.machines, replace(WELL.machines[0], device="GPU-2")), figures=(*WELL.figures, *other)
        )
        assert [len(one.times) for one in known_figures(both)] == [10, 10]

    def test_devices_that_did_other_work_do_not(self) -> None:
        other = replace(WELL.figures[0], device="GPU-2", work=7)
        both = replace(
            WELL, machines=(*WELL.machines, replace(WELL.machines[0], device="GPU-2")), figures=(*WELL.figures, other)
        )
        with pytest.raises(Refused, match="different work"):
            known_figures(both)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"verdict": Verdict.RED},
            {"figures": ()},
            {"figures": baseline().figures * 2},
            {"figures": (replace(baseline().figures[0], times=(1, 2, 3, 4)),)},
            {"figures": (replace(baseline().figures[0], times=(1, 2, 3, 4, 0)),)},
        ],
    )
    def test_what_can_be_no_baseline_is_refused(self, wrong: dict[str, object]) -> None:
        with pytest.raises(Refused):
            replace(baseline(), **wrong)  # type: ignore[arg-type]  # by name


class TestDatasheet:
    def judge(self, body: Benchmark, policy: GpuDatasheetPolicy | None = None) -> GateResult:
        shipped = GpuProfiles(names=("NVIDIA H200",), profiles=(profile(),))
        gate: Gate[object] = gpu_datasheet  # type: ignore[assignment]  # a gate of its own policy
        return judged(gate, policy or GpuDatasheetPolicy(), [body, shipped])

    @pytest.mark.parametrize(
        ("reached", "verdict"),
        [(100, "GREEN"), (86, "GREEN"), (84, "AMBER"), (71, "AMBER"), (70, "AMBER"), (69, "RED"), (10, "RED")],
    )
    def test_red_below_one_share_and_amber_below_the_other(self, reached: int, verdict: str) -> None:
        assert self.judge(reaching(reached)).verdict is Verdict(verdict)

    def test_both_shares_are_the_policy_s(self) -> None:
        assert self.judge(reaching(60), GpuDatasheetPolicy(red_below=40, amber_below=50)).verdict is Verdict.GREEN
        assert self.judge(reaching(92), GpuDatasheetPolicy(red_below=95, amber_below=95)).verdict is Verdict.RED

    def test_products_have_shares_of_their_own(self) -> None:
        eased = GpuDatasheetPolicy(arithmetic_red_below=60, arithmetic_amber_below=70)
        for reached, strictly, easily in ((75, "AMBER", "GREEN"), (65, "RED", "AMBER"), (55, "RED", "RED")):
            assert self.judge(multiplying(reached)).verdict is Verdict(strictly)
            assert self.judge(multiplying(reached), eased).verdict is Verdict(easily)

    def test_a_product_without_a_figure_is_as_grave_as_the_policy_says(self) -> None:
        body = run(*reaching(92).figures, figure("gemm-int4", 1000, unit=Unit.OPERATIONS))
        for weight in Weight:
            found = self.judge(body, GpuDatasheetPolicy(no_figure=weight))
            assert found.verdict is weight.outcome.verdict, found.findings

    def test_what_a_data_sheet_tells_of_must_be_measured(self) -> None:
        lost = first(reaching(92), lambda one: replace(one, sessions=(), said="lost"))
        assert self.judge(lost).verdict is Verdict.RED

    def test_shares_that_make_no_sense_are_refused(self) -> None:
        with pytest.raises(Refused):
            GpuDatasheetPolicy(red_below=80, amber_below=70)
