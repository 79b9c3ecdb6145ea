"""The facts in a model card: in its front matter, or in a section that has text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from arcops.late_pattern import late
from arcops.seen.card import Fact, FactSeen
from tasks.model.front_matter import CardText, Node, shown

_MOST_VALUES = 200
_LONGEST_VALUE = 200

# Field names: the hub's model card specification (hub-docs, modelcard.md).
_FIELDS = {
    Fact.BASE_MODEL: ("base_model",),
    Fact.DATASETS: ("datasets",),
    Fact.EVALUATION: ("model-index",),
    Fact.LANGUAGE: ("language",),
    Fact.LIBRARY: ("library_name",),
    Fact.LICENCE: ("license", "license_name"),
    Fact.TASK: ("pipeline_tag",),
}

_HEADINGS = {
    Fact.BASE_MODEL: late(r"\b(base model|fine-?tuned from|finetuned from model)\b"),
    Fact.DATASETS: late(r"\b(training data(set)?s?|datasets?( used)?|pre-?training data)\b"),
    Fact.EVALUATION: late(r"\b(evaluations?|benchmarks?|results|performance)\b"),
    Fact.INTENDED_USE: late(r"\b(intended (use|uses|usage)|direct use|uses|use cases|primary use)\b"),
    Fact.LIMITATIONS: late(r"\b(limitations?|bias(es)?|risks?|out-of-scope)\b"),
    Fact.LICENCE: late(r"\blicen[cs]e|licen[cs]ing\b"),
    Fact.TRAINING: late(r"\b(training|pre-?training|fine-?tuning)\b"),
}
_HEADING = late(r"(#{1,6})[ \t]+(.*?)[ \t]*#*$")
_FENCE = late(r"[ \t]{0,3}(```+|~~~+)")
_COMMENT = late(r"<!--.*?(-->|\Z)", re.DOTALL)
# Placeholder text of templates in sections that the author did not fill in.
_PLACEHOLDER = late(r"\[?more information needed\]?|\b(todo|tbd|n/a|none|coming soon|to be added)\b|\{\{.*?\}\}", re.IGNORECASE)
_FEWEST_WORDS = 3


def facts_of(card: CardText) -> tuple[FactSeen, ...]:
    """Every fact that *card* tells, sorted by name."""
    sections = tuple(_sections(card.body))
    found = []
    for fact in sorted(Fact, key=lambda fact: fact.value):
        values = tuple(sorted(set(_values(fact, card.front or {}))))[:_MOST_VALUES]
        section = next((title for title, told in sections if told and _about(fact, title)), "")
        if values or (section and fact is not Fact.LICENCE):
            found.append(FactSeen(fact=fact, values=values, section=section))
    return tuple(found)


def _values(fact: Fact, front: Mapping[str, Node]) -> Iterator[str]:
    for field in _FIELDS.get(fact, ()):
        node = front.get(field, "")
        if fact is Fact.EVALUATION:
            yield from _evaluated(node)
        else:
            yield from (value[:_LONGEST_VALUE] for value in strings(node))


def strings(node: Node) -> Iterator[str]:
    """The strings in *node*, a value or a list of values; mappings, empty values and templates tell nothing."""
    match node:
        case str():
            if node and not _PLACEHOLDER.fullmatch(node):
                yield node
        case tuple():
            for item in node:
                if isinstance(item, str):
                    yield from strings(item)


def _evaluated(node: Node) -> Iterator[str]:
    """The names of the metrics in ``model-index`` that come with a value."""
    for model in node if isinstance(node, tuple) else ():
        results = model.get("results", ()) if isinstance(model, Mapping) else ()
        for result in results if isinstance(results, tuple) else ():
            metrics = result.get("metrics", ()) if isinstance(result, Mapping) else ()
            for metric in metrics if isinstance(metrics, tuple) else ():
                if isinstance(metric, Mapping) and metric.get("value"):
                    yield from (name[:_LONGEST_VALUE] for name in strings(metric.get("type", "")))


def _about(fact: Fact, title: str) -> bool:
    pattern = _HEADINGS.get(fact)
    return pattern is not None and pattern.search(title.lower()) is not None


def _sections(body: str) -> Iterator[tuple[str, bool]]:
    """Each heading outside code, and whether there is text below it before the next heading of its level."""
    open_headings: list[tuple[int, str, list[str]]] = []
    fence = ""
    for line in _COMMENT.sub("", body).splitlines():
        mark = _FENCE.match(line)
        if mark is not None and (not fence or mark.group(1).startswith(fence)):
            fence = "" if fence else mark.group(1)
        heading = None if fence or mark else _HEADING.fullmatch(line)
        if heading is None:
            for _, _, lines in open_headings:
                lines.append(line)
            continue
        rank = len(heading.group(1))
        while open_headings and open_headings[-1][0] >= rank:
            yield _told(*open_headings.pop())
        open_headings.append((rank, heading.group(2), []))
    while open_headings:
        yield _told(*open_headings.pop())


def _told(_: int, title: str, lines: list[str]) -> tuple[str, bool]:
    words = _PLACEHOLDER.sub(" ", "\n".join(lines)).split()
    return shown(title)[:_LONGEST_VALUE], len(words) >= _FEWEST_WORDS
