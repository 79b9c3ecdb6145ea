"""Installations of servers as an installer leaves them, made by hand: each byte of them is the test's to change."""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from arcops.collector import Collector
from arcops.errors import ArcOpsError
from arcops.evidence import Body, Cause, Evidence, Missing, Seen
from arcops.gate import Gate
from arcops.judge import judge
from arcops.request import Request
from arcops.result import GateResult
from arcops.seen.server import Launching
from arcops.tier import Tier
from flows.plan import collector_of, gate_named
from gates.server.server_advisories import ServerAdvisoriesPolicy
from gates.server.server_contents import ServerContentsPolicy
from gates.server.server_licence import ServerLicencePolicy
from gates.server.server_origin import ServerOriginPolicy
from gates.server.server_tools import ServerToolsPolicy
from tasks.model.osv.importing import import_osv
from tasks.server.case import SEAL, TREE, Case, Locked, write_case
from tasks.server.installed_tree import seen as tree_of
from tests.evidence import NOW, evidence

SITE = "venv/lib/python3.11/site-packages"
POLICIES: dict[str, Any] = {
    "server-origin": ServerOriginPolicy(packages=("pypi:made-server", "npm:@made/server")),
    "server-contents": ServerContentsPolicy(native=("fast",)),
    "server-licence": ServerLicencePolicy(allowed=("MIT",)),
    "server-advisories": ServerAdvisoriesPolicy(min_advisories=1),
    "server-tools": ServerToolsPolicy(),
}
NEEDS = {
    "server-origin": ("server-installation", "server-packages"),
    "server-contents": ("server-contents",),
    "server-licence": ("server-contents",),
    "server-advisories": ("server-packages", "server-advisories"),
    "server-tools": ("server-tools",),
}
UNSTARTED = ("server-origin", "server-contents", "server-licence", "server-advisories")


def hashed(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


@dataclass
class Made:
    """An installation below ``folder``, with its case; `seal` after a change, as an installer would have left it."""

    folder: Path
    case: Case
    data: Path
    now: datetime = NOW
    policies: dict[str, Any] = field(default_factory=lambda: dict(POLICIES))

    @property
    def tree(self) -> Path:
        return self.folder / TREE

    @property
    def site(self) -> Path:
        return self.tree / SITE

    def put(self, path: str, data: bytes = b"") -> Path:
        place = self.tree / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        return place

    def compiled(self, source: str, *, flags: int = 0, code: bytes = b"made here") -> None:
        """Bytecode beside *source*, as uv leaves it; or with other *flags* (PEP 552)."""
        said = (self.site / source).stat()
        words = (flags, int(said.st_mtime), said.st_size) if not flags else (flags, 0, 0)
        header = b"".join(one.to_bytes(4, "little") for one in (3495, *words))
        folder, _, name = source.rpartition("/")
        self.put(f"{SITE}/{folder}/__pycache__/{name.removesuffix('.py')}.cpython-311.pyc", header + code)

    def wheel(self, name: str, version: str, files: dict[str, bytes], *, pure: bool = True, licence: str = "MIT") -> None:
        """Install a wheel with *files*, as uv does."""
        info = f"{name.replace('-', '_')}-{version}.dist-info"
        said = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n"
        files = {
            **files,
            f"{info}/METADATA": f"{said}License-Expression: {licence}\n".encode() if licence else said.encode(),
            f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: {str(pure).lower()}\nTag: x\n".encode(),
        }
        rows = [f"{path},sha256={hashed(data)},{len(data)}" for path, data in files.items()]
        for path, data in files.items():
            self.put(f"{SITE}/{path}", data)
        self.put(f"{SITE}/{info}/RECORD", "\n".join([*rows, f"{info}/RECORD,,", ""]).encode())

    def package(self, place: str, name: str, version: str, *, licence: str = "MIT", **more: object) -> None:
        """Install a package of Node."""
        said = {"name": name, "version": version, "license": licence, **more}
        self.put(f"{place}/package.json", json.dumps(said).encode())
        self.put(f"{place}/index.js", b"// nothing\n")

    def seal(self) -> None:
        found = tree_of(self.tree)
        said = {"lock": self.case.lock.digest, "package": self.case.lock.package, "tree": found.digest}
        (self.folder / SEAL).write_text(json.dumps(said))
        write_case(self.case, self.folder)

    def locked(self, text: str) -> None:
        """Another text of the lock, as if it had been resolved to that."""
        self.case = replace(self.case, lock=replace(self.case.lock, text=text))

    def asking(self, **more: Any) -> None:
        self.case = replace(self.case, launching=replace(self.case.launching, **more))

    @property
    def request(self) -> Request:
        return Request(
            target=self.folder,
            declared=self.folder,
            named="made",
            kind="mcp-server",
            tier=Tier.AIR_GAPPED,
            now=self.now,
            trust=self.folder,
            data=self.data,
            cache=self.folder,
        )

    def judged(self, *gates: str) -> dict[str, GateResult]:
        """What each of *gates* says, from what the collectors see here."""
        collected: dict[str, Evidence[Body] | Missing] = {}
        for kind in dict.fromkeys(kind for gate in gates or UNSTARTED for kind in NEEDS[gate]):
            collected[kind] = look(kind, self.request, collected)
        return {name: _judged(name, self.policies[name], collected, self.now) for name in gates or UNSTARTED}

    def bad(self, *gates: str) -> set[str]:
        """The rules that do not pass."""
        results = self.judged(*gates).values()
        return {one.rule for result in results for one in result.findings if one.outcome.value != "PASS"}


def _judged(name: str, policy: object, collected: dict[str, Evidence[Body] | Missing], now: datetime) -> GateResult:
    gate: Gate[object] | None = gate_named(name)
    assert gate is not None
    return judge(gate, policy, collected, at=now, subject_name="made")


def look(kind: str, request: Request, collected: dict[str, Evidence[Body] | Missing]) -> Evidence[Body] | Missing:
    """What the collector of *kind* sees, in this process."""
    found: Collector[Body] | None = collector_of(kind)
    assert found is not None
    there = {one: body for one, body in collected.items() if isinstance(body, Evidence)}
    try:
        body = found.look(request, Seen(there, at=request.now, subject_name="made")).body
    except (ArcOpsError, KeyError) as error:
        return Missing(kind=kind, collector=found.id, cause=Cause.REFUSED, reason=str(error))
    return evidence(body)


def python_server(folder: Path, data: Path) -> Made:
    """A Python server of two wheels, good in every way."""
    lock = "".join(
        f"{name}=={version} \\\n    --hash=sha256:{digit * 64}\n"
        for name, version, digit in (("fast", "2.0", "1"), ("made-server", "1.0", "2"))
    )
    package = "pypi:made-server==1.0"
    made = Made(
        folder,
        Case(lock=Locked(package=package, runtime="cpython", text=lock), launching=Launching(package=package)),
        data,
    )
    made.wheel("made-server", "1.0", {"made_server/__init__.py": b"def main(): pass\n"})
    made.wheel("fast", "2.0", {"fast/__init__.py": b"", "fast/core.so": b"\x7fELF" + bytes(60)}, pure=False)
    made.put("venv/pyvenv.cfg", b"home = /usr\n")
    made.put(f"{SITE}/_virtualenv.pth", b"import _virtualenv")
    made.put(f"{SITE}/_virtualenv.py", b"# of uv\n")
    made.compiled("made_server/__init__.py")
    made.seal()
    return made


def node_server(folder: Path, data: Path) -> Made:
    """A Node server of two packages, one of them twice, good in every way."""
    package = "npm:@made/server@1.0.0"
    places = {
        "node_modules/@made/server": ("@made/server", "1.0.0"),
        "node_modules/tool": ("tool", "2.0.0"),
        "node_modules/@made/server/node_modules/tool": ("tool", "1.0.0"),
    }
    entries: dict[str, dict[str, object]] = {
        place: {"version": version, "resolved": "https://index.example/x.tgz", "integrity": f"sha512-{'A' * 86}=="}
        for place, (_, version) in places.items()
    }
    lock = json.dumps({"lockfileVersion": 3, "packages": {"": {}, **entries}})
    made = Made(
        folder, Case(lock=Locked(package=package, runtime="node", text=lock), launching=Launching(package=package)), data
    )
    for place, (name, version) in places.items():
        made.package(place, name, version)
    made.put("node_modules/.package-lock.json", b"{}")
    made.put("package.json", b"{}")
    made.seal()
    return made


def advisories(folder: Path, *more: dict[str, object]) -> Path:
    """A folder with imported advisories of both indexes: one about another package, and *more*."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, ecosystem in enumerate(("PyPI", "npm")):
        path = folder / f"{ecosystem}.zip"
        with zipfile.ZipFile(path, "w") as export:
            for one in (advisory(ecosystem, f"X-{number}", "another"), *more):
                affected: Any = one["affected"]
                if affected[0]["package"]["ecosystem"] == ecosystem:
                    export.writestr(f"{one['id']}.json", json.dumps(one))
        import_osv(path, folder, ecosystem=None, now=NOW)
    return folder


def advisory(ecosystem: str, name: str, package: str) -> dict[str, object]:
    kind = "SEMVER" if ecosystem == "npm" else "ECOSYSTEM"
    events = [{"introduced": "0"}, {"fixed": "9.0.0"}]
    return {
        "schema_version": "1.6.0",
        "id": name,
        "modified": datetime(2026, 11, 20, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
        "affected": [{"package": {"ecosystem": ecosystem, "name": package}, "ranges": [{"type": kind, "events": events}]}],
    }
