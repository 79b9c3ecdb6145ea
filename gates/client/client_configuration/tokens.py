"""Forms of secrets that are known, and texts that look like one because they are random: pure functions of a text."""

from __future__ import annotations

import math
import re
from collections import Counter

from gates.client.client_configuration.names import named_secret

_FORMS: tuple[tuple[str, str], ...] = (
    ("a token of GitHub", r"gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}"),
    ("a token of GitLab", r"gl(?:pat|rt|dt|cbt|ptt|ft)-[A-Za-z0-9_-]{16,}"),
    ("an access key of AWS", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}"),
    ("a key of Google", r"AIza[A-Za-z0-9_-]{30,}|ya29\.[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{20,}"),
    ("a key of OpenAI or Anthropic", r"sk-(?:proj-|ant-|svcacct-|admin-|or-)?[A-Za-z0-9_-]{20,}"),
    ("a token of Slack", r"xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,}"),
    ("a hook of Slack", r"hooks\.slack\.com/services/[A-Za-z0-9/]{20,}"),
    ("a key of Stripe", r"(?:sk|rk|whsec)_(?:live_|test_)?[A-Za-z0-9]{20,}"),
    ("a token of npm", r"npm_[A-Za-z0-9]{30,}"),
    ("a token of PyPI", r"pypi-[A-Za-z0-9_-]{30,}"),
    ("a token of Hugging Face", r"hf_[A-Za-z0-9]{20,}"),
    ("a token of Vault", r"hv[sbr]\.[A-Za-z0-9_-]{20,}"),
    ("a token of Databricks", r"dapi[a-f0-9]{32}"),
    ("a token of SendGrid", r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    ("a token of Telegram", r"\b[0-9]{8,10}:AA[A-Za-z0-9_-]{30,}"),
    ("a token of Notion or Linear", r"(?:ntn|lin_api|secret)_[A-Za-z0-9]{30,}"),
    ("a token of Docker", r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}"),
    ("a token of DigitalOcean", r"do[opr]_v1_[a-f0-9]{40,}"),
    (
        "a key of Azure",
        r"AccountKey=[A-Za-z0-9+/=]{40,}|SharedAccessSignature|[?&]sig=[A-Za-z0-9%+/=]{20,}",
    ),
    ("a token of Replicate, Perplexity or xAI", r"\br8_[A-Za-z0-9]{30,}|pplx-[A-Za-z0-9]{30,}|\bxai-[A-Za-z0-9]{40,}"),
    ("a token of Figma or Postman", r"fig[duo]_[A-Za-z0-9_-]{20,}|PMAK-[a-f0-9]{20,}"),
    ("a key of Twilio", r"\bSK[0-9a-f]{32}\b"),
    ("a token of Grafana or New Relic", r"gl(?:sa|c)_[A-Za-z0-9_=]{20,}|NRAK-[A-Z0-9]{20,}"),
    ("a token of Shopify or Sentry", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}|sntry[su]_[A-Za-z0-9_=+/-]{20,}"),
    ("a token of Supabase or PlanetScale", r"\bsb[ps]_[A-Za-z0-9_]{30,}|pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.-]{20,}"),
    ("a token of Asana", r"\b[0-9]/[0-9]{10,}(?:/[0-9]{10,})?:[a-f0-9]{30,}"),
    ("a key of Tailscale", r"tskey-[a-z]+-[A-Za-z0-9-]{16,}"),
    ("a token of RubyGems or Terraform", r"rubygems_[a-f0-9]{40,}|\.atlasv1\.[A-Za-z0-9_-]{40,}"),
    ("a hook of Discord", r"discord(?:app)?\.com/api/webhooks/[0-9]+/[A-Za-z0-9_-]{12,}"),
    ("a signature in an address", r"(?i)[?&]x-(?:amz|goog)-(?:signature|security-token)=[^&\s]{6,}"),
    ("a JSON Web Token", r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?"),
    ("a private key", r"-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File|AGE-SECRET-KEY-1[A-Z0-9]{20,}"),
    ("a password in an address", r"[a-z][a-z0-9+.-]{0,40}://[^/\s:@?#]{0,200}:[^/\s@]{1,200}@"),
    ("a user in an address", r"[Hh][Tt]{2}[Pp][Ss]?://[^/\s:@?#\"'<>]{1,200}@"),
    ("credentials of HTTP", r"(?i)\b(?:basic|bearer|negotiate|ntlm)\s+[A-Za-z0-9._~+/-]{12,}=*"),
    (
        "a value for a secret's name",
        r"(?i)(?:^|[^a-z])(?:api[_-]?key|access[_-]?key|secret|token|passwd|password|pwd|auth|credential)s?"
        r"[\"']?\s*(?:=|:|%3d)\s*[\"']?(?!\s)[^\s\"'<>${}&,]{6,}",
    ),
)
_UNDISGUISED = tuple(
    (what, re.compile(form))
    for what, form in (
        (
            "a password before a host",  # user:password@host, without a scheme; no package with its version
            r"(?:^|[\s\"'=]|//)(?!(?:npm|jsr|pypi|oci|docker|file|git|github):)[^\s:/@\"'=]+:(?:(?=[^@]*[^A-Za-z@.-])[^\s/@:]{3,}"
            r"@(?:[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b|localhost\b|[A-Za-z0-9.-]+:[0-9]{2,5}\b)|[^\s/@:]{3,}@(?:tcp|unix)\()",
        ),
        ("a password of SQL", r"(?i)\bidentified\s+(?:with\s+\S+\s+)?by\s+['\"]"),
        (
            "a line of a password file",
            r"(?:^|\s)(?=[^:]*[A-Za-z.*])[A-Za-z0-9.*-]+:(?:[0-9]{2,5}|\*):[^:\s]+:[^:\s]+:[^:\s]+(?:\s|$)",
        ),
    )
)
"""Forms of signs alone: turned or put together, an ordinary text has them, too."""
_KNOWN = tuple((what, re.compile(form)) for what, form in _FORMS)
_RANDOM = re.compile(r"[A-Za-z0-9_+/=.~-]{20,}")
_DIGEST = re.compile(
    r"(?<![A-Za-z0-9])(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}"
    r"|sha256-[A-Za-z0-9+/]{43}=|sha384-[A-Za-z0-9+/]{64}|sha512-[A-Za-z0-9+/]{86}==)(?![A-Za-z0-9+/=])"
)
"""A digest as OCI writes it, in hex, or as browsers do (Subresource Integrity), in base64: of its own length, and no more."""
_WINDOW = 24
_UUID = re.compile(r"(?i)\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b")
_GROUPS = re.compile(r"[A-Za-z0-9+]+(?:[-._/~:, ]+[A-Za-z0-9+]+){3,}")
_ODD = re.compile(r"[0-9]+[A-Za-z]|[A-Za-z][0-9]+[A-Za-z]|[a-z][A-Z]+\Z|[a-z][A-Z][a-z]*[A-Z]|[A-Z]{2,}[a-z]|[A-Z]+[0-9]")
_PAIR = re.compile(r"([A-Za-z][A-Za-z0-9_.-]{0,60})[\"']?\s*(?:=|:)\s*[\"']?(?=([^\s\"'<>${}&,;]{3,200}))")
"""A name, and what is written after it. Only looked at, because that may be the next name: ``note: PGPASSWORD=…``."""
_TOLD = re.compile(
    r"([A-Za-z][A-Za-z0-9_-]{1,60})[\"']?\s*(?:\s(?:is|as|was)\s|[\s/.>(]+)\s*[\"']?(?=([^\s\"'<>(){}/&,;]{6,200}))"
)
"""A name and a value without a sign between them: ``the password is …``, ``<password>…``, ``/token/…``."""
_MIXED = re.compile(r"(?=.*[A-Za-z])(?=.*[0-9])[^\s/:._=-]{6,}\Z")
_METHOD = re.compile(
    r"(?i)(?:sha|md|aes|hs|rs|es|ps|eddsa|ed|base|ascii|utf|http|oauth|rfc|oidc|saml|x)-?v?[0-9]+(?:[a-z][a-z0-9]*)?\Z|v[0-9][a-z0-9]*\Z"
)
"""What is written after the word for a secret, with figures in it, and is not a secret: ways to make one."""
_NO_VALUES = frozenset(
    ("bearer", "digest", "basic", "true", "false", "none", "null", "yes", "off", "auto", "env", "file", "stdin", "read",
     "write", "value", "string", "str", "required", "optional", "oauth", "oauth2", "jwt", "the", "and", "for")
)  # fmt: skip
"""What stands after a secret's name and is no secret: schemes, kinds and switches."""
_WORDS = re.compile(r"[a-z]{2,14}|[A-Z][a-z]{1,13}|[A-Z]{2,12}|[0-9]{1,8}")
_HEX = re.compile(r"(?<![0-9A-Za-z])(?:[0-9a-f]{32,}|[0-9A-F]{32,})(?![0-9A-Za-z])")
_VOWEL = re.compile(r"(?i)[aeiouy]|^.{1,3}$|^[0-9]+$|^(?:http|https|html)$")
_HUMPS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")


def secret_form(text: str) -> str:
    """The known form of a secret that stands in *text*, in words; empty if there is no such form."""
    return next((what for what, form in _KNOWN if form.search(text)), "")


def secret_pair(text: str, harmless: frozenset[str] = frozenset(), *, disguised: bool = False) -> str:
    """A name in *text* that says that a secret is written after it (``PGPASSWORD=…``); empty if no name says so.

    If *text* is what another one may say in disguise, a short name says nothing: turned letters make ``PW`` of any sentence.

    Values that are *harmless*, such as the names of inputs, and the schemes of HTTP, of which the value comes after, are not
    secrets.
    """
    for found in _PAIR.finditer(text):
        name, value = found[1], found[2]
        if value.startswith("//") or value in harmless or value.lower() in _NO_VALUES:
            continue
        short = len(value) < 6 and "=" not in text[found.end(1) : found.start(2)] and len(text.split()) > 2
        if named_secret(name, value, shortly=not disguised) and not short:  # "password: ask your admin" is a sentence
            return f"a value for {name}"
    if disguised:
        return ""
    for found in _TOLD.finditer(text):
        name, value = found[1], found[2].rstrip(".,;!?)")
        if name.lower() in ("key", "keys"):  # of a keyboard, a table, a map
            continue
        if _MIXED.match(value) and not _METHOD.match(value) and named_secret(name, value) and value not in harmless:
            return f"a value after {name}"
    return next((what for what, form in _UNDISGUISED if form.search(text)), "")


def random_groups(text: str) -> str:
    """A row of groups in *text* that look random, such as a key with dashes in it; empty if there is no such row.

    A group is odd if letters and digits, or large and small letters, are mixed in it as no word mixes them. Four odd ones with
    16 characters or more, of which no two are further apart than one other group, are such a row.
    """
    for found in _GROUPS.finditer(_UUID.sub(" ", _DIGEST.sub(" ", text))):
        row: list[str] = []
        missed = 0
        groups = re.split(r"[-._/~:, ]+", found[0])
        if ":" in found[0] and all(re.fullmatch(r"[0-9A-Fa-f]{1,4}", one) for one in groups):
            continue  # an address of IPv6
        for group in groups:
            if len(group) >= 3 and _ODD.search(group):
                row, missed = [*row, group], 0
            else:
                row, missed = (row, missed + 1) if missed == 0 else ([], 0)
            if len(row) >= 4 and sum(map(len, row)) >= 16 and _bits("".join(row)) > 2.75:
                return f"{row[0][:3]}… in {len(groups)} groups"
    return ""


def random_part(text: str) -> str:
    """A part of *text* that looks random, shortened to be shown; empty if there is no such part.

    Random: at least 20 characters of the alphabets of encodings, of which 16 are in no word and no number, with more than 3
    bits each. A digest that names what it is (``sha256:``) and a UUID are no secrets by themselves.
    """
    for found in _RANDOM.finditer(_UUID.sub(" ", _DIGEST.sub(" ", text))):
        part = found[0]
        left = "".join(one for one in re.split(r"[-_./=~+]", part) if not _worded(one))
        if (len(left) >= 16 and _densest(left) > 3.0 and _mixed(left)) or (_HEX.search(part) and _bits(part) > 2.5):
            return f"{part[:3]}… ({len(part)} characters)"
    return ""


def _bits(text: str) -> float:
    """The entropy of *text* in bits a character (Shannon)."""
    counts = Counter(text)
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts.values())


def _densest(text: str) -> float:
    """The entropy of the densest part of *text*, so that a dull text beside a random one does not hide it."""
    parts = (text[at : at + _WINDOW] for at in range(0, len(text) - _WINDOW + 1, _WINDOW // 3))
    return max(map(_bits, (text, *parts)))


def _mixed(text: str) -> bool:
    kinds = (any(c.islower() for c in text), any(c.isupper() for c in text), any(c.isdigit() for c in text))
    return sum(kinds) >= 2 and (kinds[2] or len(text) >= 32)


def _worded(text: str) -> bool:
    """Is it a word, a number, or a few of them in one (``getUser2``)? Many short pieces are no word."""
    pieces = [one for one in _HUMPS.findall(text) if len(one) > 1 or one.isdigit()]
    said = sum(len(one) for one in pieces if (_WORDS.fullmatch(one) and _VOWEL.search(one) and len(one) > 2) or one.isdigit())
    return len(pieces) <= 1 + len(text) // 4 and said * 4 >= len(text) * 3
