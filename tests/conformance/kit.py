"""Node with the suite and the inspector, as `make conformance` installs them."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

_LEAST_NODE = (22, 19)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """``folder`` is what npm installed into; ``home`` is where its programs may leave what they like."""

    folder: Path
    home: Path

    def run(self, *command: str, seconds: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Run one of the kit's programs to its end, and give what it said."""
        name, *more = command
        program = self.folder / "node_modules" / ".bin" / name
        if not program.exists():
            raise SystemExit(f"there is no {name} in {self.folder}; run `make conformance`, which installs it")
        return subprocess.run(
            [str(program), *more], env=self._environment(), capture_output=True, text=True, timeout=seconds, check=False
        )

    def check(self) -> str:
        """The version of Node. Ends the program if it is too old for the suite."""
        said = subprocess.run(["node", "--version"], env=self._environment(), capture_output=True, text=True).stdout.strip()  # noqa: S607  # the kit's folder is first
        match = re.fullmatch(r"v(\d+)\.(\d+)\..*", said)
        if match is None or (int(match[1]), int(match[2])) < _LEAST_NODE:
            least = ".".join(str(part) for part in _LEAST_NODE)
            raise SystemExit(f"the suite takes Node {least} or newer, and there is {said or 'none'}; install one")
        return said

    def _environment(self) -> dict[str, str]:
        modules = self.folder / "node_modules"
        path = f"{modules / 'node' / 'bin'}{os.pathsep}{modules / '.bin'}{os.pathsep}{os.environ.get('PATH', '')}"
        return {"PATH": path, "HOME": str(self.home), "NO_COLOR": "1"}
