"""Files of pickles: one, or several one after another, and joblib's."""

from __future__ import annotations

from tasks.model.content import pickles
from tasks.model.content.draft import Draft
from tasks.model.content.window import Window


def read(window: Window, draft: Draft) -> None:
    """A file with only a pickle, or with several one after another. Several are a problem, but all are walked."""
    end, count = 0, 0
    while end < window.size:
        walked = pickles.walk(window, draft, at=end, arrays=True)
        count += 1
        if not walked.stopped:
            if count > 1:
                draft.problem(f"after the pickle there are {window.size - end} bytes that are not a pickle")
            break
        end = walked.end
        if count == 1000:
            draft.problem("more than 1000 pickles follow one another")
            break
    if count > 1:
        draft.problem("more than one pickle, or other data, follows the first one")
    if any(name.startswith("joblib.") for name in draft.imports):
        draft.format = "joblib"
