"""What guidellm and aiperf measure on a server with planned times, compared with ArcOps' own client.

    ARCOPS_GUIDELLM=…/bin/guidellm ARCOPS_AIPERF=…/bin/aiperf python -m benches.inference_peers

Both are found by these variables or in PATH, in their own environments; a missing one is reported and left out.
One request at a time, answers of 16 tokens. Their numbers are taken from the files that they write: medians of TTFT and of the
times between tokens, TPOT as each defines it (guidellm: e2e / N; aiperf: none of its own), and the throughput.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from arcops.endpoint import Route
from arcops.seen.inference import RunKind
from benches.inference import go_first, measured, served

FIRST, GAP, TOKENS = 0.1, 0.02, 16
REQUESTS = 12
_SECONDS = 180

Figures = dict[str, float | None]

PLAN: Figures = {
    "ttft": FIRST * 1000,
    "itl": GAP * 1000,
    "tpot": GAP * 1000,
    "tokens/s": TOKENS / (FIRST + GAP * (TOKENS - 1)),
}


def ours() -> Figures:
    run = measured(FIRST, GAP, 1, Route.CHAT).run(RunKind.CLOSED, "a", 1)
    assert run is not None
    gaps = sorted(gap for shot in run.shots for gap in shot.gaps)
    times = (run.middle("ttft"), gaps[len(gaps) // 2], run.middle("tpot"), run.throughput)
    return dict(zip(PLAN, (None if one is None else one / 1000 for one in times), strict=True))


def guidellm(program: str, url: str, folder: Path) -> Figures:
    report = folder / "guidellm.json"
    command = [program, "run", "--backend", f"kind=openai_http,target={url},model=a", "--disable-console"]
    command += ["--profile", "kind=concurrent,streams=1", "--constraint", f"kind=max_requests,count={REQUESTS}"]
    command += ["--data", f"kind=synthetic_text,prompt_tokens=20,output_tokens={TOKENS}"]
    command += ["--tokenizer", f"kind=huggingface_auto,model={_tokenizer(folder)}", "--output", f"kind=json,path={report}"]
    _run(command)
    metrics = json.loads(report.read_text())["benchmarks"][0]["metrics"]

    def figure(name: str, statistic: str = "median") -> float:
        return float(metrics[name]["successful"][statistic])

    times = (figure("time_to_first_token_ms"), figure("inter_token_latency_ms"), figure("time_per_output_token_ms"))
    return dict(zip(PLAN, (*times, figure("output_tokens_per_second", "mean")), strict=True))


def aiperf(program: str, url: str, folder: Path) -> Figures:
    command = [program, "profile", "-m", "a", "-u", url, "--endpoint-type", "chat", "--streaming", "--ui", "none"]
    command += ["--concurrency", "1", "--request-count", str(REQUESTS), "--isl", "20", "--osl", str(TOKENS)]
    command += ["--tokenizer", str(_tokenizer(folder)), "--artifact-dir", str(folder / "aiperf")]
    _run(command)
    (report,) = (folder / "aiperf").rglob("*aiperf.json")
    told: dict[str, dict[str, Any]] = json.loads(report.read_text())
    times = (told["time_to_first_token"]["p50"], told["inter_token_latency"]["p50"], None)
    return dict(zip(PLAN, (*times, told["output_token_throughput"]["avg"]), strict=True))


def _run(command: list[str]) -> None:
    # They need no downloads, and downloads must not be measured.
    environment = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS, env=environment)
    if done.returncode:
        raise SystemExit(f"{command[0]} failed: {(done.stderr or done.stdout)[-1500:]}")


def _tokenizer(folder: Path) -> Path:
    """A tokenizer of a few words, because both need one to make their prompts."""
    words = ["[UNK]", "word", *(f"{first}{second}" for first in "abcdefgh" for second in "klmnop")]
    model = {"type": "WordLevel", "vocab": {word: number for number, word in enumerate(words)}, "unk_token": "[UNK]"}
    made = folder / "tokenizer"
    made.mkdir(exist_ok=True)
    kept = {"version": "1.0", "added_tokens": [], "pre_tokenizer": {"type": "Whitespace"}, "model": model}
    (made / "tokenizer.json").write_text(json.dumps(kept))
    (made / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "[UNK]"})
    )
    (made / "config.json").write_text(json.dumps({"model_type": "gpt2", "vocab_size": len(words)}))
    return made


def main() -> int:
    if not go_first():
        print("the system does not let this go before others (it takes root), so what else runs is measured, too")
    print(f"{'client':10} {' '.join(f'{name:>9}' for name in PLAN)}   off in TTFT")
    _print("plan", PLAN)
    own = ours()
    _print("arcops", own)
    for name, peer in (("guidellm", guidellm), ("aiperf", aiperf)):
        program = os.environ.get(f"ARCOPS_{name.upper()}") or shutil.which(name)
        if not program:
            print(f"{name:10} is not here, so it is not compared; install it in an environment of its own")
            continue
        with tempfile.TemporaryDirectory() as folder, served(FIRST, GAP, 1) as url:
            _print(name, peer(program, url, Path(folder)))
    off = abs((own["ttft"] or 0) - FIRST * 1000)
    return 1 if off > max(2.0, FIRST * 50) else 0


def _print(name: str, figures: Figures) -> None:
    told = " ".join("        -" if one is None else f"{one:9.2f}" for one in figures.values())
    off = (figures["ttft"] or 0) - FIRST * 1000
    print(f"{name:10} {told}   {off:+.2f} ms", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
