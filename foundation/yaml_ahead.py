"""Deep brackets on which a YAML parser fails before it reports them: those after the last event.

A parser reads ahead as long as a value may be a key, and the parser in C stops at its own depth, with its own error. This finds
the depth that it had reached, so that the user gets our error with our limit.
"""

from __future__ import annotations

import yaml


def deep_ahead(text: str, error: yaml.YAMLError, *, after: int, opened: int, deepest: int) -> int | None:
    """The line (from 1) on which *text* opens more than *deepest* collections before *error*; `None` if it does not.

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
