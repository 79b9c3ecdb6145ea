"""The text of the objects that a fix may change, with its line.

Only objects that are a separate document in a YAML file: a list that a cluster printed is fixed elsewhere. No text of another
document is kept, so no line of a Secret in the same file gets into evidence.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from arcops.finding import Location
from arcops.seen.network import Passage
from tasks.kubernetes.manifests.nodes import Mapping, Node, Scalar

KINDS = frozenset(
    ("NetworkPolicy", "PeerAuthentication", "AuthorizationPolicy", "Sidecar", "ServiceEntry", "DestinationRule", "Gateway")
)
_MARK = b"\xef\xbb\xbf"
"""The byte order mark, which a patch of the first line would have to contain, too."""
MOST_LINES = 200
MOST_CHARACTERS = 8 * 1024
"""The most lines of one object; a longer object gets a finding without a patch."""
MOST_IN_ALL = 8 * 1024 * 1024


@dataclass(slots=True)
class Passages:
    """What was kept so far; the lines of the last file are cached."""

    found: list[Passage] = field(default_factory=list)
    _left: int = MOST_IN_ALL
    _path: str = ""
    _lines: list[str] = field(default_factory=list)

    def take(self, path: str, data: bytes, document: Node) -> None:
        """Keep the lines of *document*, whose file *path* holds *data*, if it is an object that may be changed."""
        kind = document.items.get("kind") if isinstance(document, Mapping) else None
        if not isinstance(kind, Scalar) or kind.value not in KINDS:
            return
        if path.lower().endswith(".json") or data.startswith(_MARK):
            return
        if self._path != path:
            self._path, self._lines = (
                path,
                data.decode("utf-8", "replace").split("\n"),
            )  # other parts of the file may not be UTF-8
        passage = self._cut(path, document.line)
        if passage is not None and len(passage.text) <= self._left:
            self._left -= len(passage.text)
            self.found.append(passage)

    def _cut(self, path: str, line: int) -> Passage | None:
        """The object that begins on *line*, with the marks around it; `None` if its text is not plain lines."""
        lines = self._lines
        first = last = line - 1
        while last < len(lines) and last - first <= MOST_LINES and not _marks(lines[last]):
            last += 1
        ends = last >= len(lines)
        if ends and lines[-1]:
            return None  # the last line has no line end, which a patch would have to say, too
        own = lines[first : len(lines) - 1] if ends else lines[first : last + 1]
        if first and lines[first - 1] == "---":
            first -= 1
            own = ["---", *own]
        text = "".join(f"{one}\n" for one in own)
        if last - first > MOST_LINES or len(text) > MOST_CHARACTERS or not all(one.isprintable() for one in own):
            return None
        return Passage(at=Location(path=path, line=line), first=first + 1, text=text, opens=first == 0, ends=ends)


def _marks(line: str) -> bool:
    """Does *line* end a document? At the left margin only such a mark is possible, even inside a text."""
    return line.startswith(("---", "...")) and (len(line) == 3 or line[3:4].isspace())
