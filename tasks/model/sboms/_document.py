"""One file that may be an SBOM: its name, its claimed format, and the decoded JSON, or a sentence why it cannot be decoded."""

from __future__ import annotations

from arcops.errors import Refused
from arcops.late_dataclass import dataclass
from arcops.seen.sboms import SbomSeen
from artifacts.envelope import strict_json
from tasks.model.sboms._fields import short

# Each value takes the interpreter about a hundred bytes whatever its length, so a limit on bytes alone does not bound memory.
MOST_VALUES = 3_000_000
# The gates hold the same values again, so this also bounds the memory of a check.
MOST_COMPONENTS = 100_000

UTF16 = (b"\xff\xfe", b"\xfe\xff")
UTF8_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The bytes of one file, and which paths the subject has (a component's name is a path only if it is one of them)."""

    path: str
    sha256: str
    data: bytes
    attached: bool = False
    paths: frozenset[str] = frozenset()

    def broken(self, *problems: str, format: str = "unknown", version: str = "", encoding: str = "") -> SbomSeen:
        """The result for a file that cannot be read or trusted."""
        return SbomSeen(
            path=self.path,
            sha256=self.sha256,
            format=format,
            spec_version=version,
            problems=tuple(short(problem) for problem in problems),
            encoding=encoding,
            attached=self.attached,
        )

    def path_of(self, name: str) -> str:
        """*name* as a path of the subject; empty if the subject has no such file."""
        relative = name.removeprefix("./")
        return relative if relative in self.paths else ""


def decode(data: bytes) -> dict[str, object]:
    """The JSON object in *data*. Raises `Refused`, with one sentence, for other content and for too many values."""
    if data.startswith(UTF16) or data[:4].count(0) >= 2:
        raise Refused("The document is in UTF-16 or UTF-32, but JSON must be UTF-8 (RFC 8259, section 8.1); save it as UTF-8.")
    if data.startswith(UTF8_MARK):
        raise Refused(
            "The document begins with a byte order mark, which JSON must not have (RFC 8259, section 8.1); save it without one."
        )
    values = data.count(b",") + data.count(b"[") + data.count(b"{")
    if values > MOST_VALUES:
        raise Refused(f"The document has about {values} values; the limit is {MOST_VALUES}. Split it.")
    try:
        document = strict_json(data, "the document")
    except Refused as refused:
        raise Refused(f"{_capital(str(refused))}.") from refused
    if not isinstance(document, dict):
        raise Refused("The document is JSON, but not an object.")
    return document


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
