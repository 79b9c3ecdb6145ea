"""Settings: where things live and how far a run may reach, read once from the environment.

``ARCOPS_HOME`` moves every folder below one; otherwise the platform's own user folders are used. Nothing is ever written
into the source tree.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from arcops.errors import Refused
from arcops.tier import Tier

_MOST_WORKERS = 256
_MOST_SITE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Folders and limits.

    ``trust`` holds what signatures are checked against, ``data`` the advisory databases, ``store`` the sealed artifacts,
    ``memory`` what is remembered of the store's log outside of it, ``cache`` what may be lost at any time, ``key`` the signing
    key's file or URI. ``workers`` is a number of threads.
    ``prefect_api`` is the Prefect API that long work is handed to, or empty. ``roots`` are the folders below which a caller
    over the network may name files; the person at the command line is not bound by them. ``public_url`` is where people reach
    the evidence page, or empty. ``site`` is what artifacts made here call this place, or empty. ``endpoints``
    are the inference endpoints that a caller over the network may have checked.
    """

    tier: Tier
    trust: Path
    data: Path
    store: Path
    memory: Path
    cache: Path
    key: str
    workers: int
    prefect_api: str = ""
    roots: tuple[Path, ...] = ()
    public_url: str = ""
    site: str = ""
    endpoints: tuple[str, ...] = ()


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings that *environment* gives. Raises `Refused` naming the variable that cannot be understood."""
    config, data, state, cache = _homes(environment)
    tier = _tier(environment.get("ARCOPS_TIER", Tier.AIR_GAPPED.value))
    store = Path(environment.get("ARCOPS_STORE") or data / "store")
    return Settings(
        tier=tier,
        trust=Path(environment.get("ARCOPS_TRUST") or config / "trust"),
        data=Path(environment.get("ARCOPS_DATA") or data / "data"),
        store=store,
        memory=_memory(Path(environment.get("ARCOPS_REMEMBERED") or state / "remembered"), store),
        cache=cache,
        key=environment.get("ARCOPS_KEY") or str(config / "keys" / "arcops.key"),
        workers=_workers(environment.get("ARCOPS_WORKERS", "")),
        prefect_api=_prefect_api(environment.get("PREFECT_API_URL", ""), tier),
        roots=tuple(Path(one).absolute() for one in environment.get("ARCOPS_ROOTS", "").split(os.pathsep) if one),
        public_url=_public_url(environment.get("ARCOPS_PUBLIC_URL", "")),
        site=_site(environment.get("ARCOPS_SITE", "")),
        endpoints=tuple(one.rstrip("/") for one in environment.get("ARCOPS_ENDPOINTS", "").split()),
    )


def without_folders(text: str, settings: Settings) -> str:
    """*text* with the server's own folders named by what they are for, and not by where they are."""
    folders = {
        "store": settings.store,
        "memory": settings.memory,
        "trust": settings.trust,
        "data": settings.data,
        "cache": settings.cache,
        "key": settings.key,
    }
    for name, folder in sorted(folders.items(), key=lambda pair: -len(str(pair[1]))):
        text = text.replace(str(folder), f"({name})")
    return text


def _homes(environment: Mapping[str, str]) -> tuple[Path, Path, Path, Path]:
    """The folders of configuration, data, state and cache."""
    home = environment.get("ARCOPS_HOME")
    if home:
        root = Path(home).absolute()
        return root, root, root, root / "cache"
    import platformdirs  # read only where no ARCOPS_HOME answers: it costs start-up time

    return (
        platformdirs.user_config_path("arcops"),
        platformdirs.user_data_path("arcops"),
        platformdirs.user_state_path("arcops"),
        platformdirs.user_cache_path("arcops"),
    )


def _memory(memory: Path, store: Path) -> Path:
    if memory.absolute().is_relative_to(store.absolute()):
        raise Refused(
            f"{memory}, where the store is remembered, lies inside of the store {store}: who can change the one can change the "
            "other; set ARCOPS_REMEMBERED to another folder"
        )
    return memory


def _tier(text: str) -> Tier:
    try:
        return Tier(text)
    except ValueError as error:
        known = ", ".join(tier.value for tier in Tier)
        raise Refused(f"ARCOPS_TIER is {text!r}; use one of: {known}") from error


def _prefect_api(url: str, tier: Tier) -> str:
    if not url:
        return ""
    from urllib.parse import urlsplit  # read only where there is a URL: it costs start-up time

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Refused(
            f"PREFECT_API_URL is {url[:100]!r}, which is no http URL; unset it, or use one like http://127.0.0.1:4200/api"
        )
    if tier is Tier.AIR_GAPPED and not is_loopback(parts.hostname):
        raise Refused(
            f"PREFECT_API_URL names the host {parts.hostname[:100]}, which the tier air-gapped does not reach; "
            "unset it, or set ARCOPS_TIER to restricted"
        )
    return url


def _public_url(url: str) -> str:
    if url and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", url):
        raise Refused(f"ARCOPS_PUBLIC_URL is {url[:100]!r}; use the page's own address, like https://arcops.example.org")
    return url


def _site(name: str) -> str:
    if len(name) > _MOST_SITE or not name.isprintable() or name != name.strip():
        raise Refused(
            f"ARCOPS_SITE is {name[:_MOST_SITE]!r}; use at most {_MOST_SITE} printable characters without spaces around them"
        )
    return name


def is_loopback(host: str) -> bool:
    """Does *host*, a name or an address as a URL writes it, mean this machine and nothing else?"""
    if host == "localhost":
        return True
    from ipaddress import ip_address

    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _workers(text: str) -> int:
    if not text:
        return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    if not re.fullmatch(r"[1-9][0-9]{0,3}", text, re.ASCII) or int(text) > _MOST_WORKERS:
        raise Refused(f"ARCOPS_WORKERS is {text[:50]!r}; use a whole number of threads from 1 to {_MOST_WORKERS}")
    return int(text)
