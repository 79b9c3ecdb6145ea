"""Forms of secrets that are known, and texts that look like one because they are random: pure functions of a text."""

from __future__ import annotations

import math
import re
from collections import Counter

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
    ("a JSON Web Token", r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?"),
    ("a private key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----|PuTTY-User-Key-File|AGE-SECRET-KEY-1[A-Z0-9]{20,}"),
    ("a password in an address", r"[a-z][a-z0-9+.-]*://[^/\s:@?#]*:[^/\s@]+@"),
    ("credentials of HTTP", r"(?i)\b(?:basic|bearer)\s+[A-Za-z0-9._~+/-]{12,}=*"),
    (
        "a value for a secret's name",
        r"(?i)(?:^|[^a-z])(?:api[_-]?key|access[_-]?key|secret|token|passwd|password|pwd|auth|credential)s?"
        r"[\"']?\s*(?:=|:|%3d)\s*[\"']?(?!\s)[^\s\"'<>${}&,]{6,}",
    ),
)
_KNOWN = tuple((what, re.compile(form)) for what, form in _FORMS)
_RANDOM = re.compile(r"[A-Za-z0-9_+/=.~-]{20,}")
_DIGEST = re.compile(r"(?:sha256|sha384|sha512)[:-][A-Za-z0-9+/=]+")
_WORDS = re.compile(r"[a-z]{3,}|[A-Z][a-z]{2,}|[A-Z]{3,}")
_SECRET_NAME = re.compile(
    r"(?i)(?:^|[_-])(?:api[_-]?key|access[_-]?key|secret|token|passwd|password|pwd|pat|auth|credentials?|private[_-]?key)(?:[_-]|$)"
    r"|^(?:authorization|cookie|proxy-authorization|x-api-key)$"
)


def named_secret(name: str) -> bool:
    """Is *name* that of a variable, header or parameter that holds a secret?"""
    return _SECRET_NAME.search(name) is not None


def secret_form(text: str) -> str:
    """The known form of a secret that stands in *text*, in words; empty if there is no such form."""
    return next((what for what, form in _KNOWN if form.search(text)), "")


def random_part(text: str) -> str:
    """A part of *text* that looks random, shortened to be shown; empty if there is no such part.

    Random: at least 20 characters of the alphabets of encodings, few of which are words, with more than 3.6 bits each. A digest
    that names what it is (``sha256:``) is no secret.
    """
    for found in _RANDOM.finditer(_DIGEST.sub(" ", text)):
        part = found[0]
        if _bits(part) > 3.6 and _mixed(part) and _wordless(part):
            return f"{part[:3]}… ({len(part)} characters)"
    return ""


def _bits(text: str) -> float:
    """The entropy of *text* in bits a character (Shannon)."""
    counts = Counter(text)
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts.values())


def _mixed(text: str) -> bool:
    kinds = (any(c.islower() for c in text), any(c.isupper() for c in text), any(c.isdigit() for c in text))
    return sum(kinds) >= 2 and (kinds[2] or len(text) >= 32)


def _wordless(text: str) -> bool:
    """Do words cover less than half of it? A long path or a package's name is made of words."""
    covered = sum(len(one[0]) for one in _WORDS.finditer(text) if len(one[0]) >= 4)
    return covered * 2 < len(text)
