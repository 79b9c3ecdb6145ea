"""kubectl itself, against a simulated cluster."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.simulators.kube.serving import Cluster


def program() -> Path:
    """The program; the calling test is skipped, and says so, if it is absent."""
    found = Path(os.environ.get("ARCOPS_KUBECTL") or Path(sys.prefix) / "bin" / "kubectl")
    if not found.is_file():
        pytest.skip("kubectl is not here: no package carries it for this machine; name the program in ARCOPS_KUBECTL")
    return found.absolute()


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Kubectl:
    """kubectl for one cluster, as one context."""

    cluster: Cluster
    context: str = "admin"

    def __call__(self, *words: str, given: str = "") -> Ran:
        """Run it with *words*, and with *given* on its standard input."""
        line = [
            program(),
            "--kubeconfig",
            self.cluster.kubeconfig,
            "--context",
            self.context,
            "--cache-dir",
            self.cluster.folder / "cache",
        ]
        done = subprocess.run(
            [*line, *words], input=given, capture_output=True, text=True, timeout=60, check=False,
            env={"HOME": str(self.cluster.folder), "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        return Ran(done.returncode, done.stdout, done.stderr)

    def good(self, *words: str, given: str = "") -> str:
        """What it prints, after it succeeded."""
        ran = self(*words, given=given)
        assert ran.code == 0, ran
        return ran.out
