"""The kinds of inference servers, as far as their routes tell them apart: what each answers beside completions.

Foundry Local's as the web service of foundry-local-sdk 2.2.1 answers them (`make test-foundry` asks the real one), its
preview's and those of Azure Local as Microsoft's references have them, vLLM's and llama.cpp's as their documentation does.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from urllib.parse import unquote, urlsplit

from tests.simulators.openai_api import Api, Plan, serving

_JSON, _TEXT = "application/json", "text/plain; version=0.0.4"


@dataclass(kw_only=True)
class Foundry:
    """Models by alias, of which each has the id ``ALIAS-random:1``. ``takes`` are the seconds that loading one takes."""

    aliases: tuple[str, ...]
    takes: float = 0.2
    preview: bool = False
    loaded: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    sick: bool = False

    def id(self, alias: str) -> str:
        return f"{alias}-random:1"

    def answer(self, path: str) -> tuple[int, str, bytes] | None:
        self.asked.append(path)
        bare = unquote(urlsplit(path).path)
        base = "/openai" if self.preview else "/models"
        if bare == ("/openai/status" if self.preview else "/status"):
            folder = "modelDirPath" if self.preview else "modelCachePath"
            return (500 if self.sick else 200), _JSON, json.dumps({"endpoints": ["http://x"], folder: "/models"}).encode()
        if bare == ("/openai/loadedmodels" if self.preview else "/models/loaded"):
            return 200, _JSON, json.dumps(self.loaded).encode()
        for verb in ("load", "unload"):
            if bare.startswith(f"{base}/{verb}/"):
                return self._change(verb, bare.rpartition("/")[2])
        return None

    def _change(self, verb: str, name: str) -> tuple[int, str, bytes]:
        known = {alias: self.id(alias) for alias in self.aliases}
        if self.preview:
            known = {**known, **{one: one for one in known.values()}}
        if name not in known:
            return 404, _JSON, b'{"error": {"message": "Model not found"}}'
        model, there = known[name], known[name] in self.loaded
        if verb == "load" and not there:
            time.sleep(self.takes)
            self.loaded.append(model)
            status = "loaded"
        elif verb == "unload" and there:
            self.loaded.remove(model)
            status = "unloaded"
        else:
            status = "already_loaded" if there else "not_loaded"
        return (200, "", b"") if self.preview else (200, _JSON, json.dumps({"status": status}).encode())


@contextmanager
def foundry(server: Foundry, plan: Plan) -> Iterator[Api]:
    """Foundry Local on a device, whose models answer by *plan* while they are loaded."""
    with serving(**{server.id(alias): plan for alias in server.aliases}) as api:
        api.routes, api.may_answer = server.answer, lambda model: model in server.loaded
        yield api


@dataclass(kw_only=True)
class Deployment:
    """A model deployment of Foundry Local on Azure Local, which needs a key from every caller; its state may change."""

    model: str
    ready: bool = True
    alive: bool = True

    def answer(self, path: str) -> tuple[int, str, bytes] | None:
        if path == "/health":
            return (200 if self.alive else 503), _TEXT, b"ok"
        if path == "/ready":
            return (200 if self.ready else 503), _TEXT, b"ok"
        if path == "/v1/model":
            return 200, _JSON, json.dumps({"id": self.model, "status": "ready"}).encode()
        return 404, _JSON, b"{}"


@dataclass(kw_only=True)
class Metered:
    """vLLM or llama.cpp by *owner*, with a page of metrics."""

    page: str
    health: int = 200
    read: int = 0

    def answer(self, path: str) -> tuple[int, str, bytes] | None:
        if path == "/health":
            return self.health, "", b""
        if path == "/metrics":
            self.read += 1
            return 200, _TEXT, self.page.encode()
        return None


def quick(**changes: object) -> Plan:
    return replace(Plan(first=0.02, gap=0.002), **changes)  # type: ignore[arg-type]  # each use names fields of its own
