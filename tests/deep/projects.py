"""Small projects as package managers leave them on disk: a lock file, and what is installed, of six ecosystems."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from pathlib import Path

PYTHON = {"requests": "2.31.0", "Flask-SQLAlchemy": "3.0.5", "zope.interface": "6.1"}
NPM = {"lodash": "4.17.20", "@types/node": "20.11.5", "JSONStream": "1.3.5"}
DEBIAN = {  # binary package: its version, its source package with that one's version, if they differ
    "libc6": ("2.36-9+deb12u4", "glibc"),
    "libssl3": ("3.0.11-1~deb12u2", "openssl"),
    "libstdc++6": ("12.2.0-14", "gcc-12"),
    "login": ("1:4.13+dfsg1-1+b1", "shadow (1:4.13+dfsg1-1)"),
    "bash": ("5.2.15-2+b2", "bash (5.2.15-2)"),
}
ALPINE = {"musl": ("1.2.4-r2", "musl"), "libcrypto3": ("3.1.4-r1", "openssl")}
GO = {"github.com/gin-gonic/gin": "v1.9.0", "golang.org/x/net": "v0.7.0", "github.com/BurntSushi/toml": "v1.3.2"}
SWIFT = {"vapor": "4.0.0"}


def projects(folder: Path) -> dict[str, Path]:
    """Make each project in a folder of its own below *folder*, by name."""
    made = {}
    for name, make in MAKERS.items():
        made[name] = folder / name
        make(made[name])
    return made


def python(folder: Path) -> None:
    """A lock file of pip, and the metadata of what pip installed from it."""
    write(folder / "requirements.txt", "".join(f"{name}=={version}\n" for name, version in PYTHON.items()))
    for name, version in PYTHON.items():
        installed(folder / "lib/python3.11/site-packages", name, version)


def installed(site: Path, name: str, version: str) -> None:
    """One distribution in the folder *site*, as pip leaves it."""
    module = name.lower().replace("-", "_").replace(".", "_")
    info = f"{module}-{version}.dist-info"
    code = f'__version__ = "{version}"\n'
    summary = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: made for a test\nLicense: MIT\n"
    files = {
        f"{module}/__init__.py": code,
        f"{info}/METADATA": summary,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/INSTALLER": "pip\n",
        f"{info}/top_level.txt": f"{module}\n",
    }
    record = []
    for path, text in files.items():
        digest = b64encode(hashlib.sha256(text.encode()).digest()).decode()
        record.append(f"{path},sha256={digest},{len(text)}")
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,"]) + "\n"
    for path, text in files.items():
        write(site / path, text)


def npm(folder: Path) -> None:
    """A lock file of npm (version 3), and the packages in node_modules."""
    entries: dict[str, object] = {"": {"name": "shop", "version": "1.0.0", "license": "MIT", "dependencies": NPM}}
    for name, version in NPM.items():
        file = name.rpartition("/")[2]
        digest = b64encode(hashlib.sha512(name.encode()).digest()).decode()
        entries[f"node_modules/{name}"] = {
            "version": version,
            "resolved": f"https://registry.invalid/{name}/-/{file}-{version}.tgz",
            "integrity": f"sha512-{digest}",
            "license": "MIT",
        }
        as_json(folder / "node_modules" / name / "package.json", {"name": name, "version": version, "license": "MIT"})
    as_json(folder / "package.json", entries[""])
    lock = {"name": "shop", "version": "1.0.0", "lockfileVersion": 3, "requires": True, "packages": entries}
    as_json(folder / "package-lock.json", lock)


def debian(folder: Path) -> None:
    """The root of a Debian 12 with the status file of dpkg."""
    write(
        folder / "etc/os-release",
        'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\n'
        'VERSION="12 (bookworm)"\nVERSION_CODENAME=bookworm\nID=debian\n',
    )
    write(folder / "etc/debian_version", "12.4\n")
    stanzas = []
    for name, (version, source) in DEBIAN.items():
        origin = "" if source == name else f"Source: {source}\n"
        stanzas.append(
            f"Package: {name}\nStatus: install ok installed\nPriority: required\nSection: libs\nInstalled-Size: 100\n"
            f"Maintainer: A Maintainer <maintainer@debian.invalid>\nArchitecture: amd64\n{origin}Version: {version}\n"
            f"Description: {name}\n made for a test\n"
        )
        write(folder / f"var/lib/dpkg/info/{name}.md5sums", f"{'0' * 32}  usr/share/doc/{name}/copyright\n")
    write(folder / "var/lib/dpkg/status", "\n".join(stanzas) + "\n")


def alpine(folder: Path) -> None:
    """The root of an Alpine 3.18 with the database of apk."""
    write(folder / "etc/alpine-release", "3.18.5\n")
    write(folder / "etc/os-release", 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.18.5\nPRETTY_NAME="Alpine Linux v3.18"\n')
    entries = [
        f"C:Q1{b64encode(hashlib.sha1(name.encode()).digest()).decode()}\nP:{name}\nV:{version}\nA:x86_64\nS:10\nI:20\n"  # noqa: S324  # the format's own
        f"T:made for a test\nU:https://alpine.invalid/\nL:MIT\no:{origin}\nm:A Maintainer <maintainer@alpine.invalid>\n"
        f"t:1700000000\nc:{'0' * 40}\nF:lib\nR:{name}.so.1\na:0:0:755\n"
        for name, (version, origin) in ALPINE.items()
    ]
    write(folder / "lib/apk/db/installed", "\n".join(entries) + "\n")


def go(folder: Path) -> None:
    """The two files of a Go module. A binary would take the compiler of Go."""
    required = "".join(f"\t{name} {version}\n" for name, version in GO.items())
    write(folder / "go.mod", f"module example.invalid/shop\n\ngo 1.21\n\nrequire (\n{required})\n")
    digest = b64encode(hashlib.sha256(b"").digest()).decode()
    sums = (f"{name} {version} h1:{digest}\n{name} {version}/go.mod h1:{digest}\n" for name, version in GO.items())
    write(folder / "go.sum", "".join(sums))
    write(folder / "main.go", "package main\n\nfunc main() {}\n")


def swift(folder: Path) -> None:
    """The lock file of Swift's package manager."""
    pins = [
        {"identity": name, "kind": "remoteSourceControl", "location": f"https://github.com/{name}/{name}.git",
         "state": {"revision": "0" * 40, "version": version}}
        for name, version in SWIFT.items()
    ]  # fmt: skip
    as_json(folder / "Package.resolved", {"pins": pins, "version": 2})


MAKERS: Mapping[str, Callable[[Path], None]] = {
    "python": python,
    "npm": npm,
    "debian": debian,
    "alpine": alpine,
    "go": go,
    "swift": swift,
}


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def as_json(path: Path, value: object) -> None:
    write(path, json.dumps(value, indent=2) + "\n")
