"""A local index for tests: this environment's packages as wheels again, so that an installer needs no network.

What an installation recorded (``RECORD``) is what was in its wheel, and what the installer added itself. So a wheel of
the former is installed as the first one was.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zipfile
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.test_lock import project

_ADDED = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"}


def needed(wanted: Iterable[Requirement], found: dict[str, Distribution] | None = None) -> dict[str, Distribution]:
    """The installed distributions that *wanted* need, with what these need in turn."""
    found = {} if found is None else found
    for one in wanted:
        # `extra` is a marker of its own: a requirement without one is asked for whatever the extras are.
        name = canonicalize_name(one.name)
        have = found.get(name) or distribution(name)
        extras = one.extras or {""}
        more = [
            inner
            for text in have.requires or ()
            if (inner := Requirement(text))
            and any(not inner.marker or inner.marker.evaluate({"extra": extra}) for extra in extras)
        ]
        first = name not in found
        found[name] = have
        if first or one.extras:
            needed((inner for inner in more if first or inner.marker), found)
    return found


def asked(extra: str) -> list[Requirement]:
    """What ``arcops[extra]`` asks for by pyproject.toml."""
    told = project()["project"]
    found, waiting = [*map(Requirement, told["dependencies"])], [extra]
    while waiting:
        for one in map(Requirement, told["optional-dependencies"][waiting.pop()]):
            waiting.extend(one.extras) if one.name == "arcops" else found.append(one)
    return found


def repack(have: Distribution, into: Path) -> Path:
    """Write *have* as a wheel into the folder *into*. Scripts that its installer made are made again by the next one."""
    name, version = re.sub(r"[-_.]+", "_", have.metadata["Name"]), have.version.replace("-", "_")
    said = have.read_text("WHEEL") or ""
    tags = [line.partition(": ")[2] for line in said.splitlines() if line.startswith("Tag: ")]
    made = into / f"{name}-{version}-{_joined(tags)}.whl"
    root = Path(str(have.locate_file("")))
    lines: list[str] = []
    folder = ""
    with zipfile.ZipFile(made, "w") as archive:
        for file in have.files or ():
            where = Path(str(have.locate_file(file)))
            if file.parts[0].endswith(".dist-info"):
                folder = file.parts[0]
                if file.name in _ADDED:
                    continue
            if ".." in file.parts:  # scripts and data beside the packages
                if file.parts[-2] != "bin" or _is_made(have, file.name):
                    continue
                inside = f"{name}-{version}.data/scripts/{file.name}"
            else:
                inside = str(where.relative_to(root))
            if not where.is_file() or inside.endswith(".pyc"):
                continue
            data = where.read_bytes()
            member = zipfile.ZipInfo(inside, (2020, 2, 2, 0, 0, 0))
            member.external_attr = (where.stat().st_mode & 0xFFFF) << 16
            archive.writestr(member, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            lines.append(f"{_quoted(inside)},sha256={digest},{len(data)}\n")
        record = f"{folder}/RECORD"
        archive.writestr(zipfile.ZipInfo(record, (2020, 2, 2, 0, 0, 0)), "".join([*lines, f"{_quoted(record)},,\n"]))
    return made


def _joined(tags: list[str]) -> str:
    """The compressed set of *tags*: ``py2.py3-none-any`` of ``py2-none-any`` and ``py3-none-any``."""
    columns = zip(*(tag.split("-") for tag in tags), strict=True)
    return "-".join(".".join(dict.fromkeys(column)) for column in columns)


def _is_made(have: Distribution, script: str) -> bool:
    return any(entry.name == script for entry in have.entry_points if entry.group in ("console_scripts", "gui_scripts"))


def _quoted(path: str) -> str:
    return f'"{path}"' if "," in path else path
