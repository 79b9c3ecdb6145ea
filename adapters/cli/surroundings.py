"""What the command line gets from its surroundings, once: environment, clock, secrets, signals."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from adapters.cli.asking import Remembered, ask, asker, ending_at_once
from arcops.errors import Refused
from arcops.silence import silent
from arcops.tier import Tier
from artifacts.projections.printable import printable
from capabilities.place import Place
from foundation.settings import Settings, read_settings

if TYPE_CHECKING:
    from artifacts.private_key import Signer

_MOST_KEY_BYTES = 64 * 1024


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def settings(tier: Tier | None = None) -> Settings:
    environment = dict(os.environ)
    if tier is not None:
        environment["ARCOPS_TIER"] = tier.value
    return read_settings(environment)


def place(
    tier: Tier | None = None,
    key: str = "",
    stop: threading.Event | None = None,
    progress: Callable[[int, int], None] = silent,
) -> Place:
    """The place of tools that run here: with this user's settings, files, keys and terminal.

    The key is opened once for each place: its passphrase may come from a person or through a pipe, which gives it once.
    """
    here = settings(tier)
    here = replace(here, key=key or here.key)
    return Place(
        settings=here,
        now=now,
        signer=cache(lambda: _signer(here, asker(stop))),
        secret=lambda path: _new_passphrase(path, here.tier),
        stop=stop or threading.Event(),
        progress=progress,
        own=True,
        say=_once(),
    )


def _once() -> Callable[[str], None]:
    """A function that prints each sentence on standard error, once: one command may look up the same thing twice."""
    said: set[str] = set()

    def say(sentence: str) -> None:
        if sentence not in said:
            said.add(sentence)
            print(f"arcops: {printable(sentence)}", file=sys.stderr, flush=True)

    return say


def serving_place(tier: Tier | None = None, key: str = "") -> Place:
    """The place of a door that stays open. A passphrase that only a person knows is asked for now, and not during a call.

    The key itself is read for each call, so one that was replaced counts without a restart.
    """
    from foundation.secrets import key_files
    from foundation.secrets.reference import is_remote

    at = place(tier, key)
    here, person = at.settings, asker()
    if person is None:
        return replace(at, signer=lambda: _signer(here, None))
    remembered = Remembered()
    if key_files(here.key)[0].is_file() or here.key.partition(":")[0] == "env" or is_remote(here.key):
        _signer(here, remembered)
    remembered.opened()
    return replace(at, signer=lambda: _signer(here, remembered))


def _new_passphrase(key: Path, tier: Tier) -> str:
    """The passphrase for the new key at *key*. At a terminal the person is asked for it twice."""

    from foundation.secrets import passphrase_source

    def twice(what: str) -> str:
        first = ask(what)
        if ask(f"{what}, again") != first:
            raise Refused("the two passphrases differ; nothing was written")
        return first

    source = passphrase_source(os.environ, str(key), twice if asker() else None, tier=tier)
    return source(f"passphrase for the new key {key}")


def _signer(here: Settings, person: Callable[[str], str] | None) -> Signer:
    """The signer that the settings name. A key in a cloud service needs its public half: the PEM file ``ARCOPS_PUBLIC_KEY``.

    The first signal ends it, because a question, a pipe or a token can keep it waiting.
    """
    from artifacts.public_key import load_public_key  # imports cryptography, which is only needed for signing
    from artifacts.reading import read_file
    from foundation.secrets.signing_key import loaded_signer

    named = os.environ.get("ARCOPS_PUBLIC_KEY")
    public = load_public_key(read_file(Path(named), _MOST_KEY_BYTES), where=named) if named else None
    with ending_at_once():
        return loaded_signer(here.key, os.environ, here.tier, person, public=public)


def stop_on_signals() -> threading.Event:
    """An event that SIGINT and SIGTERM set, so that a cancelled run still ends in an artifact. The second signal kills."""
    import signal

    stop = threading.Event()

    def told(number: int, _: FrameType | None) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, told)
    return stop
