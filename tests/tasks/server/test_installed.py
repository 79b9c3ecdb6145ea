"""What can be judged of a server without starting it: the smallest change to a good one turns it red, at its rule."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from arcops.evidence import Missing
from services.host.lock import Lock
from tasks.server.case import Locked, read_case
from tasks.server.installed_tree import seen
from tests.tasks.server.made import (
    SITE,
    UNSTARTED,
    Made,
    advisories,
    advisory,
    look,
    node_server,
    python_server,
)

pytestmark = pytest.mark.requirement("HOST-020/only-green-servers-start")

Change = Callable[[Made], object]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return advisories(tmp_path_factory.mktemp("advisories"))


@pytest.fixture
def python(tmp_path: Path, data: Path) -> Made:
    return python_server(tmp_path / "server", data)


@pytest.fixture
def node(tmp_path: Path, data: Path) -> Made:
    return node_server(tmp_path / "node", data)


def test_a_good_server_passes_every_rule(python: Made, tmp_path: Path) -> None:
    assert python.bad() == set()
    node = node_server(tmp_path / "other", python.data)
    assert node.bad() == set()


def test_programs_of_packages_pass(python: Made) -> None:
    names = ("uvicorn", "python-argcomplete-check", "activate-global-python-argcomplete", "pip3", "dotenv")
    python.wheel("made-server", "1.0", {f"../../../bin/{name}": b"#!/usr/bin/env python\n" for name in names})
    python.compiled("fast/__init__.py", flags=3)
    python.put(f"{SITE}/made_server/__pycache__/__init__.cpython-311.pyc").unlink()
    python.seal()
    assert python.bad("server-contents") - {"server-contents/whole"} == set()


def test_the_lock_of_a_case_has_the_digest_that_the_operator_allows(python: Made) -> None:
    lock = read_case(python.request).lock
    assert lock.digest == Lock(package=lock.package, runtime=lock.runtime, text=lock.text).digest


def append(made: Made, path: str, data: bytes = b"x") -> None:
    place = made.tree / path
    place.write_bytes(place.read_bytes() + data)


def record(made: Made, change: Callable[[str], str]) -> None:
    place = made.site / "made_server-1.0.dist-info" / "RECORD"
    place.write_text(change(place.read_text()))


PYTHON: dict[str, tuple[Change, str]] = {
    "a byte of a file": (lambda made: append(made, f"{SITE}/made_server/__init__.py"), "server-contents/whole"),
    "a file that no package lists": (lambda made: made.put(f"{SITE}/more.py", b"x = 1"), "server-contents/whole"),
    "a file beside the packages": (lambda made: made.put("venv/share/x", b"x"), "server-contents/whole"),
    "a file that is gone": (lambda made: (made.site / "made_server" / "__init__.py").unlink(), "server-contents/whole"),
    "a file without a digest": (
        lambda made: record(made, lambda text: text.replace(text.splitlines()[0], "made_server/__init__.py,,")),
        "server-contents/whole",
    ),
    "a file outside": (lambda made: record(made, lambda text: f"{text}../../../../../x,sha256=x,1\n"), "server-contents/whole"),
    "a list that is gone": (
        lambda made: (made.site / "made_server-1.0.dist-info" / "RECORD").unlink(),
        "server-contents/read",
    ),
    "a list that is no list": (lambda made: record(made, lambda text: f"{text}one,two\n"), "server-contents/read"),
    "native code in a pure wheel": (
        lambda made: made.wheel("made-server", "1.0", {"made_server/x.so": b"\x7fELF" + bytes(9)}),
        "server-contents/native",
    ),
    "native code by another name": (
        lambda made: made.wheel("made-server", "1.0", {"made_server/x.txt": b"\0asm" + bytes(9)}),
        "server-contents/native",
    ),
    "native code of a package that no one named": (
        lambda made: made.wheel("made-server", "1.0", {"made_server/x": b"\xcf\xfa\xed\xfe" + bytes(9)}, pure=False),
        "server-contents/native",
    ),
    "bytecode that a package brings": (
        lambda made: made.wheel("made-server", "1.0", {"made_server/__pycache__/x.cpython-311.pyc": b"x"}),
        "server-contents/native",
    ),
    "bytecode in the place of a source": (
        lambda made: made.wheel("made-server", "1.0", {"made_server/x.pyc": b"x"}),
        "server-contents/native",
    ),
    "a line that runs at each start": (
        lambda made: made.wheel("made-server", "1.0", {"made.pth": b"import os; os.system('x')\n"}),
        "server-contents/startup",
    ),
    "a module that runs at each start": (
        lambda made: made.wheel("made-server", "1.0", {"sitecustomize.py": b""}),
        "server-contents/startup",
    ),
    "a folder that runs at each start": (
        lambda made: made.wheel("made-server", "1.0", {"sitecustomize/__init__.py": b""}),
        "server-contents/startup",
    ),
    "a compiled module that runs at each start": (
        lambda made: made.wheel("made-server", "1.0", {"usercustomize.cpython-311-x86_64-linux-gnu.so": b"x"}),
        "server-contents/startup",
    ),
    "a path for every start": (
        lambda made: made.wheel("made-server", "1.0", {"__editable__.made.pth": b"/srv/elsewhere\n"}),
        "server-contents/startup",
    ),
    "an interpreter": (
        lambda made: made.wheel("made-server", "1.0", {"../../../bin/python3.11": b"#!/bin/sh\n"}),
        "server-contents/startup",
    ),
    "a program that others run": (
        lambda made: made.wheel("made-server", "1.0", {"../../../bin/git": b"#!/bin/sh\n"}),
        "server-contents/startup",
    ),
    "the settings of the environment": (
        lambda made: made.wheel("made-server", "1.0", {"../../../pyvenv.cfg": b"include-system-site-packages = true\n"}),
        "server-contents/startup",
    ),
    "a file in the place of another package's": (
        lambda made: made.wheel("made-server", "1.0", {"fast/__init__.py": b"evil = True\n"}),
        "server-contents/whole",
    ),
    "bytecode that is never compared": (
        lambda made: made.compiled("made_server/__init__.py", flags=1),
        "server-contents/native",
    ),
    "bytecode of another source": (
        lambda made: (
            made.compiled("made_server/__init__.py"),
            made.wheel("made-server", "1.0", {"made_server/__init__.py": b"def other(): pass\n"}),
        ),
        "server-contents/native",
    ),
    "bytecode without a source": (
        lambda made: made.put(f"{SITE}/made_server/__pycache__/gone.cpython-311.pyc", bytes(20)),
        "server-contents/native",
    ),
    "another start of the environment": (
        lambda made: made.put(f"{SITE}/_virtualenv.pth", b"import _virtualenv, os"),
        "server-contents/whole",
    ),
    "a licence that is not permitted": (
        lambda made: made.wheel("fast", "2.0", {}, licence="AGPL-3.0-only"),
        "server-licence/permitted",
    ),
    "no licence": (lambda made: made.wheel("fast", "2.0", {}, licence=""), "server-licence/permitted"),
    "a package beside the lock": (lambda made: made.wheel("more", "1.0", {}), "server-origin/installed"),
    "another version than the lock's": (
        lambda made: made.locked(made.case.lock.text.replace("fast==2.0", "fast==2.1")),
        "server-origin/installed",
    ),
    "one package twice": (lambda made: made.wheel("fast", "1.0", {}), "server-origin/installed"),
    "a link that leads out": (
        lambda made: (made.site / "made_server" / "link").symlink_to("/etc"),
        "server-origin/installed",
    ),
    "a lock without a digest": (
        lambda made: made.locked(made.case.lock.text.replace(f" \\\n    --hash=sha256:{'1' * 64}", "")),
        "server-origin/locked",
    ),
    "a lock with a range": (
        lambda made: made.locked(made.case.lock.text.replace("fast==2.0", "fast>=2.0")),
        "server-origin/locked",
    ),
    "a lock with an address": (
        lambda made: made.locked(f"{made.case.lock.text}other @ https://example.org/x.whl\n"),
        "server-origin/locked",
    ),
    "a lock with an option": (
        lambda made: made.locked(f"--index-url https://example.org\n{made.case.lock.text}"),
        "server-origin/locked",
    ),
    "a lock without the server": (
        lambda made: made.locked(made.case.lock.text.replace("made-server", "made-servers")),
        "server-origin/locked",
    ),
    "the network": (lambda made: made.asking(network="open"), "server-origin/launch"),
    "a path to read": (lambda made: made.asking(reads=("/srv/data",)), "server-origin/launch"),
    "a path to write": (lambda made: made.asking(writes=("/srv/data",)), "server-origin/launch"),
    "a variable that changes what runs": (lambda made: made.asking(environment=("NODE_OPTIONS=x",)), "server-origin/launch"),
    "a secret that changes what runs": (lambda made: made.asking(secrets=("LD_PRELOAD=env:X",)), "server-origin/launch"),
}


@pytest.mark.parametrize("what", PYTHON)
def test_a_change_of_a_python_server_is_red_at_its_rule(python: Made, what: str) -> None:
    change, rule = PYTHON[what]
    change(python)
    python.seal()
    assert rule in python.bad()


def of_node(made: Made, place: str, **more: object) -> None:
    path = made.tree / place / "package.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **more}))


def lock_entry(made: Made, place: str, **more: object) -> None:
    lock = json.loads(made.case.lock.text)
    entry = {**lock["packages"].get(place, {"version": "1.0.0"}), **more}
    lock["packages"][place] = {name: value for name, value in entry.items() if value is not None}
    made.locked(json.dumps(lock))


NODE: dict[str, tuple[Change, str]] = {
    "an installation script": (
        lambda made: of_node(made, "node_modules/tool", scripts={"postinstall": "node x.js"}),
        "server-contents/scripts",
    ),
    "a script of a nested package": (
        lambda made: of_node(made, "node_modules/@made/server/node_modules/tool", scripts={"preinstall": "x"}),
        "server-contents/scripts",
    ),
    "a build": (lambda made: made.put("node_modules/tool/binding.gyp", b"{}"), "server-contents/scripts"),
    "a build that only its package says": (
        lambda made: of_node(made, "node_modules/tool", gypfile=True),
        "server-contents/scripts",
    ),
    "a hook for every installation": (
        lambda made: made.put("node_modules/.hooks/postinstall", b"#!/bin/sh\n"),
        "server-contents/whole",
    ),
    "WebAssembly by another name": (
        lambda made: made.put("node_modules/tool/data.bin", b"\0asm" + bytes(9)),
        "server-contents/native",
    ),
    "an addon": (lambda made: made.put("node_modules/tool/x.node", b"\x7fELF" + bytes(9)), "server-contents/native"),
    "an addon by another name": (
        lambda made: made.put("node_modules/tool/icon.png", b"\x7fELF" + bytes(9)),
        "server-contents/native",
    ),
    "a file of no package": (lambda made: made.put("node_modules/x.js", b""), "server-contents/whole"),
    "a file beside": (lambda made: made.put("loader.js", b""), "server-contents/whole"),
    "a package that cannot be read": (
        lambda made: made.put("node_modules/tool/package.json", b"{"),
        "server-contents/read",
    ),
    "a package beside the lock": (
        lambda made: made.package("node_modules/more", "more", "1.0.0"),
        "server-origin/installed",
    ),
    "another version than the lock's": (
        lambda made: of_node(made, "node_modules/tool", version="3.0.0"),
        "server-origin/installed",
    ),
    "another name than the lock's": (
        lambda made: of_node(made, "node_modules/tool", name="other"),
        "server-origin/installed",
    ),
    "a licence that is not permitted": (
        lambda made: of_node(made, "node_modules/tool", license="SSPL-1.0"),
        "server-licence/permitted",
    ),
    "a lock without a digest": (
        lambda made: lock_entry(made, "node_modules/tool", integrity=None),
        "server-origin/locked",
    ),
    "a lock with a weak digest": (
        lambda made: lock_entry(made, "node_modules/tool", integrity=f"sha1-{'A' * 27}="),
        "server-origin/locked",
    ),
    "a lock with a link": (lambda made: lock_entry(made, "node_modules/tool", link=True), "server-origin/locked"),
    "a place outside": (
        lambda made: lock_entry(made, "node_modules/../x", integrity=f"sha512-{'A' * 86}=="),
        "server-origin/locked",
    ),
    "a lock that is empty": (lambda made: made.locked("{}"), "server-origin/locked"),
}


@pytest.mark.parametrize("what", NODE)
def test_a_change_of_a_node_server_is_red_at_its_rule(node: Made, what: str) -> None:
    change, rule = NODE[what]
    change(node)
    node.seal()
    assert rule in node.bad()


def test_an_optional_package_may_be_left_out_on_this_machine(node: Made) -> None:
    lock_entry(node, "node_modules/elsewhere", integrity=f"sha512-{'A' * 86}==", optional=True)
    node.seal()
    assert node.bad() == set()


@pytest.mark.parametrize(("ecosystem", "package"), [("PyPI", "fast"), ("npm", "tool")])
def test_an_advisory_that_appears_is_red(python: Made, node: Made, tmp_path: Path, ecosystem: str, package: str) -> None:
    made = python if ecosystem == "PyPI" else node
    assert made.bad("server-advisories") == set()
    made.data = advisories(tmp_path / "newer", advisory(ecosystem, "GHSA-new", package))
    assert made.bad("server-advisories") == {"server-advisories/known"}


def test_old_data_and_no_data_are_red(python: Made, tmp_path: Path) -> None:
    python.now += timedelta(days=30)
    assert "server-advisories/data" in python.bad("server-advisories")
    python.data = tmp_path
    assert python.bad("server-advisories") == {"server-advisories/judged"}


@pytest.mark.parametrize("what", ["a byte of the tree", "a byte of the lock", "no note of the installation", "no case"])
def test_what_is_not_as_it_was_installed_is_no_evidence(python: Made, what: str) -> None:
    if what == "a byte of the tree":
        append(python, f"{SITE}/made_server/__init__.py")
    elif what == "a byte of the lock":
        from tasks.server.case import write_case

        lock = python.case.lock
        changed = Locked(package=lock.package, runtime=lock.runtime, text=f"{lock.text} ")
        write_case(replace(python.case, lock=changed), python.folder)
    else:
        (python.folder / ("case.json" if what == "no case" else "sealed.json")).unlink()
    assert isinstance(look("server-installation", python.request, {}), Missing)
    assert "server-origin/judged" in python.bad("server-origin")


@pytest.mark.parametrize(
    "name",
    ["made-serve", "made-serverr", "mode-server", "maed-server", "server-made", "made_server_", "rnade-server", "made-5erver"],
)
def test_a_lookalike_is_red(python: Made, name: str) -> None:
    policy = python.policies["server-origin"]
    python.policies["server-origin"] = replace(policy, packages=(*policy.packages, f"pypi:{name}x*"))
    python.case = replace(python.case, lock=replace(python.case.lock, package=f"pypi:{name}==1.0"), allowed="ann")
    python.seal()
    assert "server-origin/name" in python.bad("server-origin")


@pytest.mark.parametrize("name", ["@mode/server", "server", "@made/servers", "@made/sever"])
def test_a_lookalike_of_node_is_red(node: Made, name: str) -> None:
    node.case = replace(node.case, lock=replace(node.case.lock, package=f"npm:{name}@1.0.0"), allowed="ann")
    node.seal()
    assert "server-origin/name" in node.bad("server-origin")


def test_the_name_of_another_row_may_not_be_imitated(python: Made) -> None:
    python.policies["server-origin"] = replace(python.policies["server-origin"], packages=("pypi:*",))
    assert python.bad("server-origin") == set()
    python.case = replace(python.case, hosted=("pypi:made-sewer==2.0", "pypi:nade-server==2.0"))
    python.seal()
    assert python.bad("server-origin") == {"server-origin/name"}


def test_the_same_lock_has_the_same_content_wherever_it_is_installed(python: Made, tmp_path: Path) -> None:
    """What an installer writes for one machine is no part of what a verdict is about, and is still compared on that machine."""
    other = python_server(tmp_path / "other", python.data)
    other.put("venv/pyvenv.cfg", b"home = /opt/python\n")
    other.compiled("made_server/__init__.py", code=b"made there")
    one, two = seen(python.tree), seen(other.tree)
    assert one.content == two.content
    assert one.digest != two.digest
    other.put("copy/venv/pyvenv.cfg", b"of a folder")
    assert seen(other.tree).content != one.content
    assert set(UNSTARTED) == set(python.judged())
