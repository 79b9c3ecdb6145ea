"""The report as Markdown, for a pull request or a page."""

from __future__ import annotations

from arcops.finding import Finding, Outcome
from arcops.late_pattern import late
from arcops.result import Report
from artifacts.typed import moment

_ORDER = {Outcome.UNKNOWN: 0, Outcome.FAIL: 1, Outcome.WARN: 2, Outcome.PASS: 3}
_TICKS = late("`+")
_SPECIAL = late(r"([\\`*_{}\[\]<>()#+!|~&@])")


def to_markdown(report: Report) -> bytes:
    """*report* as Markdown (CommonMark with tables): the verdict first, then the worst findings. Foreign text is escaped."""
    lines = [
        f"# {report.verdict.value}: {_text(report.subject.name)}",
        "",
        *(f"- {name}: {value}" for name, value in _facts(report)),
        "",
    ]
    for result in report.results:
        lines += [f"## {result.verdict.value}: {_text(result.gate)}", "", "| | Rule | About | Finding |", "|---|---|---|---|"]
        lines += [_row(finding) for finding in sorted(result.findings, key=lambda finding: _ORDER[finding.outcome])]
        lines.append("")
        for finding in result.findings:
            lines += _patch(finding)
    if report.missing:
        lines += ["## Missing evidence", ""]
        lines += [
            f"- {_text(gap.kind)} ({gap.cause.value}, {_text(gap.collector)}): {_text(gap.reason)}" for gap in report.missing
        ]
        lines.append("")
    lines += ["## Evidence", "", "| Kind | Digest | Collector | Seen at | Rests on |", "|---|---|---|---|---|"]
    for record in report.evidence:
        rests = "; ".join(
            f"{_text(source.name)} ({source.kind.value}, {moment(source.dated) if source.dated else 'undated'})"
            for source in record.sources
        )
        seen = f"{_text(record.collector)} {_text(record.version)} | {moment(record.at)}"
        lines.append(f"| {_text(record.kind)} | `{_code(record.digest)}` | {seen} | {rests} |")
    return ("\n".join(lines) + "\n").encode()


def _facts(report: Report) -> list[tuple[str, str]]:
    return [
        (
            "Subject",
            f"{_text(report.subject.kind)} " + ", ".join(f"`{_code(str(digest))}`" for digest in report.subject.digests),
        ),
        ("Policy", f"{_text(report.policy_name)} `{_code(report.policy_digest)}`"),
        *([("Site", _text(report.site))] if report.site else []),
        ("Tier", f"{report.tier.value}, runner {_text(report.runner)}"),
        ("Judged at", moment(report.judged_at)),
        ("Valid until", moment(report.valid_until)),
    ]


def _row(finding: Finding) -> str:
    words = _text(finding.text)
    if finding.location is not None:
        line = f":{finding.location.line}" if finding.location.line > 0 else ""
        words += f" (`{_code(finding.location.path)}{line}`)"
    if finding.waiver is not None:
        waiver = finding.waiver
        words += f" **Waived** by {_text(waiver.owner)} until {moment(waiver.expires)}: {_text(waiver.reason)}"
    if finding.fix:
        words += f" **Fix:** {_text(finding.fix)}"
    return f"| {finding.outcome.value} | {_text(finding.rule)} | {_text(finding.about)} | {words} |"


def _patch(finding: Finding) -> list[str]:
    """The patch as a block of code, in a fence that its content cannot close."""
    if not finding.patch:
        return []
    body = [_visible(line) for line in finding.patch.splitlines()]
    fence = "`" * max(3, 1 + max(len(run) for line in body for run in [*_TICKS.findall(line), ""]))
    about = f" ({_text(finding.about)})" if finding.about else ""
    return [f"Patch for {_text(finding.rule)}{about}:", "", f"{fence}diff", *body, fence, ""]


def _text(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", _line(text))


def _code(text: str) -> str:
    return _line(text).replace("`", "'").replace("|", "\\|")


def _line(text: str) -> str:
    """*text* as one line without terminal control codes: Markdown is shown in terminals, too."""
    return _visible(" ".join(text.split()))


def _visible(text: str) -> str:
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
