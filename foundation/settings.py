"""Settings: the folders, and how far a run may reach, read once from the environment.

``ARCOPS_HOME`` puts every folder below one folder; otherwise the platform's own user folders are used. Nothing is ever written
into the source tree.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from arcops.errors import Refused
from arcops.late_dataclass import dataclass
from arcops.late_pattern import late
from arcops.tier import Tier
from foundation.egress.loopback import is_loopback as is_loopback  # for modules that listen, too
from foundation.homes import user_homes

_MOST_WORKERS = 256
_MOST_SITE = 100
AUTHORITIES = "ARCOPS_ENDPOINT_AUTHORITIES"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Folders and limits.

    ``trust`` holds what signatures are checked against, ``data`` the advisory databases, ``store`` the sealed artifacts,
    ``memory`` the memory of the store's log, outside of the store, ``cache`` what may be lost at any time, ``key`` the signing
    key's file or URI. ``workers`` is a number of threads.
    ``prefect_api`` is the Prefect API that runs long work, or empty. ``roots`` are the folders below which a caller over the
    network may name files; a person at the command line may name any file. ``output`` is the folder below which files are
    written for such a caller; without it, none is written. ``public_url`` is the address of the evidence page, or empty.
    ``site`` is the name of this place in artifacts, or empty. ``endpoints`` are the inference endpoints that a caller over the
    network may have checked. ``policies`` is the folder of the policies that
    the operator registered, ``remote_trust`` whether the operator lets callers with the scope ``trust`` change what counts
    here. ``clusters`` is the file that names the clusters which a caller over the network, or a run of a
    worker, may have looked at; empty: none. ``authorities`` is a file with the certificates that those of endpoints must come
    from; empty: the system's. ``access`` is the folder of the policy that says who may call what, ``access_named`` whether the
    operator named it, so that it must be there; without the folder, what ships with ArcOps decides. ``limits`` is the file that
    says how often a caller may call tools, and ``limits_named`` whether the operator named it; ``redis`` is the address of a
    Redis server that may count them, or empty, and ``redis_password`` a reference to its password. ``database`` is the address
    of the database, and ``database_password`` a reference to its password (`foundation.secrets`), or empty. ``hosted`` is the
    folder in which hosted MCP servers are installed, with what they write and their logs, and ``hosted_policy`` the name of the
    registered policy that says which of them may run. ``host_address``
    is where the other hosts of this site reach this one, ``host_key`` a reference to the key that they share, and
    ``host_authorities`` a file with the certificates that those of other hosts, and of servers of other machines, must come
    from; each may be empty. ``host_rates`` is the site's rate card, if it has one, and
    ``usual_rates`` its usual path; ``host_costs_required`` says that no call of a hosted server is served if what it costs
    cannot be kept. ``host_restore`` is the file of the snapshot that a host restores by itself when its tier or address has
    changed, or nothing. ``catalog_tags`` are the tags without which no entry of the catalog is approved, and
    ``catalog_public`` says that anyone may read what it offers; ``join_public`` says that anyone with an invitation may join by
    the pages; ``catalog_sources`` are addresses that are asked about its entries, ``embedding_model`` the folder of the model
    that searches it by meaning.
    ``audit`` is the folder of the audit logs, and ``audit_required`` says that no call is served if it cannot be recorded
    there. ``also_hosts`` are more hosts that the front answers to. ``backup_passphrase`` is a reference to the passphrase of
    backups, or empty, and ``backup_identity`` one to the private key of a recipient of backups; ``bundles`` is the folder of
    what was installed from bundles, a version beside the other. ``registry`` is the site's registry of images, asked as
    ``registry_user`` with the password at the reference ``registry_password``, which logs in there or at ``registry_login``;
    ``registry_authorities`` is the file of authorities for its certificate.
    """

    tier: Tier
    trust: Path
    data: Path
    store: Path
    memory: Path
    cache: Path
    policies: Path
    audit: Path
    key: str
    workers: int
    prefect_api: str = ""
    roots: tuple[Path, ...] = ()
    output: Path | None = None
    public_url: str = ""
    site: str = ""
    endpoints: tuple[str, ...] = ()
    remote_trust: bool = False
    clusters: str = ""
    authorities: str = ""
    access: Path | None = None
    access_named: bool = False
    limits: Path | None = None
    limits_named: bool = False
    redis: str = ""
    redis_password: str = ""
    shared_cache: bool = False
    files: Path = Path()
    most_written: int = 10 * 1024**3
    database: str = ""
    database_password: str = ""
    hosted: Path = Path()
    hosted_policy: str = ""
    also_hosts: tuple[str, ...] = ()
    host_address: str = ""
    host_key: str = ""
    host_authorities: str = ""
    host_restore: Path | None = None
    catalog_tags: tuple[str, ...] = ()
    catalog_public: bool = False
    join_public: bool = False
    catalog_sources: str = ""
    embedding_model: str = ""
    host_rates: Path | None = None
    usual_rates: Path | None = None
    host_costs_required: bool = True
    audit_required: bool = True
    backup_passphrase: str = ""
    bundles: Path = Path()
    backup_identity: str = ""
    registry: str = ""
    registry_user: str = ""
    registry_password: str = ""
    registry_login: str = ""
    registry_authorities: str = ""

    def authorities_for(self, url: str) -> str:
        """The file of authorities for the endpoint at *url*; `None` if the connection has no TLS."""
        return self.authorities if url.lower().startswith("https:") else ""


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings in *environment*. Raises `Refused` naming the variable that cannot be understood."""
    config, data, state, cache = _homes(environment)
    tier = _tier(environment.get("ARCOPS_TIER", Tier.AIR_GAPPED.value))
    store = Path(environment.get("ARCOPS_STORE") or data / "store")
    audit = Path(environment.get("ARCOPS_AUDIT_LOG") or state / "audit")
    return Settings(
        tier=tier,
        trust=Path(environment.get("ARCOPS_TRUST") or config / "trust"),
        data=Path(environment.get("ARCOPS_DATA") or data / "data"),
        store=store,
        memory=_memory(Path(environment.get("ARCOPS_REMEMBERED") or state / "remembered"), store, audit),
        cache=cache,
        policies=Path(environment.get("ARCOPS_POLICIES") or config / "policies"),
        key=environment.get("ARCOPS_KEY") or str(config / "keys" / "arcops.key"),
        workers=_workers(environment.get("ARCOPS_WORKERS", "")),
        prefect_api=_prefect_api(environment.get("PREFECT_API_URL", ""), tier),
        roots=tuple(Path(one).absolute() for one in environment.get("ARCOPS_ROOTS", "").split(os.pathsep) if one),
        output=Path(environment["ARCOPS_OUTPUT"]).absolute() if environment.get("ARCOPS_OUTPUT") else None,
        public_url=_public_url(environment.get("ARCOPS_PUBLIC_URL", "")),
        site=_site(environment.get("ARCOPS_SITE", "")),
        endpoints=tuple(one.rstrip("/") for one in environment.get("ARCOPS_ENDPOINTS", "").split()),
        remote_trust=_yes(environment.get("ARCOPS_REMOTE_TRUST", "")),
        clusters=_whole("ARCOPS_CLUSTERS", environment),
        authorities=_whole(AUTHORITIES, environment),
        access=Path(environment.get("ARCOPS_ACCESS") or config / "access").absolute(),
        access_named=bool(environment.get("ARCOPS_ACCESS")),
        limits=Path(environment.get("ARCOPS_LIMITS") or config / "limits.yaml").absolute(),
        limits_named=bool(environment.get("ARCOPS_LIMITS")),
        redis=environment.get("ARCOPS_REDIS", ""),
        redis_password=_password(environment, "ARCOPS_REDIS_PASSWORD"),
        files=data / "files" / "index.sqlite",
        most_written=_most_written(environment.get("ARCOPS_OUTPUT_MB", "")),
        shared_cache=_shared(environment.get("ARCOPS_SHARED_CACHE", "")),
        database=environment.get("ARCOPS_DATABASE") or f"sqlite:///{(data / 'database' / 'arcops.sqlite').absolute()}",
        database_password=_password(environment, "ARCOPS_DATABASE_PASSWORD"),
        hosted=Path(environment.get("ARCOPS_HOSTED") or data / "hosted").absolute(),
        hosted_policy=environment.get("ARCOPS_HOST_POLICY", ""),
        also_hosts=_hosts(environment.get("ARCOPS_ALSO_HOSTS", "")),
        host_address=environment.get("ARCOPS_HOST_ADDRESS", ""),
        host_key=environment.get("ARCOPS_HOST_KEY", ""),
        host_authorities=_whole("ARCOPS_HOST_AUTHORITIES", environment),
        host_restore=Path(one) if (one := _whole("ARCOPS_HOST_RESTORE", environment)) else None,
        catalog_tags=tuple(environment.get("ARCOPS_CATALOG_TAGS", "").replace(",", " ").split()),
        catalog_public=_yes(environment.get("ARCOPS_CATALOG_PUBLIC", ""), "ARCOPS_CATALOG_PUBLIC"),
        join_public=_yes(environment.get("ARCOPS_JOIN_PUBLIC", ""), "ARCOPS_JOIN_PUBLIC"),
        catalog_sources=environment.get("ARCOPS_CATALOG_SOURCES", ""),
        embedding_model=_whole("ARCOPS_EMBEDDING_MODEL", environment),
        host_rates=_rates(environment.get("ARCOPS_HOST_RATES", ""), config),
        usual_rates=(config / "rates.yaml").absolute(),
        backup_passphrase=_password(environment, "ARCOPS_BACKUP_PASSPHRASE"),
        backup_identity=_password(environment, "ARCOPS_BACKUP_IDENTITY"),
        registry=environment.get("ARCOPS_REGISTRY", ""),
        registry_user=environment.get("ARCOPS_REGISTRY_USER", ""),
        registry_password=_password(environment, "ARCOPS_REGISTRY_PASSWORD"),
        registry_login=environment.get("ARCOPS_REGISTRY_LOGIN", ""),
        registry_authorities=_whole("ARCOPS_REGISTRY_AUTHORITIES", environment),
        bundles=Path(environment.get("ARCOPS_BUNDLES") or data / "bundles").absolute(),
        host_costs_required=_required("ARCOPS_HOST_COSTS", environment),
        audit=audit,
        audit_required=_required("ARCOPS_AUDIT", environment),
    )


_HOST = late(r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:]{2,45}\])(?::[0-9]{1,5})?", re.ASCII)


def _hosts(said: str) -> tuple[str, ...]:
    """Hosts, each with its port unless that is the usual one, separated by commas."""
    hosts = tuple(one.strip().lower() for one in said.split(",") if one.strip())
    # A pod knows its own address of IPv6 without brackets, and writes its port after it.
    hosts = tuple(re.sub(r"^([^\[]*:[^\[]*):([0-9]+)$", r"[\1]:\2", one) for one in hosts)
    for one in hosts:
        if not _HOST.fullmatch(one):
            raise Refused(f"ARCOPS_ALSO_HOSTS names {one[:100]!r}, which is no host; write NAME or NAME:PORT")
    return hosts


_SERVER_AT = late(r'server at "[^"]*"(?: \([^)]*\))?, port [0-9]+')


def without_folders(text: str, settings: Settings) -> str:
    """*text* with the server's own folders named by their purpose, and not by their path.

    A path below a folder in which callers may name files is written relative to that folder.
    """
    folders = {
        str(settings.store): "(store)",
        str(settings.memory): "(memory)",
        str(settings.trust): "(trust)",
        str(settings.data): "(data)",
        str(settings.cache): "(cache)",
        str(settings.policies): "(policies)",
        str(settings.access or ""): "(access)",
        str(settings.limits or ""): "(limits)",
        str(settings.audit): "(audit)",
        str(settings.hosted): "(hosted)",
        str(settings.files): "(files)",
        settings.key: "(key)",
    }
    if settings.database.startswith("sqlite:"):
        folders[settings.database.removeprefix("sqlite:///")] = "(database)"
    elif settings.database:
        text = _SERVER_AT.sub("the server", text)  # as PostgreSQL's own client says it
        folders[settings.database.rpartition("@")[2].partition("?")[0]] = "(database)"
        folders[settings.database.rpartition("@")[2].partition("/")[0]] = "(database)"
    served = (*settings.roots, *((settings.output,) if settings.output else ()))
    for folder in (*served, *(Path(os.path.realpath(one)) for one in served)):
        if folder.name:
            folders |= {f"{folder}{os.sep}": "", str(folder): "(folder)"}
    return by_purpose(text, folders)


def by_purpose(text: str, folders: Mapping[str, str]) -> str:
    """*text* with each path in *folders* replaced by its word, the longest first; a part of a longer name is not replaced."""
    for folder in sorted(folders, key=len, reverse=True):
        if folder and folder in text:
            whole = re.escape(folder) + ("" if folder.endswith(os.sep) else r"(?![\w-]|\.\w)")
            text = re.sub(whole, folders[folder].replace("\\", r"\\"), text)
    return text


def _homes(environment: Mapping[str, str]) -> tuple[Path, Path, Path, Path]:
    """The folders of configuration, data, state and cache."""
    home = environment.get("ARCOPS_HOME")
    if home:
        root = Path(home).absolute()
        return root, root, root, root / "cache"
    return user_homes()


def _memory(memory: Path, store: Path, audit: Path) -> Path:
    for what, folder in (("store", store), ("audit log", audit)):
        if memory.absolute().is_relative_to(folder.absolute()):
            raise Refused(
                f"the memory {memory} is inside the {what} {folder}, so anyone who can change the {what} can change its "
                "memory; set ARCOPS_REMEMBERED to another folder"
            )
    return memory


def _required(name: str, environment: Mapping[str, str]) -> bool:
    text = environment.get(name, "")
    if text not in ("", "required", "best-effort"):
        raise Refused(f"{name} is {text[:50]!r}; use required (the default) or best-effort")
    return text != "best-effort"


def _rates(named: str, config: Path) -> Path | None:
    """The rate card: the file that was named, or the usual one if it is there."""
    usual = (config / "rates.yaml").absolute()
    return Path(named).absolute() if named else usual if usual.is_file() else None


def _most_written(text: str) -> int:
    if not text:
        return 10 * 1024**3
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text, re.ASCII):
        raise Refused(f"ARCOPS_OUTPUT_MB is {text[:50]!r}; use how many megabytes one caller's files may have, such as 10240")
    return int(text) * 1024**2


def _shared(text: str) -> bool:
    if text not in ("", "redis"):
        raise Refused(f"ARCOPS_SHARED_CACHE is {text[:50]!r}; use redis, or unset it for a cache in memory alone")
    return text == "redis"


def _tier(text: str) -> Tier:
    try:
        return Tier(text)
    except ValueError as error:
        known = ", ".join(tier.value for tier in Tier)
        raise Refused(f"ARCOPS_TIER is {text!r}; use one of: {known}") from error


def _prefect_api(url: str, tier: Tier) -> str:
    if not url:
        return ""
    from foundation.egress.permission import Purpose, permitted  # only if there is a URL: it costs start-up time

    purpose = Purpose(
        what="PREFECT_API_URL",
        form="unset it, or use one like http://127.0.0.1:4200/api",
        instead="unset it, or set ARCOPS_TIER to restricted",
    )
    permitted(tier, url, purpose)
    return url


def _public_url(url: str) -> str:
    if url and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", url):
        raise Refused(f"ARCOPS_PUBLIC_URL is {url[:100]!r}; use the address of the page, like https://arcops.example.org")
    return url


def _site(name: str) -> str:
    if len(name) > _MOST_SITE or not name.isprintable() or name != name.strip():
        raise Refused(
            f"ARCOPS_SITE is {name[:_MOST_SITE]!r}; use at most {_MOST_SITE} printable characters without spaces around them"
        )
    return name


def _yes(text: str, variable: str = "ARCOPS_REMOTE_TRUST") -> bool:
    if text not in ("", "no", "yes"):
        raise Refused(f"{variable} is {text[:50]!r}; use yes or no (the default)")
    return text == "yes"


def _password(environment: Mapping[str, str], variable: str) -> str:
    """A reference to the password in *variable*, in the file that another one names, or elsewhere: only that is a setting."""
    if environment.get(variable):
        return f"env:{variable}"
    named = environment.get(f"{variable}_FILE")
    return f"file:{Path(named).absolute()}" if named else environment.get(f"{variable}_REF", "")


def _whole(name: str, environment: Mapping[str, str]) -> str:
    path = environment.get(name, "")
    if path and not Path(path).is_absolute():
        raise Refused(f"{name} is {path[:200]!r}; use the absolute path, because a worker runs in another folder")
    return path


def _workers(text: str) -> int:
    if not text:
        return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    if not re.fullmatch(r"[1-9][0-9]{0,3}", text, re.ASCII) or int(text) > _MOST_WORKERS:
        raise Refused(f"ARCOPS_WORKERS is {text[:50]!r}; use a whole number of threads from 1 to {_MOST_WORKERS}")
    return int(text)
