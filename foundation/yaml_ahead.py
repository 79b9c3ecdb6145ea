"""What a YAML parser stumbled over before it said a word of it: brackets that stand ahead of the last event.

A parser reads ahead, as far as something may turn out to be a key, and the one in C gives up at a depth of its own, in its own
words. Here the depth is found that it had come to, so that the reader's own bound is what a user hears of.
"""

from __future__ import annotations

import yaml


def deep_ahead(text: str, error: yaml.YAMLError, *, after: int, opened: int, deepest: int) -> int | None:
    """The line (from 1) on which *text* opens more than *deepest* collections before *error*; `None` where it does not.

    *after* is the index at which the parser's last event ended, and *opened* is how many collections were open there.
    """
    mark = getattr(error, "problem_mark", None)
    until = mark.index + 1 if mark is not None else len(text)
    first = min((at for at in (text.find("[", after, until), text.find("{", after, until)) if at >= 0), default=until)
    depth = opened
    try:
        for token in yaml.scan(text[first:until], Loader=yaml.SafeLoader):
            if isinstance(token, yaml.FlowSequenceStartToken | yaml.FlowMappingStartToken):
                depth += 1
            elif isinstance(token, yaml.FlowSequenceEndToken | yaml.FlowMappingEndToken):
                depth -= 1
            if depth > deepest:
                return text.count("\n", 0, first) + int(token.start_mark.line) + 1
    except yaml.YAMLError:
        return None
    return None
