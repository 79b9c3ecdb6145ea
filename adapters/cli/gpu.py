"""``arcops gpu``."""

from __future__ import annotations

from pathlib import Path

from adapters.cli import surroundings
from adapters.cli.answering import answer, policy_for
from adapters.cli.checking import tell
from adapters.tools.gpu import CheckGpus, check_gpus
from adapters.tools.verify import Fetch, fetch_artifact
from artifacts.writing import replace_whole, replaceable


def check(policy: str, key: str, output: Path | None, form: str) -> int:
    if output is not None:
        replaceable(output)
    at = surroundings.place(key=key, stop=surroundings.stop_on_signals())
    checked = answer(check_gpus, CheckGpus(policy=policy_for(policy)), at)
    if output is not None:
        replace_whole(output, answer(fetch_artifact, Fetch(artifact=checked.artifact), at).text.encode())
    return tell(checked.report, checked.artifact, form, output, at)
