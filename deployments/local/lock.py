"""Write the lock: every package that ArcOps needs, in one version, with the hashes of all its published files.

``make lock`` runs it. `requirements.lock` is what runs with the extra ``all`` (and what builds ArcOps itself);
`requirements-dev.lock` is that and what the tests take. Both hold for Python 3.11 and newer on every platform, name no index,
and are installed with
``--require-hashes --no-deps``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
PLAIN, ALL = "requirements.lock", "requirements-dev.lock"
PLAIN_EXTRAS, ALL_EXTRAS = ("--extra", "all"), ("--extra", "dev")
"""Not `cloud`: its libraries are many, and nothing here runs them."""
OLDEST = "3.11"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = (
    ("x86_64-manylinux_2_28", ALL_EXTRAS),
    ("aarch64-manylinux_2_28", ALL_EXTRAS),
    ("aarch64-apple-darwin", PLAIN_EXTRAS),  # NVIDIA makes its bindings for no Mac
)
HEAD = "# Written by `make lock`. It names no index: pip takes yours, and takes from it only files with these hashes.\n"
_FOREIGN = re.compile(r"://|^\s*(?:-[a-z]|--(?!hash=sha256:))|(?:^|[\s@])(?:\.{0,2}/)", re.MULTILINE)


def compiled(uv: str, *more: str, python: str = OLDEST, fed: str = "") -> str:
    """What uv makes of pyproject.toml and of the requirements *fed*. No setting of this machine has a say in it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "PIP_"))}
    command = [uv, "--no-config", "pip", "compile", "--quiet", "pyproject.toml", "-", "--python-version", python]
    command += ["--no-annotate", "--no-header", "--no-emit-index-url", "--no-emit-find-links", *more]
    done = subprocess.run(command, input=fed, capture_output=True, text=True, check=False, cwd=HERE, env=environment)
    if done.returncode:
        sys.exit(f"uv did not find versions that fit together ({' '.join(more)}, Python {python}):\n{done.stderr}")
    return done.stdout


def refuse_foreign(name: str, text: str) -> None:
    """End with a sentence if *text* names an index, a file, or anything that is not a pinned package with its hashes."""
    found = _FOREIGN.search(text.removeprefix(HEAD))
    if found is not None:
        line = text.removeprefix(HEAD).count("\n", 0, found.start()) + 1
        sys.exit(f"{name} would name something other than a package and its hashes (line {line}); it was not written")


def main(uv: str) -> None:
    """Compile both locks, check them, and write them."""
    with (HERE / "pyproject.toml").open("rb") as file:
        build: list[str] = tomllib.load(file)["build-system"]["requires"]
    # hatchling needs `editables` to install a project in its own folder.
    built = "\n".join([*build, "editables>=0.5,<1"]) + "\n"
    whole = compiled(uv, "--universal", *ALL_EXTRAS, "--generate-hashes", fed=built)
    with tempfile.TemporaryDirectory() as folder:
        pins = Path(folder) / "pins.txt"
        pins.write_text(re.sub(r"( \\)?\n    --hash=\S+", "", whole))
        plain = compiled(uv, "--universal", *PLAIN_EXTRAS, "--generate-hashes", "--constraint", str(pins), fed=built)
        for python in PYTHONS:  # there is a file for each, so that a new machine compiles nothing
            for platform, extras in PLATFORMS:
                only = ("--python-platform", platform, "--only-binary", ":all:", "--constraint", str(pins), *extras)
                compiled(uv, *only, python=python, fed=built)
    for name, text in ((ALL, whole), (PLAIN, plain)):
        refuse_foreign(name, text)
        (HERE / name).write_text(HEAD + text)
        print(f"{name}: {len(re.findall('^[a-z0-9]', text, re.MULTILINE))} packages")


if __name__ == "__main__":
    main(sys.argv[1])
