"""A real OpenID Connect provider (npm ``oidc-provider``, pinned in ``oidc_provider/``), started by the tests, and its people.
If a test asks for it, they log in at a SAML 2.0 identity provider (npm ``samlp``) that stands behind it.

npm installs it once into ``build/``, from wherever npm is set to; without Node.js and npm a test that needs it is skipped.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from typing import Any
from urllib.parse import urljoin

import httpx2
import pytest

_HERE = Path(__file__).parent / "oidc_provider"
_BUILD = Path(__file__).resolve().parents[2] / "build"
_FILES = ("package.json", "package-lock.json")
_START_SECONDS, _INSTALL_SECONDS = 600.0, 600.0


@dataclass(kw_only=True)
class RealProvider:
    """``url`` is the issuer; ``told`` is what it told clients by itself, each as the address and the body."""

    url: str
    told: Queue[dict[str, str]] = field(default_factory=Queue)
    browsers: ExitStack = field(default_factory=ExitStack)

    def logged_in(self, address: str, person: str, client: str, code: str = "") -> tuple[str, httpx2.Client]:
        """The address that *person* is sent back to from *address*, and their browser, which is logged in at the provider.

        *client* is the beginning of the addresses that the browser does not open any more; *code* is that of a second factor.
        """
        browser = self.browsers.enter_context(httpx2.Client(trust_env=False, timeout=600))
        answer = browser.get(address)
        for _ in range(20):
            if answer.is_redirect:
                there = urljoin(str(answer.request.url), answer.headers["location"])
                if there.startswith(client):
                    return there, browser
                answer = browser.get(there)
                continue
            assert answer.status_code == 200, (answer.status_code, answer.text)
            answer = _filled(browser, answer, {"login": person, "password": "any", "code": code})
        raise AssertionError("the provider asks for more and more")

    def logged_out(self, address: str, browser: httpx2.Client) -> str:
        """The address that *browser* is sent back to, after its person said at *address* that they want to log out."""
        answer = _filled(browser, browser.get(address), {"logout": "yes"})
        assert answer.is_redirect, (answer.status_code, answer.text)
        return answer.headers["location"]


def _filled(browser: httpx2.Client, page: httpx2.Response, more: Mapping[str, str]) -> httpx2.Response:
    """The answer to the form on *page*, sent with its hidden fields and *more*."""
    action = re.search(r'<form[^>]*action="([^"]+)"', page.text)
    assert action is not None, page.text
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    fields = {**{name: html.unescape(value) for name, value in hidden.items()}, **more}
    return browser.post(urljoin(str(page.request.url), html.unescape(action[1])), data=fields)


def _installed() -> Path:
    """The folder with the provider and its packages. It is made once for each lock."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("no one logs in at a real provider here: install Node.js 20 or newer, which brings npm")
    named = hashlib.sha256(b"".join((_HERE / name).read_bytes() for name in _FILES)).hexdigest()[:16]
    folder = _BUILD / f"oidc-provider-{named}"
    if not (folder / "node_modules" / ".package-lock.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in _FILES:
            shutil.copyfile(_HERE / name, folder / name)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_INSTALL_SECONDS)
        if done.returncode:
            pytest.skip(f"no one logs in at a real provider here: npm could not install it ({done.stderr[-300:]})")
    for program in _HERE.glob("*.mjs"):
        shutil.copyfile(program, folder / program.name)
    return folder


@contextmanager
def real_provider(
    clients: list[dict[str, Any]],
    people: Mapping[str, Mapping[str, Any]],
    document: Mapping[str, Any] | None = None,
    saml: Mapping[str, str] | None = None,
) -> Iterator[RealProvider]:
    """The provider with these *clients* and *people*, until the block ends. *document* is that of one more client.

    With *saml*, people log in at a SAML identity provider with the ``key`` and ``cert``, while the provider ``trusts`` a
    certificate (all in PEM); a person's ``totp`` is the secret of their second factor (hex).
    """
    folder = _installed()
    process = subprocess.Popen(
        ["node", "provider.mjs"],  # noqa: S607  # the one that is on the path
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    said: Queue[dict[str, str]] = Queue()
    output = process.stdout

    def read() -> None:
        for line in output:
            if line.startswith('{"'):  # it writes its warnings there, too
                said.put(json.loads(line))

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    try:
        process.stdin.write(json.dumps({"clients": clients, "people": people, "document": document, "saml": saml}) + "\n")
        process.stdin.flush()
        with ExitStack() as browsers:
            yield RealProvider(url=said.get(timeout=_START_SECONDS)["issuer"], told=said, browsers=browsers)
    finally:
        process.stdin.close()
        process.wait(timeout=_START_SECONDS)
        reading.join()
        output.close()
