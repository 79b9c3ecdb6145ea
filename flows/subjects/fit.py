"""What a description of models on GPUs means: its file, read once before anything else, so that a wrong one is refused at
once.
"""

from __future__ import annotations

from arcops.subjects.fit import Fit
from flows.place import Place
from flows.subjects.meaning import Meant, existing, means


@means(Fit)
def described(found: Fit, at: Place) -> Meant:
    """The description. Raises `Refused` if it is not there, or if it is wrong."""
    target = existing(found.target, at)
    if not at.elsewhere:
        from tasks.fit.description import read_description

        read_description(target, at.within)
    return Meant(target=target)
