"""The registry that the operator named, and how an image in it is called."""

from __future__ import annotations

import re
from dataclasses import dataclass

from arcops.errors import Refused
from foundation.egress.permission import Purpose, plain

PURPOSE = Purpose(
    what="ARCOPS_REGISTRY",
    form="write the registry and a path in it, like https://registry.example.org/arcops",
    instead="set ARCOPS_TIER=restricted, so that this machine may reach it",
)
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_MOST_NAME = 255
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """``url`` is its address, ``host`` its name in the names of images, and ``path`` what comes before the name of each image
    there, or empty.
    """

    url: str
    host: str
    path: str

    def repository(self, image: str) -> str:
        """The repository of *image*. Raises `Refused` if none can have this name (specification, "Pulling manifests")."""
        name = f"{self.path}/{image}" if self.path else image
        if not _PATH.fullmatch(name) or len(f"{self.host}/{name}") > _MOST_NAME:
            raise Refused(
                f"{name[:300]!r} cannot be the name of an image in a registry: it takes small letters and digits, with '.', "
                f"'_' or '-' between them, and {_MOST_NAME} characters in all; rename the folder of the image"
            )
        return name

    def named(self, image: str, digest: str) -> str:
        """The name by which a pod takes *image*: with its *digest*, so that nothing else runs."""
        return f"{self.host}/{self.repository(image)}@{digest}"


def read_registry(text: str) -> Registry:
    """The registry that *text* names. Raises `Refused`, also for a host that Kubernetes would take for a name at Docker Hub."""
    url = text.rstrip("/")
    plain(url, PURPOSE)
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    shown = host.lower()
    if "?" in rest or (path and not _PATH.fullmatch(path)):
        raise Refused(f"{PURPOSE.what} is {text[:200]!r}; {PURPOSE.form}, in small letters")
    if "." not in shown and ":" not in shown and shown != "localhost":
        raise Refused(
            f"{PURPOSE.what} names the host {shown[:200]!r}, and every program that pulls images would take that for a name at "
            f"docker.io; write it with its domain, or with its port: {shown[:200]}:{_PORTS[scheme.lower()]}"
        )
    return Registry(url=f"{scheme.lower()}://{shown}", host=shown, path=path)
