"""The environment variables that each kind of child gets: those that are listed here, and nothing else.

Only the list for processes that seal has a passphrase.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping

from arcops.late_pattern import late
from foundation.processes.hiding import SECRETS

_PLAIN = ("PATH", "LANG", "LANGUAGE", "LC_*", "TZ", "LD_LIBRARY_PATH")
_NUMBERS = ("OPENBLAS_*", "OMP_*", "MKL_*", "GOTO_NUM_THREADS")
_DEVICES = ("CUDA_*", "NVIDIA_*")
_FILES = ("HOME", "TMPDIR", "USER", "LOGNAME", "XDG_*", "SSL_CERT_FILE", "SSL_CERT_DIR")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
_PREFECT = ("PREFECT_*", "DO_NOT_TRACK")
_INDEXES = ("UV_*", "npm_config_*", "NPM_CONFIG_*", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", *_PROXIES)
_SEALING = (
    *("ARCOPS_*", "OTEL_*", "KUBECONFIG", "KUBERNETES_*", "PYKCS11LIB", "PKCS11_*", "SOFTHSM2_CONF", "REQUESTS_CA_BUNDLE"),
    *("AWS_*", "GOOGLE_*", "CLOUDSDK_*", "AZURE_*", "VAULT_*"),  # for keys in a service
)
"""For processes that seal: the key and its passphrase, the tier and the folders, and access to a key in a service."""
_REFERENCE = late(r"ARCOPS_[A-Z_]+_REF")


def kept(environment: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """The variables of *environment* that *names* lists; a name that ends in ``*`` means all that begin like this."""
    whole = {name for name in names if not name.endswith("*")}
    begins = tuple(name[:-1] for name in names if name.endswith("*"))
    return {name: value for name, value in environment.items() if name in whole or (begins and name.startswith(begins))}


def of_collector(
    environment: Mapping[str, str], folder: str, *, named: Iterable[str] = (), devices: bool = False
) -> dict[str, str]:
    """For an isolated collector: no key, no token, no folder of this user. *named* are the variables that it declared."""
    told = kept(environment, (*_PLAIN, *_NUMBERS, *(_DEVICES if devices else ()), *named))
    return {name: value for name, value in told.items() if name not in SECRETS} | {"HOME": folder, "TMPDIR": folder}


def of_program(folder: str) -> dict[str, str]:
    """For a third-party program: nothing of ours."""
    return {"PATH": os.defpath, "HOME": folder, "TMPDIR": folder, "XDG_CACHE_HOME": folder, "LC_ALL": "C.UTF-8"}


def of_installer(environment: Mapping[str, str]) -> dict[str, str]:
    """For uv and npm, besides `of_program`: which index they ask and how they reach it."""
    return kept(environment, _INDEXES)


def of_server(environment: Mapping[str, str]) -> dict[str, str]:
    """For Prefect's server: its own settings. It seals nothing, so it gets no key and no passphrase of ours."""
    given = kept(environment, (*_PLAIN, *_FILES, *_PREFECT))
    return {name: value for name, value in given.items() if not name.startswith("PREFECT_API_AUTH")}


def of_sealer(environment: Mapping[str, str]) -> dict[str, str]:
    """For the worker, which starts the processes that seal: the signing key's variables too."""
    names = (*_PLAIN, *_NUMBERS, *_DEVICES, *_FILES, *_PROXIES, *_PREFECT, *_SEALING, *_named(environment))
    return kept(environment, names)


def _named(environment: Mapping[str, str]) -> Iterator[str]:
    """The variables in which the signing key, a passphrase, a password or a credential for a place of secrets is said to be."""
    for name, value in environment.items():
        if (name == "ARCOPS_KEY" or _REFERENCE.fullmatch(name)) and value.startswith("env:"):
            yield value.removeprefix("env:")
