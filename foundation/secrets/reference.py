"""References to secrets: the place of a secret, and never the secret itself. Pure: nothing is read here.

===================================  ====================================================================================
``env:NAME``                         an environment variable
``file:PATH``                        a file of this machine
``vault:MOUNT/PATH#FIELD``           a field of a secret in HashiCorp Vault or OpenBao, KV version 2; ``MOUNT//PATH`` if the
                                     name of the mount has a slash
``aws:REGION/ID#FIELD``              AWS Secrets Manager, by name or ARN; with ``#FIELD``, that member of a JSON object
``azure:VAULT/NAME/VERSION``         Azure Key Vault; without ``/VERSION``, the newest
``kubernetes:NAMESPACE/NAME#KEY``    one key of a Secret
===================================  ====================================================================================
"""

from __future__ import annotations

import re
from enum import Enum

from arcops.errors import Broken, Refused
from arcops.late_dataclass import dataclass

_MOST = 2048


class Scheme(Enum):
    """The kind of place."""

    ENV = "env"
    FILE = "file"
    VAULT = "vault"
    AWS = "aws"
    AZURE = "azure"
    KUBERNETES = "kubernetes"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    written: str
    pattern: str


_PART = r"(?!\.{1,2}(?:/|#|\Z))[!\"$&-.0->@-\[\]-~]+"  # printable ASCII without spaces # % / ? \, and neither . nor ..
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_FIELD = r"[^#\x00-\x1f\x7f]{1,253}"

_FORMS = {
    Scheme.ENV: _Form(written="env:NAME", pattern=r"(?P<store>)(?P<name>[^=\x00]+)"),
    Scheme.FILE: _Form(written="file:PATH", pattern=r"(?P<store>)(?P<name>[^\x00]+)"),
    Scheme.VAULT: _Form(
        written="vault:MOUNT/PATH#FIELD",
        pattern=rf"(?:(?P<nested>{_PART}(?:/{_PART})+)//|(?P<store>{_PART})/)(?P<name>{_PART}(?:/{_PART})*)#(?P<field>{_FIELD})",
    ),
    Scheme.AWS: _Form(
        written="aws:REGION/SECRET or aws:REGION/SECRET#FIELD",
        pattern=rf"(?P<store>[a-z]{{2,5}}(?:-[a-z]{{2,12}}){{1,3}}-[0-9]{{1,2}})/(?P<name>[A-Za-z0-9/_+=.@!:-]{{1,2000}})(?:#(?P<field>{_FIELD}))?",
    ),
    Scheme.AZURE: _Form(
        written="azure:VAULT/SECRET or azure:VAULT/SECRET/VERSION",
        pattern=r"(?P<store>(?=.{3,24}/)[A-Za-z](?:-?[A-Za-z0-9])+)/(?P<name>[A-Za-z0-9-]{1,127})(?:/(?P<version>[0-9A-Fa-f]{32}))?",
    ),
    Scheme.KUBERNETES: _Form(
        written="kubernetes:NAMESPACE/NAME#KEY",
        pattern=rf"(?P<store>{_LABEL})/(?P<name>(?=.{{1,253}}#){_LABEL}(?:\.{_LABEL})*)#(?P<field>[A-Za-z0-9._-]{{1,253}})",
    ),
}
WRITTEN = ", ".join(one.written for one in _FORMS.values())
"""Every form, for a sentence."""
REMOTE = frozenset(Scheme) - {Scheme.ENV, Scheme.FILE}
"""The schemes whose secrets another program keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRef:
    """The place of a secret. It may be shown and logged, because it is no secret.

    ``store`` is Vault's mount, the region, the key vault or the namespace, and empty for a variable and a file. ``name`` is
    the secret's name there, ``field`` its part and ``version`` its version; each empty if not given. A reference that could
    not be written is `Broken`.
    """

    scheme: Scheme
    name: str
    store: str = ""
    field: str = ""
    version: str = ""

    def __post_init__(self) -> None:
        if _parts(self.scheme, self._rest) != (self.store, self.name, self.field, self.version):
            raise Broken(f"this cannot be a reference to a secret of the scheme {self.scheme.value}")

    def __str__(self) -> str:
        return f"{self.scheme.value}:{self._rest}"

    @property
    def remote(self) -> bool:
        """Does another program keep the secret?"""
        return self.scheme in REMOTE

    @property
    def _rest(self) -> str:
        between = "" if not self.store else "//" if self.scheme is Scheme.VAULT and "/" in self.store else "/"
        field = f"#{self.field}" if self.field else ""
        version = f"/{self.version}" if self.version else ""
        return f"{self.store}{between}{self.name}{version}{field}"


def read_reference(text: str, what: str) -> SecretRef:
    """The reference that *text* is. *what* names the secret in errors, such as ``API key``.

    Raises `Refused`, which never shows *text*: a person may have pasted the secret itself.
    """
    word, colon, rest = text.partition(":")
    scheme = next((one for one in Scheme if colon and one.value == word), None)
    if scheme is None:
        raise Refused(f"the reference to the {what} is not understood; use one of {WRITTEN}")
    parts = _parts(scheme, rest)
    if parts is None:
        raise Refused(f"the reference to the {what} begins with {word}: and goes on wrongly; write {_FORMS[scheme].written}")
    store, name, field, version = parts
    return SecretRef(scheme=scheme, store=store, name=name, field=field, version=version)


def is_remote(text: str) -> bool:
    """Does *text* begin as a reference to a secret that another program keeps?"""
    word, colon, _ = text.partition(":")
    return bool(colon) and any(one.value == word for one in REMOTE)


def _parts(scheme: Scheme, rest: str) -> tuple[str, str, str, str] | None:
    found = re.fullmatch(_FORMS[scheme].pattern, rest, re.ASCII | re.DOTALL) if len(rest) <= _MOST * 2 else None
    if found is None or (scheme in REMOTE and len(rest) > _MOST):
        return None
    given = found.groupdict(default="")
    return given["store"] or given.get("nested", ""), given["name"], given.get("field", ""), given.get("version", "")
