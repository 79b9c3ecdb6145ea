"""SBOMs by real generators, of the projects of `tests.deep.projects`: `python -m tests.deep.generators FOLDER`.

Trivy and Syft are named by ``ARCOPS_TRIVY`` and ``ARCOPS_SYFT``; `make test-deep` installs both below the virtual environment.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.deep.projects import projects

OFFLINE = ("--skip-db-update", "--skip-java-db-update", "--offline-scan", "--skip-version-check", "--disable-telemetry")
TRIVY_FORMATS = {"cyclonedx": "cdx.json", "spdx-json": "spdx.json"}
SYFT_FORMATS = {"cyclonedx-json": "cdx.json", "cyclonedx-xml": "cdx.xml", "spdx-json": "spdx.json", "spdx-tag-value": "spdx"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One SBOM in the file *path*: *generator* (``trivy fs``, ``trivy rootfs`` or ``syft``) read *project*, a folder."""

    generator: str
    form: str
    project: Path
    path: Path


def program(name: str) -> Path:
    """The real program *name*; the calling test is skipped, saying so, if it is absent."""
    variable = f"ARCOPS_{name.upper()}"
    found = Path(os.environ.get(variable, Path(sys.prefix) / "scanners" / "bin" / name))
    if not found.is_file():
        pytest.skip(f"{name} is not here; run 'make test-deep', or name the program in {variable}")
    return found.absolute()


def sboms(folder: Path, *, trivy: Path | None = None, syft: Path | None = None) -> Iterator[Made]:
    """Every SBOM that the given programs make of every project, in ``folder/sboms``."""
    out = folder / "sboms"
    out.mkdir(parents=True, exist_ok=True)
    for name, project in projects(folder / "projects").items():
        if trivy is not None:
            for mode in ("fs", "rootfs"):
                for form, ending in TRIVY_FORMATS.items():
                    path = out / f"trivy-{mode}-{name}.{ending}"
                    _made(
                        folder, [str(trivy), mode, "--quiet", *OFFLINE, "--format", form, "--output", str(path), str(project)]
                    )
                    yield Made(generator=f"trivy {mode}", form=form, project=project, path=path)
        if syft is not None:
            files = {form: out / f"syft-{name}.{ending}" for form, ending in SYFT_FORMATS.items()}
            wanted = [f"--output={form}={path}" for form, path in files.items()]
            _made(folder, [str(syft), "scan", f"dir:{project}", "--quiet", *wanted])
            for form, path in files.items():
                yield Made(generator="syft", form=form, project=project, path=path)


def _made(folder: Path, arguments: list[str]) -> None:
    home = folder / "home"
    home.mkdir(exist_ok=True)
    environment = {"PATH": os.defpath, "HOME": str(home), "TMPDIR": str(home), "SYFT_CHECK_FOR_APP_UPDATE": "false"}
    ended = subprocess.run(arguments, cwd=home, env=environment, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, f"{arguments}: {ended.stderr[-2000:]}"


if __name__ == "__main__":
    for each in sboms(Path(sys.argv[1]).absolute(), trivy=program("trivy"), syft=program("syft")):
        print(each.generator, each.form, each.path)  # a script for people
