"""The clusters that an operator named: a small YAML file, and the conditions for a file that says which servers are asked.

    clusters:
      site:                                     # what callers say
        kubeconfig: /etc/arcops/site.kubeconfig # read by this machine, never named by a caller
        context: reader@site                    # of that kubeconfig
        hosts: [api.site.example:6443]          # the only addresses that are asked; without a port it is 443

Both files belong to the operator: no other user may write them, and they are not in a folder that callers may name files in.
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
    """The entry of *live* in the operator's file. Raises `Refused`, with the known names, if there is no such entry."""
    if not live.clusters:
        raise Refused(
            f"this machine's operator named no clusters, so a caller cannot check one; the operator names clusters in {SETTING}"
        )
    found = _read(Path(live.clusters), live.served)
    if live.context not in found:
        names = ", ".join(sorted(found)) or "none"
        raise Refused(
            f"{live.context[:100]!r} is not a cluster that this machine's operator named ({SETTING}); named are: {names}"
        )
    return found[live.context]


def operators_file(path: Path, what: str, most: int, served: Iterable[Path], *, secret: bool = False) -> bytes:
    """The bytes of *path*, which only its owner (this user or root) may write, and which is outside of the folders *served*.

    *what* is its name in errors, which hold no path: they go to callers. If it is *secret* and this user's, other
    users may not read it. Raises `Refused`.
    """
    real = path.resolve()
    if any(real.is_relative_to(one.resolve()) for one in served):
        raise Refused(
            f"{what} is in a folder that callers may name files in (ARCOPS_ROOTS); the operator must move it to another folder"
        )
    try:
        status = real.stat()
        data = read_file(real, most, follow=False)
    except (ArcOpsError, OSError) as error:
        raise Refused(f"{what} cannot be read as a plain file of at most {most:,} bytes; the operator must check it") from error
    mode, mine = stat.S_IMODE(status.st_mode), status.st_uid == os.geteuid()
    if not mine and status.st_uid != 0:
        raise Refused(f"{what} belongs to another user, who could change which server is asked; this user or root must own it")
    if mode & 0o022 or (secret and mine and mode & 0o077):
        raise Refused(f"{what} is open to other users of this machine; the operator must run 'chmod 600' on it")
    return data


def host_of(text: str) -> str:
    """*text*, ``HOST`` or ``HOST:PORT``, in the form in which hosts are compared. Raises `Refused` if it has another form."""
    match = _HOST.fullmatch(text)
    if match is None:
        raise Refused(f"{text[:100]!r} is not a host; use HOST or HOST:PORT, such as api.site.example:6443")
    host = match["host"].lower()
    if host.startswith("["):
        try:
            host = f"[{IPv6Address(host[1:-1]).compressed}]"
        except ValueError:
            raise Refused(f"{text[:100]!r} is not a host; write an IPv6 address in brackets, such as [fd00::1]:6443") from None
    port = int(match["port"] or HTTPS)
    if port > 65535:
        raise Refused(f"{text[:100]!r} has a port that is too high; the highest port is 65535")
    return f"{host}:{port}"


def _read(path: Path, served: Iterable[Path]) -> dict[str, Named]:
    what = f"the file of clusters ({SETTING})"
    data = operators_file(path, what, _MOST_BYTES, served)
    try:
        documents = load_all(data, what=what)
    except Refused:
        raise Refused(
            f"{what} is not valid YAML (ArcOps allows no aliases and no duplicate keys); the operator must correct it"
        ) from None
    if len(documents) != 1 or not isinstance(documents[0], dict) or set(documents[0]) != {"clusters"}:
        raise Refused(f"{what} is not one mapping with the single key 'clusters'; docs/cluster.md shows an example")
    clusters = documents[0]["clusters"]
    if not isinstance(clusters, dict):
        raise Refused(f"{what}: 'clusters' is not a mapping from names to clusters; docs/cluster.md shows an example")
    return {name: _named(name, one, what) for name, one in clusters.items()}


def _named(name: str, said: JSON, what: str) -> Named:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Refused(
            f"{what} names a cluster {str(name)[:100]!r}; use letters, digits and . _ : / @ -, and begin with a letter or digit"
        )
    here = f"{what}, cluster {name!r}"
    if not isinstance(said, dict) or set(said) != set(_FIELDS):
        raise Refused(f"{here}: write {', '.join(_FIELDS)} and no other field")
    kubeconfig, context, hosts = (said[field] for field in _FIELDS)
    if not isinstance(kubeconfig, str) or not Path(kubeconfig).is_absolute():
        raise Refused(f"{here}: kubeconfig is not an absolute path")
    if not isinstance(context, str) or not context:
        raise Refused(f"{here}: context is not a name")
    if not isinstance(hosts, list) or not hosts or not all(isinstance(one, str) for one in hosts):
        raise Refused(f"{here}: hosts is not a list of hosts; name each host that may be asked, such as api.site.example:6443")
    return Named(name=name, kubeconfig=Path(kubeconfig), context=context, hosts=frozenset(host_of(str(one)) for one in hosts))
