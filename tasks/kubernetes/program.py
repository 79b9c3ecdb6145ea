"""The program that a kubeconfig's user names under ``exec``, which clouds need. It runs only at the person's command line.

It gets PATH, HOME and KUBECONFIG of the environment, and what its own entry names. So it gets neither the passphrase of the
signing key nor any other variable of ArcOps. Specification: client.authentication.k8s.io/v1, ExecCredential.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from arcops.errors import Refused, Unavailable
from foundation.processes.starting import NOTHING, PIPE, Child, TimeoutExpired, start
from foundation.strict_yaml import JSON

GIVEN = ("PATH", "HOME", "KUBECONFIG")
"""The variables of the environment that a program gets, in addition to those that its own entry names."""
SECONDS = 300.0
"""The time limit for one run: a person may have to log in meanwhile."""
_TICK = 0.2
_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
_FIELDS = ("apiVersion", "command", "args", "env", "installHint", "interactiveMode", "provideClusterInfo")
_MODES = ("Never", "IfAvailable", "Always")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run. It runs in ``folder``, and a relative command begins there; ``cluster`` is what it gets."""

    user: str
    command: str
    arguments: tuple[str, ...]
    given: tuple[tuple[str, str], ...] = field(repr=False)
    version: str
    mode: str
    folder: Path
    hint: str = ""
    cluster: Mapping[str, JSON] | None = None

    @property
    def notice(self) -> str:
        """What the person is told before it runs; arguments may be secret and are left out."""
        return f"{self.user} runs the program {self.command}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterCredential:
    """What a program gave: a token, or a certificate with its key (PEM)."""

    token: str = field(default="", repr=False)
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)


def program_of(said: JSON, user: str, folder: Path, cluster: Mapping[str, JSON]) -> Program:
    """The entry ``exec`` of *user*, from a file in *folder*. Raises `Refused` if it does not say what to run."""
    if not isinstance(said, dict) or not set(said) <= set(_FIELDS):
        raise Refused(f"{user}: exec is not a mapping, or has other fields than {', '.join(_FIELDS)}")
    command, version = said.get("command"), said.get("apiVersion")
    arguments, given = said.get("args") or [], said.get("env") or []
    if not isinstance(command, str) or not command:
        raise Refused(f"{user}: exec names no command")
    if version not in _VERSIONS:
        raise Refused(f"{user}: exec has the apiVersion {str(version)[:80]!r}; use {' or '.join(_VERSIONS)}")
    if not isinstance(arguments, list) or not all(isinstance(one, str) for one in arguments):
        raise Refused(f"{user}: the args of exec are not a list of texts")
    if not isinstance(given, list) or not all(_is_variable(one) for one in given):
        raise Refused(f"{user}: the env of exec is not a list of names and values")
    mode = said.get("interactiveMode") or "IfAvailable"
    if mode not in _MODES:
        raise Refused(f"{user}: the interactiveMode of exec is not one of {', '.join(_MODES)}")
    return Program(
        user=user,
        command=command,
        arguments=tuple(str(one) for one in arguments),
        given=tuple((str(one["name"]), str(one["value"])) for one in given if isinstance(one, dict)),
        version=str(version),
        mode=str(mode),
        folder=folder,
        hint=str(said.get("installHint") or "")[:500],
        cluster=dict(cluster) if said.get("provideClusterInfo") is True else None,
    )


def run(program: Program, environment: Mapping[str, str], tick: Callable[[], None]) -> ClusterCredential:
    """What *program* gives. *tick* is called while it runs and may raise, which ends it.

    Raises `Refused` if it does not exist, fails or gives no credential, and `Unavailable` if it takes too long.
    """
    interactive = program.mode != "Never" and sys.stdin is not None and sys.stdin.isatty()
    if program.mode == "Always" and not interactive:
        raise Refused(f"{program.user} runs the program {program.command}, which needs a terminal, but there is no terminal")
    info: dict[str, JSON] = {"interactive": interactive}
    if program.cluster is not None:
        info["cluster"] = dict(program.cluster)
    asked = {"apiVersion": program.version, "kind": "ExecCredential", "spec": info}
    kept = {name: environment[name] for name in GIVEN if environment.get(name)}
    child = _begun(program, {**kept, **dict(program.given), "KUBERNETES_EXEC_INFO": json.dumps(asked)}, interactive)
    out = _waited(child, program, tick)
    if child.returncode != 0:
        raise Refused(f"{program.user} runs the program {program.command}, which ended with status {child.returncode}")
    return _credential(out, program)


def _begun(program: Program, environment: Mapping[str, str], interactive: bool) -> Child:
    command = _found(program, environment)
    try:
        return start(
            [command, *program.arguments],
            environment=environment,
            folder=str(program.folder),
            stdin=None if interactive else NOTHING,
            stdout=PIPE,
            stderr=None,  # there it tells the person to log in
            at_terminal=interactive,
        )
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "its name is not a possible name of a program"
        raise Refused(
            f"{program.user} runs the program {command}, which could not be started: {why}. {program.hint}"
        ) from error


def _found(program: Program, environment: Mapping[str, str]) -> str:
    """The program's own path. A bare name is looked up only in absolute folders of PATH, never in the current folder."""
    if os.sep in program.command:
        return str(program.folder / program.command)
    folders = [one for one in environment.get("PATH", os.defpath).split(os.pathsep) if Path(one).is_absolute()]
    found = shutil.which(program.command, path=os.pathsep.join(folders)) if folders else None
    if found is None:
        raise Refused(f"{program.user} runs the program {program.command}, which is not in PATH. {program.hint}".rstrip())
    return found


def _waited(child: Child, program: Program, tick: Callable[[], None]) -> bytes:
    end = time.monotonic() + SECONDS
    try:
        while True:
            tick()
            with suppress(TimeoutExpired):
                return child.communicate(timeout=_TICK)[0]
            if time.monotonic() >= end:
                raise Unavailable(f"{program.user} runs the program {program.command}, which did not end within {SECONDS:g} s")
    finally:
        if child.poll() is None:
            with suppress(OSError):
                if os.getpgid(child.pid) == child.pid:
                    os.killpg(child.pid, signal.SIGKILL)
                else:
                    child.kill()
            child.communicate()


def _credential(out: bytes, program: Program) -> ClusterCredential:
    wrong = Refused(f"{program.user} runs the program {program.command}, which gave no ExecCredential of {program.version}")
    try:
        said = json.loads(out)
    except (ValueError, RecursionError):
        raise wrong from None
    status = said.get("status") if isinstance(said, dict) else None
    if not isinstance(status, dict) or (said.get("apiVersion"), said.get("kind")) != (program.version, "ExecCredential"):
        raise wrong
    names = ("token", "clientCertificateData", "clientKeyData")
    token, certificate, key = (status.get(name) or "" for name in names)
    if not all(isinstance(one, str) for one in (token, certificate, key)) or bool(certificate) is not bool(key):
        raise wrong
    if not token and not certificate:
        raise wrong
    return ClusterCredential(token=token, certificate=certificate, key=key)


def _is_variable(one: JSON) -> bool:
    return isinstance(one, dict) and isinstance(one.get("name"), str) and isinstance(one.get("value"), str)
