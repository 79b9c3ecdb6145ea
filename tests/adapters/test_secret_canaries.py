"""A secret is planted in every place that a reference can name, used, and then looked for everywhere: it is found nowhere."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.adapters.serving import environment, served
from tests.adapters.typed import typed
from tests.canaries import among, files, forms, watched
from tests.models import PASSPHRASE, Bench, bench, good_model
from tests.simulators.cluster_secrets import cluster_secrets
from tests.simulators.key_vault import key_vault
from tests.simulators.openai_api import Break, Plan, serving
from tests.simulators.secrets_manager import secrets_manager
from tests.simulators.vault import vault
from tests.waiting import until

pytestmark = [
    pytest.mark.requirement("BASE-5/secrets-by-reference", "BASE-7/logs-have-ids-and-no-secrets"),
    pytest.mark.skipif(sys.platform != "linux", reason="it looks at /proc"),
]

CANARY = "canary-of-the-endpoint-4e1b7c55"
LOGIN = "canary-of-the-login-9d02aa31"
QUICK = Plan(first=0.01, gap=0.001)
SHORT = ("--requests", "2", "--concurrency", "1", "--rate", "20", "--tokens", "4", "--models", "a")


@pytest.fixture
def here(tmp_path: Path) -> Bench:
    return bench(tmp_path)


@contextmanager
def planted(scheme: str, folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """A reference to the canary in the place of *scheme*, and the variables that lead there."""
    with ExitStack() as stack:
        match scheme:
            case "env":
                yield "env:MODEL_KEY", {"MODEL_KEY": CANARY}
            case "file":
                kept = folder / "elsewhere" / "key"
                kept.parent.mkdir()
                kept.touch(mode=0o600)
                kept.write_text(CANARY)
                yield f"file:{kept}", {}
                kept.unlink()
            case "vault":
                store = stack.enter_context(vault())
                store.secret_ids["role"] = LOGIN
                store.put("kv", "model", key=CANARY)
                told = {"VAULT_ADDR": store.url, "ARCOPS_VAULT_ROLE_ID": "role", "ARCOPS_VAULT_SECRET_ID_REF": "env:ID"}
                yield "vault:kv/model#key", {**told, "ID": LOGIN}
            case "aws":
                manager = stack.enter_context(secrets_manager())
                manager.keys["AKIDEXAMPLE"] = (LOGIN, "")
                manager.kept["model"] = f'{{"key": "{CANARY}"}}'
                told = {"AWS_ENDPOINT_URL_SECRETS_MANAGER": manager.url, "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE"}
                yield "aws:eu-central-1/model#key", {**told, "AWS_SECRET_ACCESS_KEY": LOGIN}
            case "azure":
                vaults = stack.enter_context(key_vault())
                vaults.secret = LOGIN
                vaults.put("model", CANARY)
                told = {"ARCOPS_AZURE_VAULTS": vaults.url, "AZURE_AUTHORITY_HOST": vaults.url, "AZURE_TENANT_ID": "the-tenant"}
                yield "azure:my-vault/model", {**told, "AZURE_CLIENT_ID": "the-client", "AZURE_CLIENT_SECRET": LOGIN}
            case "kubernetes":
                cluster = stack.enter_context(cluster_secrets())
                cluster.token = LOGIN
                cluster.put("arcops", "model", key=CANARY.encode())
                told = {"ARCOPS_SECRETS_CLUSTER": cluster.url, "ARCOPS_SECRETS_CLUSTER_TOKEN_REF": "env:TOKEN"}
                yield "kubernetes:arcops/model#key", {**told, "TOKEN": LOGIN}


@pytest.mark.parametrize("scheme", ["env", "file", "vault", "aws", "azure", "kubernetes"])
def test_a_check_leaves_no_trace_of_its_key(here: Bench, tmp_path: Path, scheme: str) -> None:
    """Also one whose endpoint refuses the key and repeats it, with traces on and lines for machines."""
    with planted(scheme, tmp_path) as (reference, told), serving(a=QUICK) as api, watched(os.getpid()) as shown:
        told |= {**here.environment, "ARCOPS_TRACES": str(tmp_path / "traces.jsonl"), "ARCOPS_LOG": "json", "PATH": os.defpath}
        words = ("inference", "check", api.url, *SHORT, "--api-key", reference)
        done = [typed(*words, "--format", "json", "--output", tmp_path / "sealed.json", environment=told)]
        assert {one["Authorization"] for one in api.headers} == {f"Bearer {CANARY}"}
        api.plans["a"] = Plan(breaks=Break.STATUS, status=401)
        done.append(typed(*words, environment=told))
        done.append(typed(*words[:-1], f"{reference}-none", environment=told))
    assert any(b"tasks.inference" in one or b"flows.runners.behind_walls" in one for one in shown.commands), "a child was seen"
    kept = [one for one in files(tmp_path) if not one[0].endswith("/elsewhere/key")]
    assert len(kept) > 5
    said = [(f"run {number}", f"{one.stdout}{one.stderr}".encode()) for number, one in enumerate(done)]
    assert among([*kept, *said, *shown.texts.items()], (CANARY, LOGIN)) == []


def test_what_is_planted_is_found(tmp_path: Path) -> None:
    """The eyes of the other tests."""
    for number, form in enumerate(forms(CANARY)):
        (tmp_path / str(number)).write_bytes(b"before" + form + b"after")
    assert len(among(files(tmp_path), (CANARY,))) == 5
    program = "import sys; sys.stdin.read()"
    with (
        watched(os.getpid()) as shown,
        subprocess.Popen([sys.executable, "-c", program, CANARY], stdin=subprocess.PIPE, env={"KEY": CANARY}) as child,
    ):
        until(lambda: len(among(shown.texts.items(), (CANARY,))) >= 2, "the child's command and environment")
        assert child.stdin is not None
        child.stdin.close()


def test_a_server_with_its_audit_log_leaves_no_trace(here: Bench, tmp_path: Path) -> None:
    """Its signing key's passphrase lies in Vault; its children check a model; then Vault is down, and a call fails."""
    model = good_model(here)
    with vault() as store:
        store.tokens = {LOGIN}
        store.put("kv", "signing", passphrase=PASSPHRASE)
        told = {name: value for name, value in here.environment.items() if name != "ARCOPS_PASSPHRASE"}
        told |= {"VAULT_ADDR": store.url, "VAULT_TOKEN": LOGIN, "ARCOPS_PASSPHRASE_REF": "vault:kv/signing#passphrase"}
        told |= {"ARCOPS_TRACES": str(tmp_path / "traces.jsonl"), "ARCOPS_LOG": "json", "ARCOPS_SECRETS_SECONDS": "0"}

        async def asked() -> list[str]:
            async with server.client() as client:
                good = await client.call_tool("check_model", {"target": str(model), "policy": str(here.policy)})
                store.down = 503
                bad = await client.call_tool("check_model", {"target": str(model), "policy": str(here.policy)})
                return [str(good), str(bad)]

        with served("mcp", "--http", env=told) as server:
            with watched(server.process.pid) as shown:
                good, bad = asyncio.run(asked())
            log = "\n".join(server.log)
    assert store.reads >= 2
    assert "isError=False" in good or "is_error=False" in good, good
    assert "the passphrase cannot be had from vault:kv/signing#passphrase: it answers 503" in bad
    said = [("log", log.encode()), ("good", good.encode()), ("bad", bad.encode())]
    of_children = [one for one in shown.texts.items() if str(server.process.pid) not in one[0]]
    assert among([*files(here.home, tmp_path), *said, *of_children], (PASSPHRASE, LOGIN)) == []
    assert list((here.home / "audit").rglob("*")), "the audit log was on"


@pytest.mark.parametrize("reference", ["env", "file", "vault"])
def test_a_process_that_holds_a_secret_dumps_no_core(tmp_path: Path, reference: str) -> None:
    program = "import os, sys; from foundation.secrets import referred; {} ; os.abort()"
    with planted(reference, tmp_path) as (named, told):
        used = f"referred(os.environ, {named!r}, 'key')"
        with_one, without = (_dumped(program.format(what), told, tmp_path / name) for what, name in ((used, "a"), ("0", "b")))
    if not without:
        pytest.skip("this machine dumps no core of any process")
    assert not with_one


def _dumped(program: str, told: dict[str, str], folder: Path) -> bool:
    """Does the kernel dump a core of a process that runs *program* and ends by a signal?"""
    import resource

    folder.mkdir()

    def unlimited() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))

    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    if not hard:
        pytest.skip("this machine allows no core dumps")
    child = subprocess.Popen(
        [sys.executable, "-c", program], env=environment(told), cwd=folder, preexec_fn=unlimited, stderr=subprocess.PIPE
    )
    _, status = os.waitpid(child.pid, 0)
    child.returncode = status
    assert child.stderr is not None
    text = child.stderr.read()
    child.stderr.close()
    assert os.WIFSIGNALED(status), text.decode()
    return os.WCOREDUMP(status) or any("core" in one.name for one in folder.iterdir())


def test_a_log_line_that_somebody_writes_does_not_show_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import io
    import logging

    from foundation.secrets import referred
    from foundation.telemetry import logs

    with vault() as store:
        store.put("kv", "a", key=CANARY, lines=f"-----BEGIN\n{LOGIN}\n-----END")
        told = {"VAULT_ADDR": store.url, "VAULT_TOKEN": "root-token"}
        for name in ("key", "lines"):
            referred(told, f"vault:kv/a#{name}", "key")
    out = io.StringIO()
    kept = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        logs.begin({"ARCOPS_LOG": "json"}, out)
        logging.getLogger("adapters.x").warning("with %s and %s", CANARY, LOGIN, extra={"known": {"artifact": CANARY}})
    finally:
        logging.getLogger().handlers[:], level = kept
        logging.getLogger().setLevel(level)
        logging.captureWarnings(False)
    assert "(secret)" in out.getvalue()
    assert CANARY not in out.getvalue()
    assert LOGIN not in out.getvalue()
