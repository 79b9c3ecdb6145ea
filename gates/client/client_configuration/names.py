"""Which names say that a secret stands under them: those of variables, headers, parameters and options. Pure functions."""

from __future__ import annotations

import re

from gates.client.client_configuration.disguises import plain

_PLAIN = re.compile(
    r"(?i)(?:^|[_-])(?:api[_-]?key|access[_-]?key|secret|token|passwd|password|pwd|pat|auth|credentials?|private[_-]?key)(?:[_-]|$)"
    r"|^(?:authorization|cookie|proxy-authorization|x-api-key)$"
)
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_APART = re.compile(r"[^A-Za-z]+")
_STRONG = re.compile(
    r"(?:pass?wor[dt]|pass?w(?:or|r)?d|passphrase|passcode|pswd|pwd|secret|token|apikey|accesskey|authkey|cookie|credential"
    r"|creds?|bearer|authorization|mnemonic|jwt|sessionid|sessid"
    r"|kennwort|losungswort|motdepasse|contrasen[na]|contrasenya|clave|senha|wachtwoord|lozinka|haslo|heslo|jelszo|losenord"
    r"|adgangskode|salasana|parola|parool|sifre|parol)s?\Z"
)
"""Also in other languages, and as it is often misspelled."""
_SHORT = frozenset(("pw", "otp", "totp", "psk", "tok"))
_TWO = (("session", "id"), ("de", "passe"), ("wallet", "seed"), ("seed", "phrase"), ("recovery", "phrase"))
"""The last words of a name that say so only together."""
_PIN = re.compile(r"[0-9]{4,12}\Z")
_FIGURES_INSIDE = re.compile(r"(?<=[A-Za-z])[013457@$]+(?=[A-Za-z])")
_FIGURES = str.maketrans("013457@$", "oieastas")
"""Figures and signs that stand for letters (``P4SSW0RD``)."""
_PASS = re.compile(r"(?<!by)(?<!com)(?<!sur)(?<!tres)(?<!over)(?<!under)pass\Z")
_KEY = re.compile(r"(?<!mon)(?<!tur)(?<!don)(?<!hoc)(?<!joc)(?<!whis)(?<!hot)(?<!public)(?<!pub)keys?\Z")
_OF_A_KEY = frozenset(
    (
        "public",
        "pub",
        "sort",
        "primary",
        "foreign",
        "partition",
        "routing",
        "group",
        "order",
        "unique",
        "index",
        "object",
        "row",
    )
)
"""What stands before ``key`` if it is no secret: a key that everyone may have, or one of a table."""
_AFTER = frozenset(
    ("value", "base", "b", "hex", "raw", "text", "primary", "secondary", "old", "new", "prod", "production", "staging", "stage",
     "dev", "test", "live", "main", "default", "string")
)  # fmt: skip
"""What may stand after a secret's word, so that the whole still names the secret itself."""
_COUNTED = frozenset(
    (
        "max",
        "min",
        "limit",
        "count",
        "budget",
        "total",
        "ttl",
        "timeout",
        "expiry",
        "expires",
        "seconds",
        "length",
        "size",
        "age",
    )
)
_FILE = frozenset(("file", "path", "dir", "folder"))
_PATH = re.compile(
    r"(?:~|\.{1,2}|[A-Za-z]:)?[\\/][^\s]*(?:[\\/][^\s]*|\.[A-Za-z0-9]{1,8})\Z"
    r"|[\w.-]+\.(?:pem|key|crt|cer|pub|p12|pfx|json|ya?ml|toml|ini|txt|env|conf|cfg)\Z"
)
_ADDRESS = re.compile(r"https?://[^\s@?#]+\Z")
_HEADER = re.compile(r"(?:[Xx]-[A-Za-z]+(?:-[A-Za-z]+)*|[Aa]uthorization)\Z")
_PARAMETERS = frozenset(("key", "k", "sig", "signature", "code", "jwt", "pw", "tok", "sid"))


def words_of(name: str) -> tuple[str, ...]:
    """The words of *name* in small letters: apart at ``_``, ``-``, ``.``, digits, and where camelCase begins one."""
    return tuple(one.lower() for one in _APART.split(_HUMPS.sub("_", name)) if one)


def named_secret(name: str, value: str = "", *, shortly: bool = True) -> bool:
    """Does *name* say that *value* is a secret? A short word, such as ``pw``, says so only if it may do so *shortly*.

    Not if the name also says that the value is something else, and it is: a path under ``…_FILE``, an address under ``…_URL``,
    a header's name under ``…_HEADER``, a number under ``MAX_TOKENS``.
    """
    name = plain(name)
    spoken = _FIGURES_INSIDE.sub(lambda found: found[0].translate(_FIGURES), name)
    spoken = spoken.upper() if name.isupper() else spoken
    return _says(name, value, shortly=shortly) or (spoken != name and _says(spoken, value, shortly=shortly))


def _says(name: str, value: str, *, shortly: bool) -> bool:
    words = words_of(name)
    if not words or _is_something_else(words, value):
        return False
    if words[-2:] in _TWO or (words[-1] == "pin" and _PIN.match(value) is not None):
        return True
    if _PLAIN.search(name) or _PLAIN.search("_".join(words)):
        return True
    last = words
    while len(last) > 1 and last[-1] in _AFTER:
        last = last[:-1]
    if _STRONG.search(last[-1]) or _PASS.search(last[-1]) or (shortly and last[-1] in _SHORT):
        return True
    if not _KEY.search(last[-1]) or (len(last) > 1 and last[-2] in _OF_A_KEY):
        return False
    return _PATH.match(value) is None  # the file of a key, as servers with TLS are told


def named_parameter(name: str, value: str) -> bool:
    """Does *name* say that *value* is a secret, as a parameter of an address? A short number is not (``k=10``)."""
    return named_secret(name, value) or (name.lower() in _PARAMETERS and re.fullmatch(r"[0-9]{1,4}", value) is None)


def _is_something_else(words: tuple[str, ...], value: str) -> bool:
    if not value or len(words) == 1:
        return False
    if words[-1] in _FILE:
        return _PATH.match(value) is not None
    if words[-1] in ("url", "uri", "endpoint"):
        return _ADDRESS.match(value) is not None
    if words[-1] == "header":
        return _HEADER.match(value) is not None
    return bool(_COUNTED.intersection(words)) and re.fullmatch(r"[0-9]{1,9}", value) is not None
