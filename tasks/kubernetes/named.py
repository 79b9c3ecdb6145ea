"""The clusters that an operator named: a small YAML file, and what has to hold of a file that says which servers are asked.

    clusters:
      site:                                     # what callers say
        kubeconfig: /etc/arcops/site.kubeconfig # read by this machine, never named by a caller
        context: reader@site                    # of that kubeconfig
        hosts: [api.site.example:6443]          # the only addresses that are asked; without a port it is 443

Both files belong to the operator: nobody else may write them, and they lie in no folder that callers put files into.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address
from pathlib import Path

from arcops.errors import ArcOpsError, Refused
from arcops.request import LiveCluster
from artifacts.reading import read_file
from foundation.strict_yaml import JSON, load_all

SETTING = "ARCOPS_CLUSTERS"
HTTPS = 443
_MOST_BYTES = 256 * 1024
_FIELDS = ("kubeconfig", "context", "hosts")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,252}", re.ASCII)
_HOST = re.compile(
    r"(?P<host>[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:(?P<port>[1-9][0-9]{0,4}))?", re.ASCII
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """One cluster: ``context`` of ``kubeconfig``, which may be asked at ``hosts`` and nowhere else."""

    name: str
    kubeconfig: Path
    context: str
    hosts: frozenset[str]


def named(live: LiveCluster) -> Named:
    """What the operator wrote under the name of *live*. Raises `Refused`, with the names that there are, where it is none."""
    if not live.clusters:
        raise Refused(
            f"this machine's operator named no clusters, so none is looked at for others; an operator names them in {SETTING}"
        )
    found = _read(Path(live.clusters), live.served)
    if live.context not in found:
        names = ", ".join(sorted(found)) or "none"
        raise Refused(
            f"{live.context[:100]!r} is none of the clusters that this machine's operator named ({SETTING}); there are: {names}"
        )
    return found[live.context]


def operators_file(path: Path, what: str, most: int, served: Iterable[Path], *, secret: bool = False) -> bytes:
    """The bytes of *path*, which only its owner, this user or root, may write, and which lies in none of the folders *served*.

    *what* is its name in errors, which hold no path: they go to callers. A *secret* one of this user's own is for this user
    alone. Raises `Refused`.
    """
    real = path.resolve()
    if any(real.is_relative_to(one.resolve()) for one in served):
        raise Refused(
            f"{what} lies in a folder that callers name files in (ARCOPS_ROOTS); its operator has to keep it elsewhere"
        )
    try:
        status = real.stat()
        data = read_file(real, most, follow=False)
    except (ArcOpsError, OSError) as error:
        raise Refused(f"{what} cannot be read as a plain file of at most {most:,} bytes; its operator has to look") from error
    mode, mine = stat.S_IMODE(status.st_mode), status.st_uid == os.geteuid()
    if not mine and status.st_uid != 0:
        raise Refused(
            f"{what} belongs to another user, who could change which server is asked; this user or root has to own it"
        )
    if mode & 0o022 or (secret and mine and mode & 0o077):
        raise Refused(f"{what} is open to other users of this machine; its operator has to run 'chmod 600' on it")
    return data


def host_of(text: str) -> str:
    """*text*, ``HOST`` or ``HOST:PORT``, in the one way in which two are compared. Raises `Refused` where it is no such."""
    match = _HOST.fullmatch(text)
    if match is None:
        raise Refused(f"{text[:100]!r} is no host; use HOST or HOST:PORT, such as api.site.example:6443")
    host = match["host"].lower()
    if host.startswith("["):
        try:
            host = f"[{IPv6Address(host[1:-1]).compressed}]"
        except ValueError:
            raise Refused(f"{text[:100]!r} is no host; an IPv6 address stands in brackets, such as [fd00::1]:6443") from None
    port = int(match["port"] or HTTPS)
    if port > 65535:
        raise Refused(f"{text[:100]!r} has no port that there could be; ports end at 65535")
    return f"{host}:{port}"


def _read(path: Path, served: Iterable[Path]) -> dict[str, Named]:
    what = f"the file of clusters ({SETTING})"
    data = operators_file(path, what, _MOST_BYTES, served)
    try:
        documents = load_all(data, what=what)
    except Refused:
        raise Refused(f"{what} is no YAML that is read strictly; its operator has to correct it") from None
    if len(documents) != 1 or not isinstance(documents[0], dict) or set(documents[0]) != {"clusters"}:
        raise Refused(f"{what} is not one mapping with the single key 'clusters'; docs/cluster.md shows one")
    clusters = documents[0]["clusters"]
    if not isinstance(clusters, dict):
        raise Refused(f"{what} has a 'clusters' that is no mapping by name; docs/cluster.md shows one")
    return {name: _named(name, one, what) for name, one in clusters.items()}


def _named(name: str, said: JSON, what: str) -> Named:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Refused(
            f"{what} names a cluster {str(name)[:100]!r}; use letters, digits and . _ : / @ -, beginning with one of the first"
        )
    here = f"{what}, cluster {name!r}"
    if not isinstance(said, dict) or set(said) != set(_FIELDS):
        raise Refused(f"{here}: give {', '.join(_FIELDS)} and nothing else")
    kubeconfig, context, hosts = (said[field] for field in _FIELDS)
    if not isinstance(kubeconfig, str) or not Path(kubeconfig).is_absolute():
        raise Refused(f"{here}: kubeconfig is no whole path")
    if not isinstance(context, str) or not context:
        raise Refused(f"{here}: context is no name")
    if not isinstance(hosts, list) or not hosts or not all(isinstance(one, str) for one in hosts):
        raise Refused(f"{here}: hosts lists no host; name each that may be asked, such as api.site.example:6443")
    return Named(name=name, kubeconfig=Path(kubeconfig), context=context, hosts=frozenset(host_of(str(one)) for one in hosts))
