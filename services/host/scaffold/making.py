"""Make a project of a template: written beside its place, and put there whole."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from amend.client.families import KNOWN
from amend.client.materialising import materialised
from arcops.errors import Refused, Unavailable
from arcops.seen.client import Transport, Wanted
from services.host.reserved import refuse_reserved
from services.host.scaffold.hosting_file import HOSTING, Hosting, written
from services.host.scaffold.kinds import Kind, Language, texts

_START = {Language.PYTHON: "serve.py", Language.NODE: "serve.mjs"}
_IN_IMAGE: Mapping[Language, Callable[[str], list[str]]] = {
    Language.PYTHON: lambda name: ["/opt/server/bin/python", "-P", "-m", _package(name)],
    Language.NODE: lambda name: ["/usr/local/bin/node", f"/srv/{name}/serve.mjs"],
}
_EDITOR = "vscode"
_BUILTIN = """\
    type: builtin
    name: {}
"""
_KEPT = """\
    type: configmap
    name: {}-profile
    key: profile.json
"""
_PROFILE = """\
# /data is an empty folder, gone with its pod; to keep it, mount a volume there (volumes, volumeMounts).
apiVersion: v1
kind: ConfigMap
metadata:
  name: {}-profile
data:
  profile.json: '{{"write": ["/data"]}}'
---
"""
_EGRESS = """\
    # The API is elsewhere: name its addresses here, because a policy of Kubernetes knows no names.
    - to:
        - ipBlock:
            cidr: 192.0.2.0/24
      ports:
        - protocol: TCP
          port: 443
"""


def project(kind: Kind, language: Language, name: str, *, version: str) -> Mapping[str, str]:
    """The files of a new server *name*, by their paths. *version* is that of this program, which serves it alone.

    Raises `Refused` if *name* cannot be that of a hosted server.
    """
    refuse_reserved(name)
    hosting = replace(kind.hosting, name=name, command=_START[language])
    away = hosting.network == "open"
    words = {
        "name": name,
        "package": _package(name),
        "title": kind.title,
        "arcops": f">={version}",
        "command": json.dumps(_IN_IMAGE[language](name)),
        "running": "".join(_running(hosting)),
        "permission": _KEPT.format(name) if hosting.arguments else _BUILTIN.format("network" if away else "none"),
        "objects": _PROFILE.format(name) if hosting.arguments else "",
        "reaches": ", and it reaches name servers and its API" if away else ", and it reaches only name servers",
        "egress": _EGRESS if away else "",
        "arguments": "".join(f', "{one}"' for one in hosting.arguments),
    }
    files = {path.replace("PACKAGE", _package(name)): _filled(text, words) for path, text in texts(kind, language).items()}
    editor = KNOWN.of(_EDITOR)
    here = Wanted(name=name, transport=Transport.HTTP, url=f"http://127.0.0.1:8430/{name}/mcp")
    files[editor.files[-1].linux] = materialised(editor, editor.schema(), (here,), ())
    files[HOSTING] = written(hosting)
    return files


def _running(hosting: Hosting) -> Iterator[str]:
    """What the server of a cluster is given: files are in the one folder there that may be written."""
    if hosting.arguments:
        yield f"  args: {json.dumps([f'/data/{one}' if Path(one).suffix else '/data' for one in hosting.arguments])}\n"
    if hosting.environment:
        yield "  env:\n"
    for name, _, value in (one.partition("=") for one in hosting.environment):
        yield f"    - name: {name}\n      value: {json.dumps(value)}\n"


def put(files: Mapping[str, str], folder: Path) -> None:
    """Write *files* as *folder*, which must not exist or be empty: all of them, or nothing.

    Raises `Refused` for a folder with something in it, `Unavailable` if it cannot be written.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise Refused(f"{folder} is not a folder; name another one")
    if folder.exists() and any(folder.iterdir()):
        raise Refused(f"{folder} has something in it already; name another folder, so that nothing there is replaced")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise Unavailable(f"nothing can be written to {folder.parent}: {error.strerror}") from error
    try:
        beside.chmod(0o755)
        for path, text in files.items():
            file = beside / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    except OSError as error:
        shutil.rmtree(beside, ignore_errors=True)
        raise Unavailable(f"{folder} cannot be written: {error.strerror}") from error
    try:
        beside.rename(folder)  # onto an empty folder, too
    except OSError as error:
        raise Refused(f"{folder} has something in it by now ({error.strerror}); name another folder") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _package(name: str) -> str:
    """The name of the Python package of the server *name*: no name of the standard library or of a program is hidden by it."""
    plain = re.sub(r"[^a-z0-9]+", "_", name)
    return f"{plain}_server" if plain[0].isalpha() else f"server_{plain}"


def _filled(text: str, words: Mapping[str, str]) -> str:
    return re.sub(r"@@([a-z]+)@@", lambda found: words[found[1]], text)
